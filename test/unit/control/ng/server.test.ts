import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import type { Command } from '../../../../src/command/command.js';
import type { Reply } from '../../../../src/command/reply.js';
import { type NgServer, type NgServerOptions, startNgServer } from '../../../../src/control/ng/server.js';
import { ReplyCache } from '../../../../src/control/reply-cache.js';
import { until } from '../../../support/netns-until.js';
import { NgClient } from '../../../support/ng-client.js';
import { NODE } from './node.js';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function started(options: Partial<NgServerOptions>): Promise<NgServer> {
  const server = await startNgServer({
    listen: [{ address: '127.0.0.1', port: 0 }],
    handler: async (command) => (command.kind === 'ping' ? { kind: 'pong' } : { kind: 'done' }),
    cache: new ReplyCache(),
    logger: { debug() {}, warn() {}, error() {} },
    ...options,
  });
  open.push(server);
  return server;
}

async function client(port: number, address = '127.0.0.1'): Promise<NgClient> {
  const ng = await NgClient.open({ address, port });
  open.push(ng);
  return ng;
}

const portOf = (server: NgServer, index = 0) => server.addresses[index]?.port ?? 0;

describe('the ng server', () => {
  test('answers in bencode and JSON', async () => {
    const ng = await client(portOf(await started({})));
    expect(await ng.request({ command: 'ping' })).toEqual({ result: 'pong' });
    expect(await ng.request({ command: 'ping' }, { encoding: 'json' })).toEqual({ result: 'pong' });
  });

  test('listens on several addresses of both families', async () => {
    const listen = [
      { address: '127.0.0.1', port: 0 },
      { address: '::1', port: 0 },
    ];
    const server = await started({ listen });
    const [first, second] = [await client(portOf(server, 0)), await client(portOf(server, 1), '::1')];
    expect(await first.request({ command: 'ping' })).toEqual({ result: 'pong' });
    expect(await second.request({ command: 'ping' })).toEqual({ result: 'pong' });
  });

  test('replies from the address the request went to, though it listens on a wildcard', async () => {
    const server = await started({ listen: [{ address: '0.0.0.0', port: 0 }] });
    const addresses = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address }) => address);
    for (const address of addresses) {
      const ng = await client(portOf(server), address);
      expect(await ng.request({ command: 'ping' })).toEqual({ result: 'pong' });
    }
  });

  test('a port in use is an error, also with a wildcard', async () => {
    const holder = await bound();
    const { port } = holder.address();
    for (const address of ['127.0.0.1', '0.0.0.0']) {
      await expect(started({ listen: [{ address, port }] })).rejects.toThrow('EADDRINUSE');
    }
  });

  test('counts commands by client, and what it dropped', async () => {
    const server = await started({});
    const ng = await client(portOf(server));
    await ng.request({ command: 'ping' });
    await ng.request({ command: 'nonsense' });
    await ng.request({ command: 'block media', 'call-id': 'c' });
    await ng.request({ command: 'offer' });
    ng.send('nospace');
    await ng.request({ command: 'ping' });
    const [counts] = server.controls();
    expect(counts).toMatchObject({ proxy: '127.0.0.1', errors: 2 });
    // As at rtpengine, one that lacks something is counted under its name, too.
    expect(counts?.commands.get('offer')?.count).toBe(1);
    expect(counts?.commands.has('nonsense')).toBe(false);
    expect(counts?.commands.get('ping')?.count).toBe(2);
    expect(counts?.commands.get('block media')?.count).toBe(1);
    expect(server.dropped().noCookie).toBe(1);
  });

  test('fills its own counts into the statistics of the node', async () => {
    const handler = async (command: Command): Promise<Reply> =>
      command.kind === 'statistics'
        ? { kind: 'nodeStatistics', statistics: { ...NODE, controls: [] } }
        : { kind: 'pong' };
    const ng = await client(portOf(await started({ handler })));
    await ng.request({ command: 'ping' });
    expect(await ng.request({ command: 'statistics' })).toMatchObject({
      statistics: { controlstatistics: { proxies: [{ proxy: '127.0.0.1', pingcount: 1 }] } },
    });
  });

  test('applies the templates of the configuration', async () => {
    const seen: Command[] = [];
    const handler = async (command: Command): Promise<Reply> => {
      seen.push(command);
      return { kind: 'done' };
    };
    const templates = new Map([['offer', 'ICE=remove']]);
    const ng = await client(portOf(await started({ handler, templates })));
    await ng.request({ command: 'offer', 'call-id': 'c', 'from-tag': 'f', sdp: 'v=0' });
    expect(seen).toMatchObject([{ kind: 'offer', flags: { ice: 'remove' } }]);
  });

  test('adopts a socket that was bound before', async () => {
    const { fd, port } = await inheritedSocket();
    const server = await started({ listen: [{ address: '127.0.0.1', port, fd }] });
    expect(server.addresses).toEqual([{ address: '127.0.0.1', port }]);
    expect(await (await client(port)).request({ command: 'ping' })).toEqual({ result: 'pong' });
  });

  test('a reply to a client that is gone, and one after closing, do no harm', async () => {
    let release: () => void = () => {};
    const handler = () =>
      new Promise<Reply>((resolve) => {
        release = () => resolve({ kind: 'pong' });
      });
    const server = await started({ handler });
    const ng = await client(portOf(server));
    const reply = ng.request({ command: 'ping' }, { attempts: 1, timeoutMs: 200 });
    await expect(reply).rejects.toThrow('no reply');
    await server.close();
    release();
  });

  test('speaks bencode over TCP, several frames in one segment', async () => {
    const server = await started({ listen: [], listenTcp: [{ address: '127.0.0.1', port: 0 }] });
    const connection = connect(server.tcpAddresses[0]?.port ?? 0, '127.0.0.1');
    open.push({ close: () => connection.destroy() });
    connection.write('1 d7:command4:pinge2 d7:comm');
    connection.write('and4:pinge');
    let received = '';
    for await (const chunk of connection) {
      received += chunk.toString();
      if (received.includes('2 d')) break;
    }
    expect(received).toBe('1 d6:result4:ponge2 d6:result4:ponge');
  });

  test.each(['UDP', 'TCP'] as const)(
    'over %s, repetitions of a command under way wait for its reply, and it is carried out once',
    async (transport) => {
      let executed = 0;
      let finish = (): void => {};
      const server = await started({
        listenTcp: [{ address: '127.0.0.1', port: 0 }],
        handler: ({ kind }) => {
          if (kind === 'ping') return Promise.resolve({ kind: 'pong' });
          executed += 1;
          return new Promise((resolve) => {
            finish = () => resolve({ kind: 'calls', callIds: [] });
          });
        },
      });
      const peers = [await peer(transport, server), await peer(transport, server)];
      for (const { send } of peers) {
        for (const frame of ['1 d7:command4:liste', '1 d7:command4:liste', '2 d7:command4:pinge'])
          send(frame);
      }
      // Whoever has its ping answered has been read.
      await until(
        'the pings to be answered',
        () => peers.every(({ heard }) => heard().includes('2 d')) || undefined,
      );
      expect(executed).toBe(1);
      finish();
      const replies = (text: string) => text.split('1 d5:callsle').length - 1;
      await until('all replies', () => peers.every(({ heard }) => replies(heard()) === 2) || undefined);
      expect(executed).toBe(1);
    },
  );

  test('closes a TCP connection that carries something else', async () => {
    const server = await started({ listen: [], listenTcp: [{ address: '127.0.0.1', port: 0 }] });
    const connection = connect(server.tcpAddresses[0]?.port ?? 0, '127.0.0.1');
    connection.write('GET / HTTP/1.1\r\n\r\n');
    connection.resume();
    await once(connection, 'close');
  });
});

type Peer = { readonly send: (frame: string) => void; readonly heard: () => string };

async function peer(transport: 'UDP' | 'TCP', server: NgServer): Promise<Peer> {
  let heard = '';
  const hear = (bytes: Buffer): void => {
    heard += bytes.toString();
  };
  if (transport === 'UDP') {
    const socket = await bound();
    socket.on('message', hear);
    return { send: (frame) => socket.send(frame, portOf(server), '127.0.0.1'), heard: () => heard };
  }
  const connection = connect(server.tcpAddresses[0]?.port ?? 0, '127.0.0.1');
  open.push({ close: () => connection.destroy() });
  connection.on('data', hear);
  await once(connection, 'connect');
  return { send: (frame) => void connection.write(frame), heard: () => heard };
}

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  open.push(socket);
  return socket;
}

/** A descriptor as a supervisor would hand it over: bound, and nobody in this process reads from it. */
async function inheritedSocket(): Promise<{ fd: number; port: number }> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const handle = Object.getOwnPropertySymbols(socket)
    .map((symbol): unknown => Reflect.get(socket, symbol))
    .map((state): unknown => (isObject(state) ? Reflect.get(state, 'handle') : undefined))
    .find(isObject);
  const fd: unknown = handle === undefined ? undefined : Reflect.get(handle, 'fd');
  const recvStop: unknown = handle === undefined ? undefined : Reflect.get(handle, 'recvStop');
  if (typeof fd !== 'number' || typeof recvStop !== 'function')
    throw new Error('this runtime hides descriptors');
  Reflect.apply(recvStop, handle, []);
  return { fd, port: socket.address().port };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
