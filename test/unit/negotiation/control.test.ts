import { describe, expect, test } from 'vitest';
import type { MediaControlCommand, MediaControlKind } from '../../../src/command/command.js';
import { controlMedia } from '../../../src/negotiation/control.js';
import { withTap } from '../../../src/call/taps.js';
import { describeCall } from '../../../src/call/statistics.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { decodeCall, encodeCall } from '../../../src/store/call-codec.js';
import { audio, Conversation, FACTS } from './sample.js';

class Controlled {
  readonly conversation = new Conversation();

  constructor() {
    this.conversation.offer(audio(10, 4000), { label: 'caller' });
    this.conversation.answer(audio(20, 5000), { label: 'callee' });
  }

  do(action: MediaControlKind, fields: Partial<MediaControlCommand> = {}, facts = FACTS): string {
    if (this.conversation.call === undefined) throw new Error('there is no call');
    const command: MediaControlCommand = {
      kind: 'media control',
      action,
      callId: 'call@example',
      from: {},
      ...fields,
    };
    const result = controlMedia(this.conversation.call, command, facts);
    if (result.kind === 'failure') return result.message;
    expect(result.call.revision).toBeGreaterThan(this.conversation.call.revision);
    this.conversation.call = result.call;
    return this.actions();
  }

  /** What happens to media and digits of alice, then of bob. */
  actions(): string {
    if (this.conversation.call === undefined) return '';
    const { streams, routes } = planOf(this.conversation.call);
    return streams
      .map(({ id }) => routes.find(({ from }) => from === id))
      .map((route) => `${route?.media}/${route?.telephoneEvents}`)
      .join(' ');
  }
}

describe('blocking', () => {
  test('without a party concerns the whole call, and leaves digits alone', () => {
    const call = new Controlled();
    expect(call.do('block media')).toBe('drop/forward drop/forward');
    expect(call.do('unblock media')).toBe('forward/forward forward/forward');
  });

  test.each([
    ['tag', { tag: 'alice' }],
    ['label', { label: 'caller' }],
    ['address', { address: '198.51.100.10' }],
  ])('by %s concerns what that party sends', (_, from) => {
    const call = new Controlled();
    expect(call.do('silence media', { from })).toBe('silence/forward forward/forward');
    expect(call.do('block DTMF', { from })).toBe('silence/drop forward/forward');
    expect(call.do('block media', { from })).toBe('drop/drop forward/forward');
    expect(call.do('unsilence media', { from })).toBe('drop/drop forward/forward');
  });

  test('of a party survives unblocking the call, unless all are meant', () => {
    const call = new Controlled();
    call.do('block media', { from: { tag: 'bob' } });
    expect(call.do('unblock media')).toBe('forward/forward drop/forward');
    expect(call.do('unblock media', { from: { all: 'all' } })).toBe('forward/forward forward/forward');
  });

  test.each([{ tag: 'bob' }, { label: 'callee' }])('of a flow to %j concerns only what goes there', (to) => {
    const call = new Controlled();
    expect(call.do('block media', { from: { tag: 'alice' }, to })).toBe('drop/forward forward/forward');
    expect(call.do('unblock media', { from: { tag: 'alice', all: 'flows' } })).toBe(
      'forward/forward forward/forward',
    );
  });

  test('labels the party on the way', () => {
    const call = new Controlled();
    call.do('block media', { from: { tag: 'alice' }, setLabel: 'renamed' });
    expect(call.do('unblock media', { from: { label: 'renamed' } })).toBe('forward/forward forward/forward');
  });

  test('lasts through a new offer and answer', () => {
    const call = new Controlled();
    call.do('block media', { from: { tag: 'alice' } });
    call.conversation.offer(audio(10, 4000), {}, { to: 'bob' });
    call.conversation.answer(audio(20, 5000));
    expect(call.actions()).toBe('drop/forward forward/forward');
  });
});

describe('a party that is not there', () => {
  const cases: [string, Partial<MediaControlCommand>][] = [
    ['From-tag given, but no such tag exists', { from: { tag: 'eve' } }],
    ['No monologue matching the given label', { from: { label: 'eve' } }],
    ['Failed to match address to any tag', { from: { address: '192.0.2.1' } }],
    ['Failed to parse network address', { from: { address: 'somewhere' } }],
    ['Media flow not found (to-tag not found)', { from: { tag: 'alice' }, to: { tag: 'eve' } }],
    ['Media flow not found (to-label not found)', { from: { tag: 'alice' }, to: { label: 'eve' } }],
    ['Media flow not found (to-tag not subscribed)', { from: { tag: 'alice' }, to: { tag: 'alice' } }],
    ['No eligible media subscriptions found', { from: { tag: 'alice', all: 'except-offer-answer' } }],
  ];
  test.each(cases)('is answered with: %s', (message, fields) => {
    expect(new Controlled().do('block media', fields)).toBe(message);
  });
});

describe('forwarding to a recorder', () => {
  const shown = ({ conversation }: Controlled) => {
    if (conversation.call === undefined) throw new Error('there is no call');
    expect(decodeCall(encodeCall(conversation.call))).toEqual(conversation.call);
    const { forwarding, parties } = describeCall(conversation.call, null, null, 0);
    return [forwarding, ...parties.map((party) => party.forwarding)];
  };

  test('is remembered for the call, and changes no media', () => {
    const call = new Controlled();
    expect(call.do('start forwarding')).toBe('forward/forward forward/forward');
    expect(shown(call)).toEqual([true, undefined, undefined]);
    call.do('stop forwarding');
    expect(shown(call)).toEqual([undefined, undefined, undefined]);
  });

  test.each([
    ['tag', { tag: 'alice' }],
    ['label', { label: 'caller' }],
    ['address', { address: '198.51.100.10' }],
  ])('by %s is remembered for the party, until it or everything is stopped', (_, from) => {
    const call = new Controlled();
    call.do('start forwarding', { from });
    expect(shown(call)).toEqual([undefined, true, undefined]);
    call.do('stop forwarding');
    expect(shown(call)).toEqual([undefined, true, undefined]);
    call.do('stop forwarding', { from: { all: 'all' } });
    expect(shown(call)).toEqual([undefined, undefined, undefined]);
  });

  test('of a party nobody knows is refused', () => {
    const refusal = new Controlled().do('start forwarding', { from: { tag: 'eve' } });
    expect(refusal).toBe('From-tag given, but no such tag exists');
  });

  test('is refused where there are as many copies as there may be', () => {
    const controlled = new Controlled();
    const { conversation } = controlled;
    const target = { kind: 'datagrams', rtp: '192.0.2.9:4000', rtcp: undefined } as const;
    const pair = { purpose: 'pair', streams: [], side: 'arriving', rtcp: true, state: 'on' } as const;
    const copy = { ...pair, startedMs: 0, target, prefix: undefined };
    for (let next = conversation.call; next !== undefined; next = withTap(next, copy))
      conversation.call = next;
    const facts = { ...FACTS, defaults: { ...FACTS.defaults, forwardTo: target } };
    expect(controlled.do('start forwarding', {}, facts)).toBe('Too many recordings and forks in one call');
  });
});

test('drop-traffic silences everything until it is stopped', () => {
  const call = new Controlled();
  call.conversation.offer(audio(10, 4000), { dropTraffic: 'start' }, { to: 'bob' });
  expect(call.actions()).toBe('drop/drop drop/drop');
  call.conversation.answer(audio(20, 5000), { dropTraffic: 'stop' });
  expect(call.actions()).toBe('forward/forward forward/forward');
});
