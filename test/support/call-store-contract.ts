import { expect, test } from 'vitest';
import type { CallStore, Outcome, Write } from '../../src/replication/store.js';

/** What the nodes of a group can rely on, whatever keeps their calls. `open`: a connection of the node of this name. */
export function promisesOfStore(open: (node: string, group: string) => Promise<CallStore>): void {
  let groups = 0;
  const nodes = (...names: readonly string[]): Promise<CallStore[]> => {
    groups += 1;
    return Promise.all(names.map((name) => open(name, `group${groups}`)));
  };

  test('a call is read as it was written, by every node', async () => {
    const [one, other] = await nodes('one', 'other');
    await one?.write([put('a', 1, { record: 'first', snapshot: 'keys' })]);
    expect(await other?.read(['a', 'b'])).toEqual([
      {
        ...{ callId: 'a', owner: 'one', epoch: 1, keyspace: 0 },
        ...{ record: Buffer.from('first'), snapshot: Buffer.from('keys') },
      },
      undefined,
    ]);
    expect(await other?.holders(['a', 'b'])).toEqual([
      expect.objectContaining({ owner: 'one', epoch: 1, hasEnded: false }),
      undefined,
    ]);
    expect(await listed(other, 'one')).toEqual(['a']);
  });

  test('what is left out stays, and a late write changes nothing', async () => {
    const [one] = await nodes('one');
    await one?.write([put('a', 1, { record: 'first' })]);
    await one?.write([put('a', 1, { snapshot: 'keys', order: 3 })]);
    await one?.write([put('a', 1, { record: 'late', order: 2 })]);
    expect((await one?.read(['a']))?.[0]).toMatchObject({
      record: Buffer.from('first'),
      snapshot: Buffer.from('keys'),
    });
  });

  test('a late write is told of what was written after it', async () => {
    const [one] = await nodes('one');
    await one?.write([put('a', 1, { record: 'first', order: 1_700_000_000_000_123 })]);
    expect(await one?.write([put('a', 1, { record: 'late', order: 2 })])).toEqual([
      { kind: 'stale', order: 1_700_000_000_000_123 },
    ]);
  });

  test('whoever is refused is told when the call was last signalled', async () => {
    const [one, other] = await nodes('one', 'other');
    const signalledMs = 1_700_000_000_123;
    await one?.write([put('a', 1, { record: 'first', isNew: true, signalledMs })]);
    const outcome = { kind: 'refused', owner: 'one', epoch: 1, signalledMs };
    expect(await other?.write([put('a', 1, { record: 'theirs', isNew: true }), end('a', 1)])).toEqual([
      outcome,
      outcome,
    ]);
  });

  test('a node that has lost a call can neither write nor end it', async () => {
    const [one, other] = await nodes('one', 'other');
    await one?.write([put('a', 1, { record: 'first', isNew: true })]);
    expect(await other?.write([put('a', 1, { record: 'too early' })])).toEqual([refused('one', 1)]);
    expect(await other?.write([put('a', 2, { record: 'taken' })])).toEqual([written(2)]);
    const late = [put('a', 1, { record: 'late', order: 9 }), end('a', 1)];
    expect(await one?.write(late)).toEqual([refused('other', 2), refused('other', 2)]);
    expect(await listed(one, 'one')).toEqual([]);
    expect(await listed(one, 'other')).toEqual(['a']);
    expect((await one?.read(['a']))?.[0]?.record).toEqual(Buffer.from('taken'));
  });

  test('a call that has ended in other hands does not rise from the dead', async () => {
    const [one, other] = await nodes('one', 'other');
    await one?.write([put('a', 1, { record: 'first', isNew: true })]);
    await other?.write([put('a', 2, { record: 'taken' })]);
    expect(await other?.write([end('a', 2)])).toEqual([written(2)]);
    expect(await one?.write([put('a', 1, { record: 'late', order: 9 })])).toEqual([refused('other', 2)]);
    expect(await one?.read(['a'])).toEqual([undefined]);
    expect((await one?.holders(['a']))?.[0]).toMatchObject({ hasEnded: true });
    expect(await listed(one, 'other')).toEqual([]);
  });

  test('a new call may have the name of one that has ended', async () => {
    const [one, other] = await nodes('one', 'other');
    await one?.write([put('a', 1, { record: 'first', isNew: true })]);
    await other?.write([put('a', 2, { record: 'taken' }), end('a', 2)]);
    expect(await one?.write([put('a', 1, { record: 'another', isNew: true, order: 9 })])).toEqual([
      written(3),
    ]);
    await one?.write([end('a', 3)]);
    await one?.write([put('b', 1, { record: 'b', isNew: true }), end('b', 1)]);
    expect(await one?.holders(['b'])).toEqual([undefined]);
  });

  test('a node may end a call of another one', async () => {
    const [one, other] = await nodes('one', 'other');
    await one?.write([put('a', 1, { record: 'first', isNew: true })]);
    expect(await other?.write([end('a', 2)])).toEqual([written(2)]);
    expect(await listed(other, 'one')).toEqual([]);
    expect(await one?.write([put('a', 1, { record: 'late', order: 9 })])).toEqual([refused('other', 2)]);
  });

  test('protection of a call that is gone is not kept', async () => {
    const [one] = await nodes('one');
    await one?.write([put('a', 1, { snapshot: 'keys' })]);
    expect(await one?.holders(['a'])).toEqual([undefined]);
  });

  test('a call is laid down until it goes on anywhere', async () => {
    const [one, other] = await nodes('one', 'other');
    const isLaidDown = async (): Promise<unknown> => (await one?.holders(['a']))?.[0]?.isLaidDown;
    await one?.write([put('a', 1, { record: 'first', isNew: true })]);
    expect(await isLaidDown()).toBe(false);
    await one?.write([{ kind: 'call', callId: 'a', epoch: 1, order: 2, isNew: false, isLaidDown: true }]);
    expect(await isLaidDown()).toBe(true);
    expect((await one?.read(['a']))?.[0]?.record).toEqual(Buffer.from('first'));
    expect(await listed(other, 'one')).toEqual(['a']);
    await other?.write([put('a', 2, { record: 'taken' })]);
    expect(await isLaidDown()).toBe(false);
  });

  test('changes are told in order, from anywhere', async () => {
    const [one, other] = await nodes('one', 'other');
    const start = (await other?.position()) ?? -1;
    await one?.write([put('o', 1, { record: 'a', isNew: true }), put('o', 1, { snapshot: 's', order: 2 })]);
    await other?.write([put('o', 2, { record: 'b' }), end('o', 2)]);
    const about = { callId: 'o', keyspace: 0 };
    expect(await other?.changes(start)).toEqual([
      { ...about, owner: 'one', epoch: 1, what: 'record' },
      { ...about, owner: 'one', epoch: 1, what: 'snapshot' },
      { ...about, owner: 'other', epoch: 2, what: 'record' },
      { ...about, owner: 'other', epoch: 2, what: 'end' },
    ]);
    expect(await one?.changes(start + 3)).toHaveLength(1);
    expect(await one?.changes(start + 4)).toEqual([]);
    expect(await one?.changes(start + 5)).toBeUndefined();
  });

  test('a node is known, and what it said of itself', async () => {
    const [one, other] = await nodes('one', 'other');
    expect(await one?.noted()).toBeUndefined();
    await one?.announce({ keyspace: 4, boot: 'b1', host: 'h' }, 60_000);
    expect(await one?.noted()).toEqual({ keyspace: 4, boot: 'b1', host: 'h' });
    expect(await other?.nodes()).toEqual([{ node: 'one', isAlive: true }]);
  });
}

type Content = {
  record?: string;
  snapshot?: string;
  order?: number;
  isNew?: boolean;
  signalledMs?: number;
};

function put(callId: string, epoch: number, content: Content): Write {
  const { record, snapshot, order = 1, isNew = false, signalledMs = 0 } = content;
  return {
    ...{ kind: 'call', callId, epoch, order, isNew, signalledMs },
    ...(record !== undefined && { record: Buffer.from(record) }),
    ...(snapshot !== undefined && { snapshot: Buffer.from(snapshot) }),
  };
}

function end(callId: string, epoch: number): Write {
  return { kind: 'end', callId, epoch };
}

function written(epoch: number): Outcome {
  return { kind: 'written', epoch };
}

function refused(owner: string, epoch: number): Outcome {
  return { kind: 'refused', owner, epoch, signalledMs: 0 };
}

async function listed(store: CallStore | undefined, node: string): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const page of store?.callsOf(node) ?? []) all.push(...page);
  return all;
}
