import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Notice } from '../../../src/call/notice.js';
import { ClientTargets } from '../../../src/notify/client-targets.js';
import type { QueueEvents, QueueLimits } from '../../../src/notify/delivery-queue.js';
import { httpWire } from '../../../src/notify/http-wire.js';
import { parseLineTarget } from '../../../src/notify/line-target.js';
import { Targets } from '../../../src/notify/targets.js';
import { judgeXmlrpc } from '../../../src/notify/xmlrpc.js';
import { httpTarget } from '../../support/http-target.js';
import { NOTICE } from './sample.js';

type Listener = { text: string; readonly connections: Socket[]; readonly path: string };

function path(): string {
  const directory = mkdtempSync(join(tmpdir(), 'notify-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, 'target');
}

async function listening(at = path()): Promise<Listener> {
  const listener: Listener = { text: '', connections: [], path: at };
  const server = createServer((connection) => {
    listener.connections.push(connection);
    connection.on('data', (chunk) => {
      listener.text += String(chunk);
    });
    connection.on('error', () => {});
  }).listen(at);
  onTestFinished(() => {
    for (const connection of listener.connections) connection.destroy();
    server.close();
  });
  await once(server, 'listening');
  return listener;
}

type Lost = { readonly target: string; readonly reason: string };

function clientTargets(limits: Partial<QueueLimits> = {}) {
  const lost: Lost[] = [];
  const told: string[] = [];
  const events = (target: string): QueueEvents => ({
    delivered: ({ callId }) => void told.push(callId),
    lost: (_, reason) => void lost.push({ target, reason }),
  });
  const now = Date.now;
  const all = { ...LIMITS, ...limits };
  const xmlrpc = new Targets({
    limits: all,
    events,
    now,
    open: (url) => httpWire(url, { judge: judgeXmlrpc, connections: 8 }),
  });
  const made = new ClientTargets({
    limits: all,
    events,
    now,
    xmlrpc: { targets: xmlrpc, format: 'dialog' },
  });
  onTestFinished(() => {
    made.close();
    xmlrpc.close();
  });
  return { made, lost, told };
}

const LIMITS: QueueLimits = {
  concurrency: 2000,
  capacity: 10_000,
  attempts: 3,
  maxAgeMs: 120_000,
  pauseMs: () => 20,
};

/** The end of the call of this name. */
function end(callId: string): Notice {
  return { ...NOTICE, callId };
}

async function datagrams(): Promise<{ readonly texts: string[]; readonly port: number; close(): void }> {
  const socket = createSocket('udp4');
  const texts: string[] = [];
  socket.on('message', (datagram) => void texts.push(datagram.toString()));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => {
    socket.removeAllListeners('message');
    socket.unref();
  });
  return { texts, port: socket.address().port, close: () => socket.close() };
}

describe('targets of lines', () => {
  test.each([
    ['unix:/run/x', { kind: 'stream', to: { path: '/run/x' } }],
    ['tcp:127.0.0.1:99', { kind: 'stream', to: { host: '127.0.0.1', port: 99 } }],
    ['tcp:[::1]:99', { kind: 'stream', to: { host: '::1', port: 99 } }],
    ['udp:127.0.0.1:99', { kind: 'datagrams', to: { host: '127.0.0.1', port: 99 } }],
    ['udp:[::1]:99', { kind: 'datagrams', to: { host: '::1', port: 99 } }],
    ['unix:', undefined],
    ['tcp:host', undefined],
    ['tcp:host:0', undefined],
    ['udp:host:65536', undefined],
    ['xmlrpc:http://x', undefined],
  ])('%s', (target, parsed) => expect(parseLineTarget(target)).toEqual(parsed));
});

describe('a stream', () => {
  test('is written lines, those of one call in order, on one connection', async () => {
    const listener = await listening();
    const { made } = clientTargets();
    const lines = Array.from({ length: 200 }, (_, index) => `T${index}`);
    for (const line of lines) made.tellKey(`unix:${listener.path}`, line, 'c');
    await expect.poll(() => listener.text).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(listener.connections).toHaveLength(1);
  });

  test('is told the same end once, and the same key as often as it is pressed', async () => {
    const listener = await listening();
    const { made, told } = clientTargets();
    const target = `unix:${listener.path}`;
    for (let time = 0; time < 3; time += 1) made.tellKey(target, 'T 5 10 800 0', 'c');
    for (let time = 0; time < 3; time += 1) made.tellEnd(target, 'T', end('c'));
    await expect.poll(() => told).toHaveLength(4);
    expect(listener.text).toBe(`${'T 5 10 800 0\n'.repeat(3)}T\n`);
  });

  test('is told again on a new connection what the old one may have swallowed', async () => {
    const listener = await listening();
    const { made, told } = clientTargets();
    made.tellEnd(`unix:${listener.path}`, 'one', end('c'));
    await expect.poll(() => listener.text).toBe('one\n');
    // It closes before the moment is over after which the line counts as taken.
    listener.connections[0]?.destroy();
    await expect.poll(() => listener.text).toBe('one\none\n');
    await expect.poll(() => told).toEqual(['c']);
  });

  test('that comes later gets what has waited', async () => {
    const at = path();
    const { made, lost } = clientTargets();
    made.tellEnd(`unix:${at}`, 'early', end('c'));
    const listener = await listening(at);
    await expect.poll(() => listener.text).toBe('early\n');
    expect(lost).toEqual([]);
  });

  test('that is dead delays no other, and each drop is told', async () => {
    const listener = await listening();
    const dead = path();
    const { made, lost } = clientTargets({ capacity: 100, maxAgeMs: 200 });
    for (let index = 0; index < 105; index += 1) made.tellEnd(`unix:${dead}`, 'lost', end(`c${index}`));
    made.tellEnd(`unix:${listener.path}`, 'arrives', end('c'));
    await expect.poll(() => listener.text).toBe('arrives\n');
    expect(lost.map(({ reason }) => reason)).toEqual(Array(5).fill('too many notices wait'));
    await expect.poll(() => lost).toHaveLength(105);
    expect(lost.at(-1)?.reason).toContain('ENOENT');
    // And it is tried again when there is something new to say.
    const late = await listening(dead);
    made.tellEnd(`unix:${dead}`, 'again', end('again'));
    await expect.poll(() => late.text).toBe('again\n');
  });

  test('takes a burst of 5,000 while another is dead and a third does not read', async () => {
    const listener = await listening();
    const { made, lost } = clientTargets();
    const deaf = await listening();
    const dead = path();
    made.tellEnd(`unix:${deaf.path}`, 'first', end('first'));
    await expect.poll(() => deaf.connections).toHaveLength(1);
    deaf.connections[0]?.pause();
    for (let index = 0; index < 5000; index += 1) {
      for (const at of [deaf.path, dead, listener.path])
        made.tellEnd(`unix:${at}`, `T${index}`, end(`c${index}`));
    }
    await expect.poll(() => listener.text.split('\n').length, { timeout: 30_000 }).toBe(5001);
    expect(new Set(listener.text.split('\n')).size).toBe(5001);
    expect(lost).toEqual([]);
  });
});

describe('datagrams', () => {
  test('carry one line each', async () => {
    const listener = await datagrams();
    onTestFinished(listener.close);
    const { made, told } = clientTargets();
    made.tellEnd(`udp:127.0.0.1:${listener.port}`, 'T1', end('c1'));
    made.tellEnd(`udp:127.0.0.1:${listener.port}`, 'T2', end('c2'));
    await expect.poll(() => listener.texts.toSorted()).toEqual(['T1\n', 'T2\n']);
    await expect.poll(() => told.toSorted()).toEqual(['c1', 'c2']);
  });

  test('are sent again when the host says that nobody listens', async () => {
    const listener = await datagrams();
    listener.close();
    const { made, told, lost } = clientTargets({ maxAgeMs: 100 });
    made.tellEnd(`udp:127.0.0.1:${listener.port}`, 'T1', end('c1'));
    await expect.poll(() => lost).toHaveLength(1);
    expect(lost[0]?.reason).toContain('ECONNREFUSED');
    expect(told).toEqual([]);
  });
});

test("Kamailio's XML-RPC is called for each pair of tags, and once if it is named twice", async () => {
  const kamailio = await httpTarget();
  const { made, told } = clientTargets();
  const target = `xmlrpc:http://127.0.0.1:${kamailio.port}/RPC2`;
  made.tellEnd(target, 'T', NOTICE);
  made.tellEnd(target, 'T', NOTICE);
  await expect.poll(() => told).toHaveLength(2);
  expect(kamailio.bodies).toHaveLength(2);
  expect(kamailio.bodies.every((body) => body.includes('dlg.terminate_dlg'))).toBe(true);
});

test('what takes no lines is dropped with a reason', () => {
  const { made, lost } = clientTargets();
  made.tellEnd('tcp:nowhere', 'x', NOTICE);
  expect(lost).toEqual([{ target: 'tcp:nowhere', reason: 'takes no lines' }]);
});
