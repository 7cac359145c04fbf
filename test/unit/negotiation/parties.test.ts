import { describe, expect, test } from 'vitest';
import { audio, Conversation, portOf } from './sample.js';

function tags(conversation: Conversation): (string | undefined)[] {
  return (conversation.call?.legs ?? []).map(({ tag }) => tag);
}

describe('an offer without To tag', () => {
  test('to a new branch is a fork with ports of its own', () => {
    const conversation = new Conversation();
    const first = portOf(conversation.offer(audio(10, 4000), {}, { branch: 'br1' }));
    const second = portOf(conversation.offer(audio(10, 4000), {}, { branch: 'br2' }));
    expect(second).not.toBe(first);
    expect(portOf(conversation.offer(audio(10, 4000), {}, { branch: 'br1' }))).toBe(first);
    expect(tags(conversation)).toEqual(['alice', undefined, undefined]);
  });

  test('with the sender as To tag is a first offer like any other', () => {
    const conversation = new Conversation();
    expect(portOf(conversation.offer(audio(10, 4000), {}, { to: 'alice' }))).toBeGreaterThan(0);
    expect(conversation.tryOffer(audio(10, 4000), {}, { to: 'alice' })).toMatchObject({
      kind: 'failure',
      message: 'Invalid dialogue association',
    });
  });
});

describe('an answer', () => {
  test('names the peer of its branch', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), {}, { branch: 'br1' });
    conversation.offer(audio(10, 4000), {}, { branch: 'br2' });
    conversation.answer(audio(30, 5000), {}, { to: 't2', branch: 'br2' });
    conversation.answer(audio(20, 5000), {}, { to: 't1', branch: 'br1' });
    expect(tags(conversation)).toEqual(['alice', 't1', 't2']);
  });

  test('under a second tag is the same party under another name', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    conversation.answer(audio(20, 5000), {}, { to: 'first' });
    conversation.answer(audio(20, 5000), {}, { to: 'second' });
    expect(tags(conversation)).toEqual(['alice', 'second']);
    expect(conversation.call?.legs[1]?.aliases).toEqual(['first']);
    conversation.answer(audio(20, 5000), {}, { to: 'first' });
    expect(tags(conversation)).toEqual(['alice', 'second']);
  });

  test.each([
    ['asked for', {}, { newBranch: true }],
    ['after a final answer', { sipCode: 200 }, {}],
  ])('under a second tag is another party when %s', (_, first, second) => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    conversation.answer(audio(20, 5000), first, { to: 'first' });
    conversation.answer(audio(30, 5000), second, { to: 'second' });
    expect(tags(conversation)).toEqual(['alice', 'first', 'second']);
  });

  test('under a second tag after a final answer can still be called provisional', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    conversation.answer(audio(20, 5000), { sipCode: 200 }, { to: 'first' });
    conversation.answer(audio(20, 5000), { provisional: true }, { to: 'second' });
    expect(tags(conversation)).toEqual(['alice', 'second']);
  });

  test('to a party nobody knows is taken without touching the real dialogue', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    const told = conversation.answer(audio(20, 5000), {}, { from: 'nobody', to: 'bob' });
    expect(portOf(told)).toBeGreaterThan(0);
    expect(conversation.call?.legs[1]?.tag).toBeUndefined();
  });

  test('of an unknown call, and of a party to itself, is refused', () => {
    const conversation = new Conversation();
    expect(conversation.tryAnswer(audio(20, 5000))).toMatchObject({ message: 'Unknown call-id' });
    conversation.offer(audio(10, 4000));
    expect(conversation.tryAnswer(audio(20, 5000), {}, { to: 'alice' })).toMatchObject({
      message: 'Invalid dialogue association',
    });
  });
});

describe('the media of a fork', () => {
  function forked(last: { readonly sipCode?: number } = {}): Conversation {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), {}, { branch: 'br1' });
    conversation.offer(audio(10, 4000), {}, { branch: 'br2' });
    conversation.answer(audio(20, 5000), {}, { to: 't1', branch: 'br1' });
    conversation.answer(audio(30, 5000), last, { to: 't2', branch: 'br2' });
    return conversation;
  }

  /** Routes as `from → to` in tags. */
  function hears(conversation: Conversation): string[] {
    const legs = conversation.call?.legs ?? [];
    const owner = (stream: number) =>
      legs.find(({ streams }) => streams.some(({ id }) => id === stream))?.tag;
    return (conversation.plan?.routes ?? []).map(({ from, to }) => `${owner(from)} → ${owner(to)}`).sort();
  }

  test.each([
    ['', {}],
    [', whether that was said to be final', { sipCode: 200 }],
    [' or provisional', { sipCode: 183 }],
  ])('is between the offerer and the branch that answered last%s', (_, last) => {
    expect(hears(forked(last))).toEqual(['alice → t2', 't2 → alice']);
  });

  test('has a port towards the offerer for each address that answers', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), {}, { branch: 'br1' });
    conversation.offer(audio(10, 4000), {}, { branch: 'br2' });
    const first = portOf(conversation.answer(audio(20, 5000), {}, { to: 't1', branch: 'br1' }));
    const second = portOf(conversation.answer(audio(30, 5000), {}, { to: 't2', branch: 'br2' }));
    expect(second).not.toBe(first);
    expect(portOf(conversation.answer(audio(20, 5000), {}, { to: 't1', branch: 'br1' }))).toBe(first);
  });

  test('is refused when there are more branches than one record holds', () => {
    const conversation = new Conversation();
    const offer = (branch: number) =>
      conversation.tryOffer(audio(10, 4000), {}, { branch: `z9hG4bK-${branch}` });
    let branches = 0;
    let result = offer(branches);
    for (; result.kind === 'step' && branches < 200; result = offer(branches)) {
      conversation.accept(result);
      branches += 1;
    }
    expect(result).toMatchObject({ kind: 'failure', code: 'limit' });
    expect(branches).toBeGreaterThan(20);
    expect(conversation.plan?.memo.length).toBeLessThanOrEqual(16 * 1024);
  });
});

describe('a delayed offer', () => {
  test('is an offer of the called party, answered by the calling one', () => {
    const conversation = new Conversation();
    conversation.offer(audio(20, 5000), {}, { from: 'bob', to: 'alice' });
    conversation.answer(audio(10, 4000), {}, { from: 'bob', to: 'alice' });
    expect(tags(conversation)).toEqual(['bob', 'alice']);
    expect(conversation.plan?.routes).toHaveLength(2);
  });
});
