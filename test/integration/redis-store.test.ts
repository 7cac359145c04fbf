import { expect, onTestFinished, test } from 'vitest';
import { RedisStore } from '../../src/replication/redis-store.js';
import { promisesOfStore } from '../support/call-store-contract.js';
import { until } from '../support/netns-until.js';
import { describeWithRedis, RedisServer } from '../support/redis.js';

describeWithRedis('calls in Redis', () => {
  promisesOfStore(async (node, group) => (await opened(await serverOf(group), node, group)).store);

  test("nothing is touched that is not the group's, and no trace is left of calls that have ended", async () => {
    const server = await RedisServer.open();
    const client = server.client();
    await client.set('dialog:1', 'of somebody else');
    const { store } = await opened(server, 'one', 'ours');
    const write = {
      kind: 'call',
      callId: 'a',
      epoch: 1,
      order: 1,
      isNew: true,
      signalledMs: 0,
      record: Buffer.from('r'),
    } as const;
    await store.write([write]);
    expect(await client.ttl('ours:call:a')).toBeGreaterThan(3_000);
    await store.write([{ kind: 'end', callId: 'a', epoch: 1 }]);
    expect((await client.keys('*')).toSorted()).toEqual(['dialog:1', 'ours:changes', 'ours:count']);
  });

  test('a full Redis refuses writes one by one and takes ends', async () => {
    const server = await RedisServer.open();
    const client = server.client();
    const { store } = await opened(server, 'one', 'ours');
    const write = {
      kind: 'call',
      callId: 'a',
      epoch: 1,
      order: 1,
      isNew: true,
      signalledMs: 0,
      record: Buffer.from('r'),
    } as const;
    await store.write([write]);
    await client.config('SET', 'maxmemory', '1');
    const [outcome] = await store.write([{ ...write, order: 2 }]);
    expect(outcome).toMatchObject({ kind: 'failed', reason: expect.stringContaining('OOM') });
    expect(await store.write([{ kind: 'end', callId: 'a', epoch: 1 }])).toEqual([
      { kind: 'written', epoch: 1 },
    ]);
  });

  test('scripts that Redis has forgotten are given to it again', async () => {
    const server = await RedisServer.open();
    const { store } = await opened(server, 'one', 'ours');
    await server.client().script('FLUSH');
    const write = {
      kind: 'call',
      callId: 'a',
      epoch: 1,
      order: 1,
      isNew: true,
      signalledMs: 0,
      record: Buffer.from('r'),
    } as const;
    expect(await store.write([write])).toEqual([{ kind: 'written', epoch: 1 }]);
  });

  test('a primary that has become a replica is connected to anew', async () => {
    const server = await RedisServer.open();
    const client = server.client();
    const { store, told } = await opened(server, 'one', 'ours');
    await client.replicaof('127.0.0.1', '1');
    const record = Buffer.from('r');
    const write = {
      ...({ kind: 'call', callId: 'a', epoch: 1, order: 1, isNew: true, signalledMs: 0 } as const),
      record,
    } as const;
    expect((await store.write([write]))[0]).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('READONLY'),
    });
    await until('the loss to be told', () => (told.includes('lost') ? true : undefined));
    await client.replicaof('NO', 'ONE');
    await until('the new connection', () => (told.at(-1) === 'connected' ? true : undefined));
    expect(await store.write([write])).toEqual([{ kind: 'written', epoch: 1 }]);
  });

  test('a Redis that stands still is given up, and told of when it goes on', async () => {
    const server = await RedisServer.open();
    const { store, told } = await opened(server, 'one', 'ours');
    server.process.signal('SIGSTOP');
    await expect(store.position()).rejects.toThrow('Command timed out');
    await until('the loss to be told', () => (told.includes('lost') ? true : undefined));
    server.process.signal('SIGCONT');
    await until('a connection', () => (told.at(-1) === 'connected' ? true : undefined));
    expect(await store.position()).toBe(0);
  });
});

const servers = new Map<string, Promise<RedisServer>>();

/** One for the nodes of a test: each test has a group of its own. */
function serverOf(group: string): Promise<RedisServer> {
  const server = servers.get(group) ?? RedisServer.open();
  servers.set(group, server);
  return server;
}

async function opened(
  server: RedisServer,
  node: string,
  group: string,
): Promise<{ store: RedisStore; told: readonly string[] }> {
  const told: string[] = [];
  const [host = '', port = ''] = server.place.split(':');
  const place = { host, port: Number(port), database: 0, username: null, password: null, tls: null };
  const store = new RedisStore({
    ...{ read: place, write: null, node, group, keyspace: 0, expireSeconds: 3_600 },
    ...{ connectTimeoutMs: 1_000, commandTimeoutMs: 1_000 },
    listener: {
      connected: () => void told.push('connected'),
      disconnected: () => void told.push('lost'),
    },
  });
  onTestFinished(() => store.close());
  await until('a connection', () => (told.includes('connected') ? true : undefined));
  return { store, told };
}
