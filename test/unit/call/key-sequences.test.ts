import { describe, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { afterKey, nextGuardEnd, withoutGuardsDue } from '../../../src/call/key-sequences.js';
import { nextDeadline } from '../../../src/call/lifecycle.js';
import { keyBlock, withKeyBlock, withSenderKeys } from '../../../src/negotiation/key-blocks.js';
import { DEFAULT_FLAGS, KEYPAD, type KeyWish } from '../../../src/command/flags.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { decodeCall, encodeCall } from '../../../src/store/call-codec.js';
import { audio, Conversation, FACTS } from '../negotiation/sample.js';

const GAP_MS = 2500;

class Dialled {
  call: Call;
  now = FACTS.now;
  codes: string[] = [];

  constructor(change: (call: Call) => Call) {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    conversation.answer(audio(20, 5000));
    if (conversation.call === undefined) throw new Error('there is no call');
    this.call = change(conversation.call);
  }

  /** The keys of one party, 100 ms apart; after each the call has been stored and read again. */
  press(keys: string, party: 'a' | 'b' = 'a'): string {
    const stream = this.call.legs[party === 'a' ? 0 : 1]?.streams[0]?.id ?? 0;
    for (const key of keys) {
      this.now += 100;
      const times = { now: this.now, longestGapMs: GAP_MS };
      const { call, codes } = afterKey(this.call, { stream, event: KEYPAD.indexOf(key) }, times);
      const isRuled = planText(call) !== planText(this.call);
      expect(call.revision).toBe(this.call.revision + (isRuled ? 1 : 0));
      expect(decodeCall(encodeCall(call))).toEqual(call);
      this.call = call;
      this.codes.push(...codes);
    }
    return this.actions();
  }

  /** What becomes of keys of alice, then of bob. */
  actions(): string {
    const { streams, routes } = planOf(this.call);
    const actions = streams.map(({ id }) => routes.find(({ from }) => from === id)?.telephoneEvents);
    return actions.map((action) => (typeof action === 'string' ? action : JSON.stringify(action))).join(' ');
  }
}

/** What the data plane has to know. */
function planText(call: Call): string {
  return JSON.stringify(planOf(call).routes);
}

function guarded(wish: KeyWish, leg?: 'a'): Dialled {
  const block = keyBlock(wish, FACTS.random);
  return new Dialled((call) => withKeyBlock(call, leg && call.legs[0]?.id, block));
}

describe('a trigger', () => {
  test('has keys hidden from the next one on until the keys that end it', () => {
    const call = guarded({ trigger: '*1', endTrigger: '#' }, 'a');
    expect(call.press('12*')).toBe('forward forward');
    expect(call.press('1')).toBe('drop forward');
    expect(call.press('4711')).toBe('drop forward');
    expect(call.press('#')).toBe('forward forward');
  });

  test('can be pressed again when what it brought is over', () => {
    const call = guarded({ trigger: '*1', endAfterKeys: 2 }, 'a');
    call.press('*112');
    expect(call.actions()).toBe('forward forward');
    expect(call.press('*1')).toBe('drop forward');
  });

  test('has a mode of its own before, while it holds, and afterwards', () => {
    const call = guarded({
      mode: 'drop',
      trigger: '1',
      triggered: 'zero',
      ended: 'silence',
      endAfterKeys: 1,
    });
    expect(call.actions()).toBe('drop drop');
    expect(call.press('1')).toBe('{"replace":{"event":0}} {"replace":{"event":0}}');
    expect(call.press('5')).toBe('silence silence');
  });

  test.each(['**1', '*#*1', '*1'])('is found within %s', (keys) => {
    expect(guarded({ trigger: '*1' }, 'a').press(keys)).toBe('drop forward');
  });

  test('is not what two parties press together, or one after a pause', () => {
    const call = guarded({ trigger: '*1' });
    call.press('*');
    expect(call.press('1', 'b')).toBe('forward forward');
    call.press('*');
    call.now += GAP_MS;
    expect(call.press('1')).toBe('forward forward');
  });

  test('of one party is not pressed by another one', () => {
    expect(guarded({ trigger: '*1' }, 'a').press('*1', 'b')).toBe('forward forward');
  });

  test('holds no longer than its time', () => {
    const call = guarded({ trigger: '*1', endAfterMs: 10_000 }, 'a');
    expect(nextGuardEnd(call.call)).toBeUndefined();
    call.press('*1');
    const endMs = call.now + 10_000;
    expect(nextDeadline(call.call)).toBe(endMs);
    expect(withoutGuardsDue(call.call, endMs - 1)).toBe(call.call);
    call.call = withoutGuardsDue(call.call, endMs);
    expect(call.actions()).toBe('forward forward');
    expect(nextGuardEnd(call.call)).toBeUndefined();
  });

  test('without an end holds until the client says otherwise', () => {
    const call = guarded({ trigger: '*1' }, 'a');
    call.press('*1');
    const leg = call.call.legs[0]?.id;
    call.call = withKeyBlock(call.call, leg, { rule: undefined, guard: undefined });
    expect(call.actions()).toBe('forward forward');
    expect(planOf(call.call).reportTelephoneEvents).toBe(false);
    expect(call.press('*1')).toBe('forward forward');
  });

  test.each<[string, KeyWish]>([
    ['drop', { trigger: '*1', endTrigger: '#' }],
    ['random', { mode: 'random', trigger: '*1', triggered: 'random', endTrigger: '#' }],
    ['zero', { mode: 'zero', trigger: '*1', triggered: 'silence', ended: 'drop', endTrigger: '#' }],
  ])('holds on when a message says the same again: %s', (_, wish) => {
    const call = guarded(wish, 'a');
    const again = () => {
      const seed = { bytes: (count: number) => new Uint8Array(count).fill(9) };
      call.call = withKeyBlock(call.call, call.call.legs[0]?.id, keyBlock(wish, seed));
      return call.actions();
    };
    for (const keys of ['*', '1', '47', '#']) expect(call.press(keys)).toBe(again());
    call.press('*');
    again();
    const before = call.actions();
    expect(call.press('1')).not.toBe(before);
  });

  test.each<[string, KeyWish, string]>([
    ['mode', { mode: 'zero', trigger: '*1', endTrigger: '#' }, '{"replace":{"event":0}}'],
    ['trigger', { trigger: '*2', endTrigger: '#' }, 'forward'],
    ['end', { trigger: '*1', endTrigger: '##' }, 'forward'],
    ['time', { trigger: '*1', endTrigger: '#', endAfterMs: 1000 }, 'forward'],
    ['number of keys', { trigger: '*1', endTrigger: '#', endAfterKeys: 3 }, 'forward'],
    ['mode while it holds', { trigger: '*1', endTrigger: '#', triggered: 'zero' }, 'forward'],
    ['mode afterwards', { trigger: '*1', endTrigger: '#', ended: 'zero' }, 'forward'],
  ])('begins anew when a message wants another %s', (_, wish, action) => {
    const call = guarded({ trigger: '*1', endTrigger: '#' }, 'a');
    call.press('*1');
    call.call = withKeyBlock(call.call, call.call.legs[0]?.id, keyBlock(wish, FACTS.random));
    expect(call.actions()).toBe(`${action} forward`);
  });

  test('has packets read, since keys have to be heard', () => {
    expect(guarded({ trigger: '*1' }).call.readsKeys).toBe(true);
  });

  test('leaves the call as it is while other keys are pressed', () => {
    const call = guarded({ trigger: '*1' }, 'a');
    const before = call.call;
    call.press('4711');
    expect(call.call).toBe(before);
  });
});

describe('codes for recordings', () => {
  const flags = {
    ...DEFAULT_FLAGS,
    recordingCodesCount: true,
    recordingCodes: { start: '*1', 'start-stop': '*9' },
  };

  function coded(more = {}): Dialled {
    return new Dialled((call) => said(call, more));
  }

  /** The first party's message says so of codes. */
  function said(call: Call, more = {}): Call {
    const defaults = { ...FACTS.defaults, recordingCodes: { stop: '*2', start: '*5' } };
    return withSenderKeys(call, call.legs[0]?.id ?? 0, { ...flags, ...more }, { ...FACTS, defaults }).call;
  }

  test('are those of the message, otherwise those of the configuration', () => {
    const call = coded();
    call.press('*1*2*9*5');
    expect(call.codes).toEqual(['start', 'stop', 'start-stop']);
  });

  test('count for the party whose message said so, and only with the flag', () => {
    const call = coded();
    call.press('*1', 'b');
    expect(call.codes).toEqual([]);
    const unflagged = coded({ recordingCodesCount: false });
    unflagged.press('*1');
    expect(unflagged.codes).toEqual([]);
  });

  test('go on where they were when a message says the same again, and begin anew when it says otherwise', () => {
    const call = coded();
    call.press('*');
    call.call = said(call.call);
    call.press('1*');
    expect(call.codes).toEqual(['start']);
    call.call = said(call.call, { recordingCodes: { start: '##' } });
    call.press('1#');
    expect(call.codes).toEqual(['start']);
  });

  test('count each time', () => {
    const call = coded();
    call.press('*9*9');
    expect(call.codes).toEqual(['start-stop', 'start-stop']);
  });
});
