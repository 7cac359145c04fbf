import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import type { PairCommand, PairReply } from '../../../../src/command/pair.js';
import { failure } from '../../../../src/command/reply.js';
import { ReplyCache } from '../../../../src/control/reply-cache.js';
import { RtpproxyResponder } from '../../../../src/control/rtpproxy/responder.js';
import {
  type RtpproxyListen,
  type RtpproxyServer,
  startRtpproxyServer,
} from '../../../../src/control/rtpproxy/server.js';
import type { PairHandler } from '../../../../src/service/ports.js';
import { until } from '../../../support/netns-until.js';
import { overStream } from '../../../support/rtpproxy-client.js';

const SILENT = { debug() {}, warn() {}, error() {} };
const CLIENT = { address: '192.0.2.9', port: 5000, protocol: 'rtpproxy' } as const;
const servers: RtpproxyServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** Tells which command came by its Call-ID. */
const echo: PairHandler = async (command) =>
  'callId' in command && command.callId === 'throws' ? Promise.reject(new Error('as asked')) : reply(command);

function reply(command: PairCommand): PairReply {
  if (!('callId' in command)) return { kind: 'done' };
  if (command.callId === 'unknown') return failure('unknownCall', '');
  const port = Number(command.callId) || 30_000;
  return { kind: 'port', port, address: '192.0.2.1', family: 'IP4', after: [] };
}

async function listening(...listen: readonly RtpproxyListen[]): Promise<RtpproxyServer> {
  const server = await startRtpproxyServer({
    listen,
    handler: echo,
    cache: new ReplyCache(),
    bridged: false,
    notify: [],
    logger: SILENT,
  });
  servers.push(server);
  return server;
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'rtpproxy-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

describe('over UDP', () => {
  let executed = 0;
  const responder = (handler: PairHandler = echo, notify: readonly string[] = []) =>
    new RtpproxyResponder({
      handler: (command, client) => {
        executed += 1;
        return handler(command, client);
      },
      cache: new ReplyCache({ generationMs: 35_000 }),
      bridged: false,
      notify,
      logger: SILENT,
      clock: () => 0,
    });
  const ask = async (to: RtpproxyResponder, datagram: string, port = 5000): Promise<string | undefined> =>
    (await to.answerDatagram(Buffer.from(datagram, 'latin1'), { ...CLIENT, port }))?.toString('latin1');

  test('the cookie comes back in front of the reply, with a line end behind it', async () => {
    expect(await ask(responder(), '123_4 V')).toBe('123_4 20040107\n');
    expect(await ask(responder(), '123_4 U 30004 192.0.2.2 4000 f\n')).toBe('123_4 30004 192.0.2.1\n');
  });

  test('a repeated cookie is answered from memory, from the same client only', async () => {
    const to = responder();
    executed = 0;
    expect(await ask(to, 'same U 1 192.0.2.2 4000 f')).toBe('same 1 192.0.2.1\n');
    expect(await ask(to, 'same U 2 192.0.2.2 4000 f')).toBe('same 1 192.0.2.1\n');
    expect(await ask(to, 'same U 3 192.0.2.2 4000 f', 5001)).toBe('same 3 192.0.2.1\n');
    expect(executed).toBe(2);
    expect(to.counts).toEqual({ received: 2, repeated: 1, succeeded: 2, failed: 0, replied: 2 });
  });

  test.each([
    ['nothing but a cookie', 'c', 'c E5\n'],
    ['a command that fails', 'c D unknown f', 'c E50\n'],
    ['a defect of ours', 'c D throws f', 'c E81\n'],
    ['a request that is too long', `c D ${'x'.repeat(9000)} f`, 'c E5\n'],
    ['junk', 'c \0\xff\xfe', 'c E0\n'],
  ])('%s is answered, too', async (_, datagram, answer) => {
    expect(await ask(responder(), datagram)).toBe(answer);
  });

  test('only an empty datagram is not', async () => {
    expect(await ask(responder(), '')).toBeUndefined();
    expect(await ask(responder(), ' \r\n')).toBeUndefined();
  });

  test('when there is too much to do, that is the answer', async () => {
    const busy = new RtpproxyResponder({
      handler: () => new Promise<PairReply>(() => {}),
      cache: new ReplyCache({ executing: 1 }),
      bridged: false,
      notify: [],
      logger: SILENT,
      clock: () => 0,
    });
    void ask(busy, 'a D 1 f');
    expect(await ask(busy, 'b D 1 f')).toBe('b E98\n');
  });

  test('a target gets the address of its client, and only permitted ones are passed on', async () => {
    const seen: (string | undefined)[] = [];
    const to = responder(
      async (command) => {
        seen.push(command.kind === 'update pair' ? command.notify?.target : undefined);
        return { kind: 'done' };
      },
      ['tcp:%%CC_SELF%%:99', 'unix:/run/x'],
    );
    await ask(to, '1 U c 192.0.2.2 4000 f tcp:%%CC_SELF%%:99 tag');
    await ask(to, '2 U c 192.0.2.2 4000 f /run/x tag');
    expect(await ask(to, '3 U c 192.0.2.2 4000 f tcp:192.0.2.66:99 tag')).toBe('3 0\n');
    expect(seen).toEqual(['tcp:192.0.2.9:99', 'unix:/run/x', undefined]);
  });

  test('replies leave from the address the request went to', async () => {
    const server = await listening({ kind: 'udp', address: '127.0.0.1', port: 0 });
    const [at] = server.addresses;
    const socket = createSocket('udp4');
    onTestFinished(() => void socket.close());
    socket.send('x V', at?.port ?? 0, '127.0.0.1');
    const [answer, from] = await once(socket, 'message');
    expect(String(answer)).toBe('x 20040107\n');
    expect(from.port).toBe(at?.port);
  });
});

describe('over streams', () => {
  test('lines are answered in order, however they are chopped', async () => {
    const server = await listening({ kind: 'tcp', address: '127.0.0.1', port: 0 });
    const port = server.addresses[0]?.port ?? 0;
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    let received = '';
    socket.on('data', (chunk) => {
      received += String(chunk);
    });
    await once(socket, 'connect');
    for (const part of ['U 1 192.0.2.2 40', '00 f\nU 2 192.0.2.2 4000 f\r\n', 'V', '\n']) {
      await new Promise<void>((resolve) => socket.write(part, () => resolve()));
    }
    await until('three replies', () => (received.split('\n').length > 3 ? true : undefined));
    expect(received).toBe('1 192.0.2.1\n2 192.0.2.1\n20040107\n');
  });

  test('a line without an end closes the connection', async () => {
    const server = await listening({ kind: 'tcp', address: '127.0.0.1', port: 0 });
    const to = { host: '127.0.0.1', port: server.addresses[0]?.port ?? 0 };
    expect(await overStream(to, 'x'.repeat(10_000))).toBe('');
  });

  test('more than a hundred connections are not served', async () => {
    const server = await listening({ kind: 'tcp', address: '127.0.0.1', port: 0 });
    const port = server.addresses[0]?.port ?? 0;
    const sockets: Socket[] = [];
    onTestFinished(() => sockets.forEach((socket) => void socket.destroy()));
    for (let count = 0; count < 100; count += 1) {
      const socket = connect(port, '127.0.0.1');
      sockets.push(socket);
      await once(socket, 'connect');
    }
    expect(await overStream({ host: '127.0.0.1', port }, 'V\n', 1)).toBe('');
    sockets.pop()?.destroy();
    await until('room for another', async () =>
      (await overStream({ host: '127.0.0.1', port }, 'V\n', 1)) === '20040107\n' ? true : undefined,
    );
  });

  test('a Unix socket has its mode, replaces one left behind, and refuses to replace a live one', async () => {
    const path = join(directory(), 'socket');
    const listen = { kind: 'unix', path, mode: 0o600 } as const;
    await listening(listen);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await expect(listening(listen)).rejects.toThrow('another process listens');
    for (const server of servers.splice(0)) await server.close();
    expect(existsSync(path)).toBe(false);
    await listening(listen);
    expect(await overStream({ path }, 'V')).toBe('20040107\n');
  });
});
