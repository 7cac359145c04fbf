import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type Delivery,
  DeliveryQueue,
  type Outcome,
  type QueueLimits,
} from '../../../src/notify/delivery-queue.js';

const DONE: Outcome = { kind: 'done' };
const REFUSED: Outcome = { kind: 'refused', reason: 'busy', forGood: false };
const UNREACHABLE: Outcome = { kind: 'unreachable', reason: 'refused' };
const LIMITS: QueueLimits = {
  concurrency: 2,
  capacity: 10,
  attempts: 3,
  maxAgeMs: 60_000,
  pauseMs: (failures) => failures * 1000,
};

let attempts: string[];
let delivered: string[];
let lost: string[];
/** What the target does, by delivery. */
let target: (id: string) => Outcome | Promise<Outcome>;

beforeEach(() => {
  vi.useFakeTimers();
  attempts = [];
  delivered = [];
  lost = [];
  target = () => DONE;
});
afterEach(() => {
  vi.useRealTimers();
});

function queue(limits: Partial<QueueLimits> = {}): DeliveryQueue {
  return new DeliveryQueue({
    deliver: async ({ id }) => {
      attempts.push(id);
      return target(id);
    },
    limits: { ...LIMITS, ...limits },
    events: {
      delivered: ({ id }) => void delivered.push(id),
      lost: ({ id }, reason) => void lost.push(`${id}: ${reason}`),
    },
    now: () => Date.now(),
  });
}

function delivery(id: string, callId = id): Delivery {
  return { id, callId, event: 'mediaTimeout', body: Buffer.from(''), headers: {} };
}

async function pass(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

describe('a delivery', () => {
  test('goes out at once and once', async () => {
    const one = queue();
    one.add(delivery('a'));
    one.add(delivery('a'));
    await pass();
    one.add(delivery('a'));
    await pass();
    expect(attempts).toEqual(['a']);
    expect(delivered).toEqual(['a']);
    expect(one.size).toBe(0);
  });

  test('that is refused is tried again with growing pauses, and then lost', async () => {
    target = () => REFUSED;
    const one = queue();
    one.add(delivery('a'));
    await pass(999);
    expect(attempts).toHaveLength(1);
    await pass(1);
    expect(attempts).toHaveLength(2);
    await pass(2000);
    expect(attempts).toHaveLength(3);
    expect(lost).toEqual(['a: busy']);
    expect(one.size).toBe(0);
  });

  test('that is refused for good is not tried again', async () => {
    target = () => ({ kind: 'refused', reason: 'HTTP status 401', forGood: true });
    queue().add(delivery('a'));
    await pass(10_000);
    expect(attempts).toHaveLength(1);
    expect(lost).toEqual(['a: HTTP status 401']);
  });

  test('that is refused does not hold up those of other calls', async () => {
    target = (id) => (id === 'a' ? REFUSED : DONE);
    const one = queue({ concurrency: 1 });
    one.add(delivery('a'));
    one.add(delivery('b'));
    await pass();
    expect(delivered).toEqual(['b']);
  });
});

describe('deliveries of one call', () => {
  test('go out one after the other, in order, even if the first has to be repeated', async () => {
    let refusals = 1;
    target = (id) => (id === '1' && refusals-- > 0 ? REFUSED : DONE);
    const one = queue();
    for (const id of ['1', '2', '3']) one.add(delivery(id, 'call'));
    await pass();
    expect(delivered).toEqual([]);
    await pass(1000);
    expect(delivered).toEqual(['1', '2', '3']);
  });
});

describe('a target', () => {
  test('never has more deliveries at once than allowed', async () => {
    const open: ((outcome: Outcome) => void)[] = [];
    target = () => new Promise((resolve) => open.push(resolve));
    const one = queue();
    for (const id of ['a', 'b', 'c', 'd']) one.add(delivery(id));
    await pass();
    expect(attempts).toEqual(['a', 'b']);
    open.shift()?.(DONE);
    await pass();
    expect(attempts).toEqual(['a', 'b', 'c']);
  });

  test('that does not answer is asked with one delivery at a time, and then has everything', async () => {
    target = () => UNREACHABLE;
    const one = queue();
    for (const id of ['a', 'b', 'c', 'd']) one.add(delivery(id));
    await pass();
    expect(attempts).toHaveLength(2);
    await pass(1000);
    expect(attempts).toHaveLength(3);
    await pass(2000);
    expect(attempts).toHaveLength(4);
    target = () => DONE;
    await pass(3000);
    expect(delivered.toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect(lost).toEqual([]);
  });

  test('that stays away loses what is too old, each with the reason', async () => {
    target = () => UNREACHABLE;
    const one = queue({ maxAgeMs: 5000 });
    one.add(delivery('a'));
    one.add(delivery('b'));
    await pass(20_000);
    expect(lost.toSorted()).toEqual(['a: refused', 'b: refused']);
    expect(one.size).toBe(0);
  });

  test('takes a bounded number; what is beyond is lost, and not remembered as told', async () => {
    target = () => new Promise(() => {});
    const one = queue({ capacity: 2 });
    for (const id of ['a', 'b', 'c']) one.add(delivery(id));
    one.add(delivery('c'));
    expect(lost).toEqual(['c: too many notices wait', 'c: too many notices wait']);
  });
});

test('what still waits at the end is counted', async () => {
  target = () => UNREACHABLE;
  const one = queue();
  one.add(delivery('a'));
  one.add(delivery('b', 'a'));
  await pass();
  one.close();
  expect(lost).toEqual(['a: shutting down', 'b: shutting down']);
  await pass(60_000);
  expect(attempts).toEqual(['a']);
});

describe('a burst of 5,000', () => {
  type Told = { readonly queue: DeliveryQueue; readonly ids: string[] };

  /** A target whose answer takes this long, or comes as an outcome. */
  function targetOf(answer: () => Promise<Outcome>): Told {
    const ids: string[] = [];
    const queue = new DeliveryQueue({
      deliver: answer,
      limits: { ...LIMITS, concurrency: 8, capacity: 10_000, maxAgeMs: 120_000, pauseMs: () => 10_000 },
      events: { delivered: ({ id }) => void ids.push(id), lost: ({ id }) => void lost.push(id) },
      now: () => Date.now(),
    });
    return { queue, ids };
  }

  const later = (ms: number, outcome: Outcome): Promise<Outcome> =>
    new Promise((resolve) => setTimeout(() => resolve(outcome), ms));

  test('is with the healthy target within 5 s whatever the slow and the dead one do', async () => {
    let isDead = true;
    const healthy = targetOf(() => later(5, DONE));
    const slow = targetOf(() => later(1_000, DONE));
    const dead = targetOf(() => later(0, isDead ? UNREACHABLE : DONE));
    const targets = [dead, slow, healthy];
    const ids = Array.from({ length: 5_000 }, (_, call) => `call-${call}`);
    for (const id of ids) for (const target of targets) target.queue.add(delivery(id));
    await pass(5_000);
    expect(healthy.ids).toEqual(ids);
    expect([slow.ids.length, dead.ids.length, lost]).toEqual([40, 0, []]);

    // Afterwards: a new notice comes through at once, and whoever is back gets everything.
    healthy.queue.add(delivery('late'));
    await pass(5);
    expect(healthy.ids.at(-1)).toBe('late');
    isDead = false;
    await pass(20_000);
    expect(dead.ids.toSorted()).toEqual(ids.toSorted());
    expect(slow.ids.length).toBe(200);
  });
});
