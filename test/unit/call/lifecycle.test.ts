import { describe, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { deleteParty, expire, nextDeadline } from '../../../src/call/lifecycle.js';
import type { DeleteCommand } from '../../../src/command/command.js';
import { audio, Conversation, FACTS } from '../negotiation/sample.js';

const NOW = FACTS.now + 5000;

function command(fields: Partial<DeleteCommand> = {}): DeleteCommand {
  return { kind: 'delete', callId: 'call@example', fatal: false, fast: false, delaySeconds: 0, ...fields };
}

function callOf(conversation: Conversation): Call {
  if (conversation.call === undefined) throw new Error('there is no call');
  return conversation.call;
}

function answered(): Conversation {
  const conversation = new Conversation();
  conversation.offer(audio(10, 4000));
  conversation.answer(audio(20, 5000));
  return conversation;
}

/** alice with two branches, of which the second has answered as t2. */
function forked(): Conversation {
  const conversation = new Conversation();
  conversation.offer(audio(10, 4000), {}, { branch: 'br1' });
  conversation.offer(audio(10, 4000), {}, { branch: 'br2' });
  conversation.answer(audio(30, 5000), {}, { to: 't2', branch: 'br2' });
  return conversation;
}

describe('delete', () => {
  test.each([{}, { fromTag: 'alice' }, { fromTag: 'bob' }, { fromTag: 'alice', toTag: 'bob' }])(
    'of %j ends a call of two parties',
    (fields) => {
      expect(deleteParty(callOf(answered()), command(fields), NOW)).toEqual({ kind: 'call' });
    },
  );

  test('of an unknown tag finds nothing', () => {
    expect(deleteParty(callOf(answered()), command({ fromTag: 'eve' }), NOW)).toEqual({ kind: 'notFound' });
  });

  test('of a branch leaves the others', () => {
    const deletion = deleteParty(callOf(forked()), command({ fromTag: 'alice', viaBranch: 'br1' }), NOW);
    expect(deletion).toMatchObject({ kind: 'party', call: { legs: [{ tag: 'alice' }, { tag: 't2' }] } });
  });

  test('of the offerer takes the branches along', () => {
    expect(deleteParty(callOf(forked()), command({ fromTag: 'alice' }), NOW)).toEqual({ kind: 'call' });
  });

  test('before the answer ends the call, even with a To tag nobody knows', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    const fields = { fromTag: 'alice', toTag: 'unknown' };
    expect(deleteParty(callOf(conversation), command(fields), NOW)).toEqual({ kind: 'call' });
  });

  test('by a former tag finds the party', () => {
    const conversation = answered();
    conversation.answer(audio(20, 5000), {}, { to: 'other' });
    expect(deleteParty(callOf(conversation), command({ fromTag: 'bob' }), NOW)).toEqual({ kind: 'call' });
  });
});

describe('a delayed delete', () => {
  test('waits the configured time unless the client says otherwise', () => {
    const { delaySeconds: _, ...byDefault } = command();
    const scheduled = deleteParty(callOf(answered()), byDefault, NOW);
    expect(scheduled).toMatchObject({ kind: 'scheduled', call: { deleteAtMs: NOW + 30_000 } });
    const asDefault = deleteParty(callOf(answered()), command({ delaySeconds: -1 }), NOW);
    expect(asDefault).toMatchObject({ kind: 'scheduled', call: { deleteAtMs: NOW + 30_000 } });
    const soon = deleteParty(callOf(answered()), command({ delaySeconds: 2 }), NOW);
    expect(soon.kind === 'scheduled' && nextDeadline(soon.call)).toBe(NOW + 2000);
  });

  test('is carried out when its time has come, not before', () => {
    const scheduled = deleteParty(callOf(answered()), command({ delaySeconds: 2 }), NOW);
    if (scheduled.kind !== 'scheduled') throw new Error('not scheduled');
    expect(expire(scheduled.call, NOW + 1999)).toEqual({ kind: 'nothing' });
    expect(expire(scheduled.call, NOW + 2000)).toEqual({ kind: 'call', reason: 'deleted' });
  });

  test('is called off by a new offer', () => {
    const conversation = answered();
    const scheduled = deleteParty(callOf(conversation), command({ delaySeconds: 2 }), NOW);
    if (scheduled.kind !== 'scheduled') throw new Error('not scheduled');
    conversation.call = scheduled.call;
    conversation.offer(audio(10, 4000), {}, { to: 'bob' });
    expect(nextDeadline(callOf(conversation))).toBeUndefined();
  });

  test('of a branch removes only the branch', () => {
    const fields = { fromTag: 'alice', viaBranch: 'br1', delaySeconds: 2 };
    const scheduled = deleteParty(callOf(forked()), command(fields), NOW);
    if (scheduled.kind !== 'scheduled') throw new Error('not scheduled');
    expect(scheduled.call.legs).toHaveLength(3);
    expect(expire(scheduled.call, NOW + 2000)).toMatchObject({
      kind: 'party',
      call: { legs: [{ tag: 'alice' }, { tag: 't2' }] },
    });
  });
});

test('a party that is to go stays if a new offer is for it', () => {
  const conversation = forked();
  const later = command({ fromTag: 'alice', viaBranch: 'br1', delaySeconds: 2 });
  const scheduled = deleteParty(callOf(conversation), later, NOW);
  if (scheduled.kind !== 'scheduled') throw new Error('not scheduled');
  conversation.call = scheduled.call;
  conversation.offer(audio(10, 4000), {}, { branch: 'br1' });
  expect(expire(callOf(conversation), NOW + 2000)).toEqual({ kind: 'nothing' });
});

test('a call ends at its final timeout whatever happens', () => {
  const facts = { ...FACTS, defaults: { ...FACTS.defaults, finalTimeoutMs: 60_000 } };
  const conversation = new Conversation(facts);
  conversation.offer(audio(10, 4000));
  expect(nextDeadline(callOf(conversation))).toBe(FACTS.now + 60_000);
  expect(expire(callOf(conversation), FACTS.now + 60_000)).toEqual({ kind: 'call', reason: 'finalTimeout' });
});
