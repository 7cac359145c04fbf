import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pause } from '../../../src/replication/pause.js';
import { WriteBehind } from '../../../src/replication/write-behind.js';
import { type FakeCallStore, SharedStore } from '../../support/fake-call-store.js';

/** Calls by what there is to write of them. */
const calls = new Map<string, string>();
let shared: SharedStore;
let store: FakeCallStore;
let writer: WriteBehind;
let told: string[];
/** Of all calls. */
let signalledMs: number;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  calls.clear();
  told = [];
  signalledMs = 1;
  shared = new SharedStore(Date.now);
  store = shared.ofNode('own', 0, {
    connected: () => writer.open(true),
    disconnected: () => writer.open(false),
  });
  writer = writerWith(null);
  store.up();
});

afterEach(() => {
  writer.close();
  vi.useRealTimers();
});

function writerWith(allowedErrors: number | null): WriteBehind {
  return new WriteBehind({
    store,
    contentOf(callId, withRecord) {
      const record = calls.get(callId);
      if (record === 'odd') throw new Error('not to be encoded');
      return record === undefined
        ? undefined
        : withRecord
          ? { record: Buffer.from(record), signalledMs }
          : { snapshot: KEYS, signalledMs };
    },
    pause: new Pause({ allowedErrors, disableMs: 60_000 }),
    clock: { now: Date.now },
    events: {
      written: (count) => void told.push(`written ${count}`),
      failed: (reason, count) => void told.push(`failed ${count}: ${reason}`),
      recovered: (waiting) => void told.push(`recovered ${waiting}`),
    },
    refused: (callId, owner, epoch) => void told.push(`${callId} is of ${owner} since ${epoch}`),
    endsMissed: () => void told.push('ends missed'),
  });
}

function change(callId: string, record: string): void {
  calls.set(callId, record);
  writer.changed(callId);
}

function end(callId: string): void {
  calls.delete(callId);
  writer.ended(callId);
}

function stored(callId: string): string | undefined {
  return shared.calls.get(callId)?.record?.toString();
}

async function later(ms = 1_000): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

test('changes that follow each other are written once, as the call is then', async () => {
  change('a', 'offer');
  change('a', 'answer');
  await later();
  expect(store.writes).toHaveLength(1);
  expect(stored('a')).toBe('answer');
});

test('while a batch is on its way nothing else is, and what changes meanwhile is written after it', async () => {
  let release: () => void = () => {};
  store.hold = new Promise((resolve) => {
    release = resolve;
  });
  change('a', 'first');
  await later();
  change('a', 'second');
  change('b', 'first');
  await later();
  expect(store.writes).toHaveLength(1);
  expect(writer.waiting).toBe(2);
  expect(writer.lagMs()).toBe(1_000);
  release();
  await later();
  expect(store.writes.map((writes) => writes.map(({ callId }) => callId))).toEqual([['a'], ['a', 'b']]);
  expect(stored('a')).toBe('second');
});

test('many calls are written some at a time', async () => {
  for (let call = 0; call < 100; call++) change(`c${call}`, 'record');
  await later();
  expect(store.writes.map(({ length }) => length)).toEqual([32, 32, 32, 4]);
  expect(shared.calls.size).toBe(100);
});

test('a call that ends before anything was written leaves no trace', async () => {
  change('a', 'offer');
  end('a');
  await later();
  expect(store.writes).toEqual([]);
});

test('a call that ends is gone, also if it is being written', async () => {
  change('a', 'offer');
  await later();
  end('a');
  await later();
  expect(shared.calls.has('a')).toBe(false);
  change('b', 'offer');
  await vi.advanceTimersByTimeAsync(5);
  end('b');
  await later();
  expect(shared.calls.has('b')).toBe(false);
});

test('what fails is tried again, less and less often, and told of', async () => {
  store.failure = 'OOM';
  change('a', 'offer');
  await later(10_000);
  const tries = store.writes.length;
  expect(tries).toBeGreaterThan(5);
  await later(10_000);
  expect(store.writes.length - tries).toBe(5);
  change('a', 'answer');
  store.failure = undefined;
  await later(2_000);
  expect(stored('a')).toBe('answer');
  expect(new Set(told)).toEqual(new Set(['failed 1: OOM', 'written 1', 'recovered 0']));
});

test('after more errors than allowed nothing is tried for a while', async () => {
  writer = writerWith(2);
  writer.open(true);
  store.failure = 'OOM';
  change('a', 'offer');
  await later(60_000);
  expect(store.writes).toHaveLength(3);
  await later(1_000);
  expect(store.writes).toHaveLength(4);
});

test('without a connection nothing is tried, and what is remembered is bounded by the calls there are', async () => {
  change('kept', 'offer');
  await later();
  store.down();
  for (let call = 0; call < 1_000; call++) {
    change(`c${call}`, 'offer');
    end(`c${call}`);
  }
  end('kept');
  change('new', 'offer');
  await later(60_000);
  expect(writer.waiting).toBe(1);
  expect(store.writes).toHaveLength(1);
  store.up();
  await later();
  expect(stored('new')).toBe('offer');
  expect(told).toContain('ends missed');
});

test('an operator can stop it, and let it go on', async () => {
  writer.disable(true);
  change('a', 'offer');
  await later(60_000);
  expect(store.writes).toEqual([]);
  writer.disable(false);
  await later();
  expect(stored('a')).toBe('offer');
});

test('a write of a call that another node has taken is refused, and the call disowned', async () => {
  change('a', 'offer');
  await later();
  const other = shared.ofNode('other', 0, { connected() {}, disconnected() {} });
  other.up();
  await other.write([
    {
      kind: 'call',
      callId: 'a',
      epoch: 2,
      order: 1,
      isNew: false,
      signalledMs: 0,
      record: Buffer.from('theirs'),
    },
  ]);
  change('a', 'late');
  await later();
  expect(stored('a')).toBe('theirs');
  expect(told).toContain('a is of other since 2');
  expect(writer.epochOf('a')).toBeUndefined();
});

test('a call that signalling has made anew here is claimed from whoever has its name', async () => {
  const other = shared.ofNode('other', 0, { connected() {}, disconnected() {} });
  other.up();
  await other.write([
    {
      kind: 'call',
      callId: 'a',
      epoch: 4,
      order: 1,
      isNew: true,
      signalledMs: 0,
      record: Buffer.from('theirs'),
    },
  ]);
  change('a', 'ours');
  await later();
  expect(stored('a')).toBe('ours');
  expect(writer.epochOf('a')).toBe(5);
});

test('a call given away while it is being written is not claimed again', async () => {
  change('a', 'offer');
  await vi.advanceTimersByTimeAsync(5);
  writer.disown('a');
  await later();
  expect(writer.epochOf('a')).toBeUndefined();
  writer.refresh(0);
  await later();
  expect(stored('a')).toBe('offer');
});

test('what its protection has come to is written without the rest', async () => {
  change('a', 'offer');
  await later();
  writer.advanced('a');
  await later();
  expect(store.writes[1]?.[0]).not.toHaveProperty('record');
  expect(shared.calls.get('a')?.snapshot).toEqual(KEYS);
});

test('what was written long ago is written again, before it is forgotten', async () => {
  change('a', 'offer');
  await later();
  writer.refresh(10_000);
  await later();
  expect(store.writes).toHaveLength(1);
  await later(10_000);
  writer.refresh(10_000);
  await later();
  expect(store.writes).toHaveLength(2);
});

test('before the end all is written that can be', async () => {
  change('a', 'offer');
  await writer.settled();
  expect(stored('a')).toBe('offer');
  store.down();
  change('b', 'offer');
  await writer.settled();
  expect(stored('b')).toBeUndefined();
});

test('a call that was signalled elsewhere after this is not claimed, and given up', async () => {
  const other = shared.ofNode('other', 0, { connected() {}, disconnected() {} });
  other.up();
  const record = Buffer.from('theirs');
  await other.write([{ kind: 'call', callId: 'a', epoch: 1, order: 1, isNew: true, signalledMs: 2, record }]);
  change('a', 'ours');
  await later();
  expect(stored('a')).toBe('theirs');
  expect(told).toContain('a is of other since 1');
  expect(writer.epochOf('a')).toBeUndefined();
});

test("a call that is over when its claim is refused leaves another node's alone", async () => {
  const other = shared.ofNode('other', 0, { connected() {}, disconnected() {} });
  other.up();
  const record = Buffer.from('theirs');
  await other.write([{ kind: 'call', callId: 'a', epoch: 1, order: 1, isNew: true, signalledMs: 0, record }]);
  const release = held();
  change('a', 'ours');
  await vi.advanceTimersByTimeAsync(10);
  end('a');
  release();
  await later();
  expect(shared.calls.get('a')).toMatchObject({ owner: 'other', epoch: 1, hasEnded: false });
  expect(writer.waiting).toBe(0);
});

test('a record that was not written is not forgotten for what came after it', async () => {
  change('a', 'first');
  await later();
  const release = held();
  store.failure = 'OOM';
  change('a', 'answered');
  await vi.advanceTimersByTimeAsync(10);
  writer.advanced('a');
  release();
  await vi.advanceTimersByTimeAsync(10);
  store.failure = undefined;
  await later(60_000);
  expect(stored('a')).toBe('answered');
});

test('an end that was not written is no end of a call made anew under its name', async () => {
  change('a', 'first');
  await later();
  const release = held();
  end('a');
  await vi.advanceTimersByTimeAsync(10);
  store.failure = 'OOM';
  change('a', 'second');
  release();
  await vi.advanceTimersByTimeAsync(10);
  store.failure = undefined;
  await later(60_000);
  expect(stored('a')).toBe('second');
});

test('what an earlier process wrote with its clock ahead is overwritten', async () => {
  change('a', 'first');
  await later();
  vi.setSystemTime(Date.now() - 60_000);
  writer = writerWith(null);
  writer.own('a', 1);
  writer.open(true);
  change('a', 'second');
  await later();
  expect(stored('a')).toBe('second');
  expect(told.filter((line) => line === 'written 1')).toHaveLength(2);
});

test('ends that were missed are told of, though nothing else is to be written', async () => {
  change('a', 'offer');
  await later();
  store.failure = 'OOM';
  change('a', 'answer');
  await later(100);
  end('a');
  store.failure = undefined;
  await later(5_000);
  expect(told).toContain('ends missed');
});

test('a call that cannot be written keeps no other from it', async () => {
  change('a', 'odd');
  change('b', 'offer');
  await later();
  expect(stored('b')).toBe('offer');
  expect(told).toContain('failed 1: not to be encoded');
  change('a', 'offer');
  await later();
  expect(stored('a')).toBe('offer');
});

/** Requests wait until it is called. */
function held(): () => void {
  let release: () => void = () => {};
  store.hold = new Promise((resolve) => {
    release = resolve;
  });
  return release;
}

const KEYS = Buffer.from('keys');
