import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Reply } from '../../../src/command/reply.js';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { StreamSnapshot } from '../../../src/dataplane/protocol.gen.js';
import { SharedStore } from '../../support/fake-call-store.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';
import { audio, CLIENT } from '../negotiation/sample.js';
import { type GroupNode, kill, startGroupNode } from './group.js';

const PROTECTED: StreamSnapshot = {
  ...{ stream: 1, association: 0, rtcp: null, bundled: [], ice: [] },
  rtp: { receive: null, send: null },
};

let shared: SharedStore;
const started: GroupNode[] = [];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  shared = new SharedStore(Date.now);
});

afterEach(() => {
  for (const node of started.splice(0)) kill(node);
  vi.useRealTimers();
});

async function node(name: string, options: Parameters<typeof startGroupNode>[2] = {}): Promise<GroupNode> {
  const one = await startGroupNode(shared, name, options);
  started.push(one);
  return one;
}

async function later(ms = 1_000): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

function offer({ service }: GroupNode, callId: string): Promise<Reply> {
  const sdp = audio(7, 4000);
  return service.handle(
    { kind: 'offer', callId, fromTag: 'a', sdp, flags: DEFAULT_FLAGS, supportsLoadLimit: false },
    CLIENT,
  );
}

function answer({ service }: GroupNode, callId: string): Promise<Reply> {
  const sdp = audio(8, 5000);
  return service.handle(
    { kind: 'answer', callId, fromTag: 'a', toTag: 'b', sdp, flags: DEFAULT_FLAGS },
    CLIENT,
  );
}

async function made(at: GroupNode, callId: string): Promise<void> {
  await offer(at, callId);
  await answer(at, callId);
  await later();
}

function end({ service }: GroupNode, callId: string): Promise<Reply> {
  return service.handle({ kind: 'delete', callId, delaySeconds: 0, fatal: true, fast: true }, CLIENT);
}

function query({ service }: GroupNode, callId: string): Promise<Reply> {
  return service.handle({ kind: 'query', callId }, CLIENT);
}

function portsOf({ dataPlane }: GroupNode, callId: string): readonly (number | null)[] {
  const streams = dataPlane.plans.get(callId)?.streams ?? [];
  return streams.flatMap(({ locals }) => locals.map(({ port }) => port));
}

function foreignAt({ replicated }: GroupNode): readonly string[] {
  return [...replicated.replica.foreign.callIds];
}

test('a call is known to the others, and not counted among their own', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  expect(foreignAt(other)).toEqual(['a']);
  expect([other.registry.size, other.dataPlane.plans.size]).toEqual([0, 0]);
  await end(one, 'a');
  await later();
  expect(foreignAt(other)).toEqual([]);
  expect(shared.calls.size).toBe(0);
});

test('a call is known from its offer on', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await offer(one, 'early');
  await later();
  expect((await answer(other, 'early')).kind).toBe('sdp');
  expect(portsOf(other, 'early')).toEqual(portsOf(one, 'early'));
});

test('signalling that comes to another node brings the call there, with its ports, and the first one gives it up', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  const ports = portsOf(one, 'a');
  expect((await offer(other, 'a')).kind).toBe('sdp');
  expect(portsOf(other, 'a')).toEqual(ports);
  await later();
  expect(one.registry.size).toBe(0);
  expect(one.dataPlane.released).toEqual(['a']);
  expect(foreignAt(one)).toEqual(['a']);
  expect(shared.calls.get('a')).toMatchObject({ owner: 'other', epoch: 2 });
  expect(one.counters.callsEnded.deleted).toBe(0);
});

test('to look at a call is no reason to take it from a node that lives', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  expect((await query(other, 'a')).kind).toBe('statistics');
  expect(other.registry.size).toBe(0);
  kill(one);
  await later(20_000);
  expect((await query(other, 'a')).kind).toBe('statistics');
  expect(other.registry.size).toBe(1);
});

test('a call deleted at another node is over for all', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  expect((await end(other, 'a')).kind).toBe('deleted');
  await later();
  expect([one.registry.size, other.registry.size, foreignAt(one), foreignAt(other)]).toEqual([0, 0, [], []]);
  expect(shared.calls.get('a')).toMatchObject({ hasEnded: true });
});

test('calls of a node that falls silent are taken over when that is wanted, and no sooner', async () => {
  const one = await node('one');
  const eager = await node('eager', { takeOverAfterSeconds: 3 });
  const patient = await node('patient');
  await made(one, 'a');
  kill(one);
  await later(8_000);
  expect(eager.registry.size).toBe(0);
  await later(12_000);
  expect([eager.registry.size, patient.registry.size]).toEqual([1, 0]);
});

test('a node that was cut off itself takes nobody for dead before they had time to speak', async () => {
  const one = await node('one');
  const eager = await node('eager', { takeOverAfterSeconds: 0 });
  await made(one, 'a');
  for (const { store } of [one, eager]) store.down();
  await later(60_000);
  eager.store.up();
  await later(3_000);
  one.store.up();
  await later(20_000);
  expect([one.registry.size, eager.registry.size]).toEqual([1, 0]);
});

test('calls come along with their media address', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  await later();
  expect(other.registry.size).toBe(0);
  const address = one.dataPlane.plans.get('a')?.streams[0]?.locals[0]?.address ?? '';
  other.addresses.add(address);
  await later();
  expect(other.registry.size).toBe(1);
  expect(one.registry.size).toBe(0);
});

test('a node that has lost both halves has its calls back', async () => {
  const first = await node('one');
  await made(first, 'a');
  const ports = portsOf(first, 'a');
  kill(first);
  const again = await node('one', { boot: 'another' });
  await later();
  expect(portsOf(again, 'a')).toEqual(ports);
  expect(again.registry.size).toBe(1);
  expect(again.counters.callsCreated).toBe(0);
});

test('a call that ended while the control plane was away does not come back', async () => {
  const first = await node('one');
  await made(first, 'a');
  kill(first);
  const again = await node('one');
  await later();
  expect(again.registry.size).toBe(0);
  expect(shared.calls.size).toBe(0);
});

test('records under another key are left alone and counted', async () => {
  const first = await node('one');
  await made(first, 'a');
  await made(first, 'b');
  kill(first);
  const again = await node('one', { boot: 'another', keys: [Buffer.alloc(32, 2)] });
  await later();
  expect(again.registry.size).toBe(0);
  expect(again.log.filter((line) => line.includes('calls taken over'))).toEqual([
    expect.stringContaining('unreadable=2'),
  ]);
});

test('a new key is taken up node by node', async () => {
  const [old, fresh] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  const one = await node('one', { keys: [fresh, old] });
  const other = await node('other', { keys: [old, fresh] });
  await made(one, 'a');
  expect((await answer(other, 'a')).kind).toBe('sdp');
});

test('what is stored does not show the keys of media', async () => {
  const one = await node('one');
  const plain = await node('plain', { keys: [], plaintext: true });
  await made(one, 'a');
  await made(plain, 'b');
  const [sealed, readable] = ['a', 'b'].map((callId) => shared.calls.get(callId)?.record?.toString('latin1'));
  expect(sealed).not.toContain('198.51.100');
  expect(readable).toContain('"v":"1');
  // A record that is not sealed proves nothing to those who have a key.
  expect((await answer(one, 'b')).kind).toBe('failure');
});

test('an operator moves all calls away, and others take them', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  await one.replicated.redundancy.standBy();
  expect([one.registry.size, foreignAt(one)]).toEqual([0, ['a']]);
  await later();
  expect(shared.calls.get('a')).toMatchObject({ owner: 'one', hasEnded: false });
  await other.replicated.redundancy.activate();
  await later();
  expect(other.registry.size).toBe(1);
  expect(shared.calls.get('a')).toMatchObject({ owner: 'other' });
  await one.replicated.redundancy.activate();
  await later();
  expect([one.registry.size, other.registry.size]).toEqual([1, 0]);
});

test('only keyspaces that are followed are known, and that can be changed', async () => {
  const one = await node('one', { keyspace: 1 });
  const other = await node('other', { keyspace: 2, follow: [7] });
  await made(one, 'a');
  expect(foreignAt(other)).toEqual([]);
  expect(other.replicated.replica.followKeyspace(1, true)).toBe(true);
  expect(other.replicated.replica.followKeyspace(1, true)).toBe(false);
  await later();
  expect(foreignAt(other)).toEqual(['a']);
  other.replicated.replica.followKeyspace(1, false);
  await later();
  expect(foreignAt(other)).toEqual([]);
});

test('who is too far behind begins anew', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  other.store.down();
  await end(one, 'a');
  await made(one, 'b');
  shared.trimmed = shared.changes.length;
  other.store.up();
  await later();
  expect(foreignAt(other)).toEqual(['b']);
});

test('calls nobody has told of for as long as they are kept are forgotten', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  kill(one);
  await later(3_700_000);
  expect(foreignAt(other)).toEqual([]);
});

test('a store that stands still holds no command up', async () => {
  const one = await node('one');
  one.store.hold = new Promise(() => {});
  expect((await offer(one, 'a')).kind).toBe('sdp');
  expect((await answer(one, 'a')).kind).toBe('sdp');
  expect((await end(one, 'a')).kind).toBe('deleted');
});

test('a port that is taken loses no other call, and leaves this one where it is', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  await made(one, 'b');
  kill(one);
  other.dataPlane.refusals.apply.push({
    code: 'portBusy',
    address: '192.0.2.1',
    port: 1,
  });
  await other.replicated.redundancy.activate();
  expect([other.registry.size, foreignAt(other).length]).toEqual([1, 1]);
  await other.replicated.redundancy.activate();
  expect([other.registry.size, foreignAt(other).length]).toEqual([2, 0]);
});

test('a protected call is taken over while it is known which indices were used, and not later', async () => {
  const one = await node('one');
  for (const callId of ['a', 'b']) {
    await made(one, callId);
    one.dataPlane.snapshot = [...one.dataPlane.snapshot, { session: callId, streams: [PROTECTED] }];
  }
  await one.snapshots.take();
  await later(20_000);
  await one.snapshots.take();
  await later();
  const other = await node('other');
  kill(one);
  await later(250_000);
  expect((await end(other, 'a')).kind).toBe('deleted');
  await later(60_000);
  await other.replicated.redundancy.activate();
  expect([other.registry.size, foreignAt(other)]).toEqual([0, ['b']]);
  expect(other.log.join('')).toContain('snapshot-too-old');
});

test('two hosts with one name do not take each other for themselves', async () => {
  shared.leases.set('one', {
    note: { keyspace: 0, boot: 'b', host: 'another' },
    untilMs: Date.now() + 60_000,
  });
  const store = startGroupNode(shared, 'one');
  await later(30_000);
  const one = await store;
  started.push(one);
  expect(one.replicated.replica.state.isConnected).toBe(false);
  expect(one.log.join('')).toContain('replication.node has to differ');
  await later(60_000);
  expect(one.replicated.replica.state.isConnected).toBe(true);
});

test('a record that can be read and not be planned is left alone, by everybody and at every beat', async () => {
  const open = { keys: [], plaintext: true };
  const [one, other] = [await node('one', open), await node('other', { ...open, takeOverAfterSeconds: 0 })];
  await made(one, 'broken');
  await made(one, 'whole');
  const kept = shared.calls.get('broken');
  const text = String(kept?.record);
  const broken = text.replace(/((.)dlg\2:\[\{.*?\2a\2:)(\d+)/, '$1999');
  expect(broken).not.toBe(text);
  if (kept !== undefined) kept.record = Buffer.from(broken);
  shared.changes.push({ callId: 'broken', owner: 'one', epoch: 1, keyspace: 0, what: 'record' });
  await later();
  await other.replicated.redundancy.activate();
  expect([...other.registry.callIds]).toEqual(['whole']);
  expect(foreignAt(other)).toEqual(['broken']);
  kill(one);
  await later(30_000);
  expect(other.log.filter((line) => line.includes('calls taken over'))).toHaveLength(1);
  expect(await query(other, 'broken')).toMatchObject({ kind: 'failure' });
});

test('a node that was cut off with the offer does not take the call from the one that has answered it', async () => {
  const [one, other] = [await node('one'), await node('other')];
  one.store.down();
  await offer(one, 'a');
  await later(3_000);
  await offer(other, 'a');
  await answer(other, 'a');
  await later(30_000);
  one.store.up();
  await later(5_000);
  expect([one.registry.size, other.registry.size]).toEqual([0, 1]);
  expect(shared.calls.get('a')?.owner).toBe('other');
  expect(foreignAt(one)).toEqual(['a']);
});

test('a call is taken over as it is stored, not as it was last heard of', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await offer(one, 'a');
  await later();
  other.store.changes = async () => [];
  await answer(one, 'a');
  await later();
  const answered = one.registry.find('a')?.legs.map(({ tag }) => tag);
  expect(answered).toContain('b');
  await other.replicated.redundancy.activate();
  expect(other.registry.find('a')?.legs.map(({ tag }) => tag)).toEqual(answered);
});

test('signalling does not wait long for a Redis that stands still, and goes on with what was heard', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  other.store.hold = new Promise(() => {});
  const replies: Reply[] = [];
  void offer(other, 'a').then((reply) => replies.push(reply));
  await later(99);
  expect(replies).toEqual([]);
  await later(1);
  expect(replies).toMatchObject([{ kind: 'sdp' }]);
  expect(portsOf(other, 'a')).toEqual(portsOf(one, 'a'));
});

test('a call that changes hands while it is being taken over is taken over from the later ones', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  const { foreign } = other.replicated.replica;
  const apply = other.dataPlane.apply.bind(other.dataPlane);
  let applied = 0;
  other.dataPlane.apply = async (plan) => {
    const known = foreign.get('a');
    applied += 1;
    if (applied === 1 && known !== undefined)
      foreign.set({ ...known, callId: 'a', owner: 'third', epoch: 5 }, 0);
    return apply(plan);
  };
  await other.replicated.redundancy.activate();
  expect([applied, other.registry.size]).toEqual([2, 1]);
  expect(other.dataPlane.released).toEqual(['a']);
  await later();
  expect(shared.calls.get('a')).toMatchObject({ owner: 'other', epoch: 6 });
});

test('a call of a silent node that another one was faster to take stays there', async () => {
  const [one, other] = [await node('one'), await node('other', { takeOverAfterSeconds: 0 })];
  await made(one, 'a');
  await made(one, 'b');
  other.store.changes = async () => [];
  const kept = shared.calls.get('a');
  if (kept !== undefined) shared.calls.set('a', { ...kept, owner: 'third', epoch: 2 });
  kill(one);
  await later(30_000);
  expect([...other.registry.callIds]).toEqual(['b']);
  expect(shared.calls.get('a')?.owner).toBe('third');
});

test('calls are restored also if the first attempt to agree with the store is cut short', async () => {
  const first = await node('one');
  await made(first, 'a');
  kill(first);
  shared.refusesToAnnounce = true;
  const again = await node('one', { boot: 'another' });
  await later(3_000);
  expect(again.registry.size).toBe(0);
  shared.refusesToAnnounce = false;
  await later(3_000);
  expect([again.registry.size, foreignAt(again)]).toEqual([1, []]);
});

test('a call that was taken between two attempts to restore it is not taken back', async () => {
  const [first, other] = [await node('one'), await node('other')];
  await made(first, 'a');
  kill(first);
  shared.refusesToAnnounce = true;
  const again = await node('one', { boot: 'another' });
  await answer(other, 'a');
  await later();
  shared.refusesToAnnounce = false;
  await later(3_000);
  expect([again.registry.size, other.registry.size]).toEqual([0, 1]);
});

test('who dies while calls are restored leaves the rest to the next', async () => {
  const first = await node('one');
  await made(first, 'a');
  kill(first);
  const onto = new FakeDataPlane();
  const stuck = new FakeDataPlane();
  stuck.apply = () => new Promise(() => {});
  const starting = startGroupNode(shared, 'one', { boot: 'another', onto: stuck });
  await later(15_000);
  kill(await starting);
  const again = await node('one', { boot: 'another', onto });
  await later();
  expect(again.registry.size).toBe(1);
  await later(15_000);
  expect(shared.leases.get('one')?.note.boot).toBe('another');
});

test('a call whose port was taken at a restart is still there after the next one', async () => {
  const first = await node('one');
  await made(first, 'a');
  kill(first);
  const onto = new FakeDataPlane();
  onto.refusals.apply.push({ code: 'portBusy', address: '192.0.2.1', port: 1 });
  const second = await node('one', { boot: 'another', onto });
  await later();
  expect(second.registry.size).toBe(0);
  kill(second);
  const third = await node('one', { boot: 'another', onto });
  await later();
  expect([foreignAt(third), shared.calls.get('a')?.hasEnded]).toEqual([['a'], false]);
  expect((await answer(third, 'a')).kind).toBe('sdp');
});

test('what is laid down stays so when its node starts again', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  expect(await one.replicated.redundancy.standBy()).toBe(0);
  kill(one);
  const again = await node('one', { onto: one.dataPlane });
  await later(3_000);
  expect([again.registry.size, foreignAt(again), foreignAt(other)]).toEqual([0, ['a'], ['a']]);
  await other.replicated.redundancy.activate();
  await later();
  expect(shared.calls.get('a')).toMatchObject({ owner: 'other', isLaidDown: false });
});

test('nothing is laid down that cannot be stored', async () => {
  const one = await node('one');
  await made(one, 'a');
  one.store.failure = 'OOM';
  expect(await one.replicated.redundancy.standBy()).toBe(1);
  one.store.failure = undefined;
  one.store.down();
  expect(await one.replicated.redundancy.standBy()).toBe(1);
  expect([one.registry.size, foreignAt(one)]).toEqual([1, []]);
  one.store.up();
  await later();
  expect(await one.replicated.redundancy.standBy()).toBe(0);
});

test('a call begun at a node that has not reached the store yet is kept there', async () => {
  const one = await node('one');
  await made(one, 'a');
  kill(one);
  const starting = startGroupNode(shared, 'other', { alone: true });
  await later(15_000);
  const other = await starting;
  started.push(other);
  await made(other, 'a');
  // The clock of signalling stands still here.
  const kept = shared.calls.get('a');
  if (kept !== undefined) kept.signalledMs -= 1;
  other.store.up();
  await later(5_000);
  expect(other.registry.size).toBe(1);
  expect(shared.calls.get('a')).toMatchObject({ owner: 'other' });
});

test('a store that refuses to know a node does not keep it waiting', async () => {
  shared.refusesToAnnounce = true;
  // No time passes here.
  const one = await node('one');
  expect((await offer(one, 'a')).kind).toBe('sdp');
});

test('a node that begins knows the calls of others before it answers', async () => {
  const one = await node('one');
  await made(one, 'a');
  const other = await node('other');
  expect(foreignAt(other)).toEqual(['a']);
});

test('a call that cannot come along with its address is tried again, less and less often', async () => {
  const [one, other] = [await node('one'), await node('other')];
  await made(one, 'a');
  kill(one);
  const address = one.dataPlane.plans.get('a')?.streams[0]?.locals[0]?.address ?? '';
  for (let time = 0; time < 3; time++)
    other.dataPlane.refusals.apply.push({ code: 'portBusy', address, port: 1 });
  other.addresses.add(address);
  await later(4_000);
  expect(other.dataPlane.refusals.apply).toHaveLength(0);
  expect(other.registry.size).toBe(0);
  await later(5_000);
  expect(other.registry.size).toBe(1);
});
