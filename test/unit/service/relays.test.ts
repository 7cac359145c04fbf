import { beforeEach, expect, test, vi } from 'vitest';
import type { RelayEvent } from '../../../src/call/relays.js';
import type { LocalPlan, RelayOutcome, SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { Relays } from '../../../src/service/relays.js';
import { Conversation, audio } from '../negotiation/sample.js';

const GRANTED: RelayOutcome = { kind: 'granted', rtp: '192.0.2.9:49160', rtcp: null };

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

/** A plan whose locals ask for relayed addresses, by their id. */
function plan(...ids: readonly number[]): SessionPlan {
  const conversation = new Conversation();
  conversation.offer(audio(7, 4000));
  const { plan } = conversation;
  if (plan === undefined) throw new Error('there is no plan');
  const local = (id: number): LocalPlan => ({
    id,
    interface: 'default',
    address: '10.0.0.5',
    port: null,
    span: 'single',
    relay: { separateRtcp: false, rtp: null, rtcp: null },
  });
  return {
    ...plan,
    streams: plan.streams.map((stream) => ({ ...stream, locals: ids.map(local) })).slice(0, 1),
  };
}

function event(local: number, outcome: RelayOutcome = GRANTED): RelayEvent {
  return { kind: 'relay', session: 'call@example', revision: 1, stream: 1, local, outcome };
}

test('nobody waits for a plan that asks for nothing', () => {
  expect(new Relays().expect(plan())).toBeUndefined();
});

test('the wait ends when the last relay has answered', async () => {
  const relays = new Relays();
  const wait = relays.expect(plan(1, 2));
  relays.note(event(1));
  relays.note(event(2, { kind: 'failed', reason: 'no' }));
  expect([...((await wait?.outcomes) ?? [])]).toEqual([
    [1, GRANTED],
    [2, { kind: 'failed', reason: 'no' }],
  ]);
  expect(vi.getTimerCount()).toBe(0);
});

test('the wait ends after two seconds with what is known', async () => {
  const relays = new Relays();
  const wait = relays.expect(plan(1, 2));
  relays.note(event(1));
  await vi.advanceTimersByTimeAsync(2_000);
  expect([...((await wait?.outcomes) ?? [])]).toEqual([[1, GRANTED]]);
});

test('a plan that was refused is not waited for', async () => {
  const wait = new Relays().expect(plan(1));
  wait?.cancel();
  expect((await wait?.outcomes)?.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('what relays say of other calls, or twice, is not waited for', async () => {
  const relays = new Relays();
  const wait = relays.expect(plan(1));
  relays.note({ ...event(1), session: 'other' });
  relays.note(event(7));
  relays.note(event(1));
  relays.note(event(1, { kind: 'lost', reason: 'no' }));
  expect([...((await wait?.outcomes) ?? [])]).toEqual([[1, GRANTED]]);
});
