import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { Command } from '../../../src/command/command.js';
import type { Reply } from '../../../src/command/reply.js';
import { MAX_BODY_BYTES } from '../../../src/http/body.js';
import { until } from '../../support/netns-until.js';
import { startedHttp } from './started.js';

const NG = 'ng.rtpengine.com';
const PLAIN = 'ng-plain.rtpengine.com';

type Talk = {
  readonly socket: WebSocket;
  /** What came, `binary:` in front of what did not come as text. */
  readonly received: readonly string[];
  /** The next `count` messages from the beginning. */
  got(count: number): Promise<readonly string[]>;
};

async function talk(url: string, protocols: string | string[], options: WebSocket.ClientOptions = {}) {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, options);
  onTestFinished(() => socket.terminate());
  socket.on('error', () => {});
  const received: string[] = [];
  socket.on('message', (data, isBinary) => {
    received.push(`${isBinary ? 'binary:' : ''}${String(data)}`);
  });
  await once(socket, 'open');
  const got = (count: number) =>
    until(`${count} messages`, () => (received.length >= count ? received.slice(0, count) : undefined));
  return { socket, received, got } satisfies Talk;
}

/** The status an opening handshake is refused with. */
async function refusal(url: string, protocols: string[], options: WebSocket.ClientOptions = {}) {
  const socket = new WebSocket(url.replace('http', 'ws'), protocols, options);
  const response = new Promise((resolve) => {
    socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode));
    socket.on('open', () => resolve('open'));
  });
  const status = await response;
  socket.on('error', () => {});
  socket.terminate();
  return status;
}

describe('a WebSocket', () => {
  test('speaks ng with cookies, in text and binary messages, on any path', async () => {
    const { url } = await startedHttp();
    const { socket, got } = await talk(`${url}/whatever`, NG);
    socket.send('c1 d7:command4:pinge');
    socket.send(Buffer.from('c2 {"command":"ping"}'));
    expect([...(await got(2))].sort()).toEqual(['binary:c1 d6:result4:ponge', 'binary:c2 {"result":"pong"}']);
  });

  test('answers repeated requests from memory, also those that came over HTTP', async () => {
    let executed = 0;
    const handler = async (): Promise<Reply> => {
      executed += 1;
      return { kind: 'done' };
    };
    const { url } = await startedHttp({ handler });
    const request = 'c1 d7:call-id1:x7:command5:querye';
    await fetch(`${url}/ng`, {
      method: 'POST',
      body: request,
      headers: { 'Content-Type': 'application/x-rtpengine-ng' },
    });
    const { socket, got } = await talk(url, NG);
    socket.send(request);
    expect(await got(1)).toEqual(['binary:c1 d6:result2:oke']);
    expect(executed).toBe(1);
  });

  test('speaks ng without cookies, and answers in order then', async () => {
    const waiting: (() => void)[] = [];
    const handler = (command: Command): Promise<Reply> => {
      if (command.kind === 'ping') return Promise.resolve({ kind: 'pong' });
      return new Promise((resolve) => {
        waiting.push(() => resolve({ kind: 'done' }));
      });
    };
    const { url } = await startedHttp({ handler });
    const { socket, received, got } = await talk(url, PLAIN);
    socket.send('d7:call-id1:x7:command5:querye');
    socket.send('{"command":"ping"}');
    const answerFirst = await until('the first request', () => waiting[0]);
    expect(received).toEqual([]);
    answerFirst();
    expect(await got(2)).toEqual(['binary:d6:result2:oke', 'binary:{"result":"pong"}']);
  });

  test('with cookies a slow request does not hold up others', async () => {
    const handler = (command: Command): Promise<Reply> =>
      command.kind === 'ping' ? Promise.resolve({ kind: 'pong' }) : new Promise(() => {});
    const { url } = await startedHttp({ handler });
    const { socket, got } = await talk(url, NG);
    socket.send('c1 d7:call-id1:x7:command5:querye');
    socket.send('c2 d7:command4:pinge');
    expect(await got(1)).toEqual(['binary:c2 d6:result4:ponge']);
  });

  test('echoes', async () => {
    const { url } = await startedHttp();
    const { socket, got } = await talk(url, 'echo.rtpengine.com');
    socket.send('hello');
    expect(await got(1)).toEqual(['binary:hello']);
  });

  test('takes the first sub-protocol it knows, and refuses to be opened without one', async () => {
    const { url } = await startedHttp();
    expect((await talk(url, ['mqtt', NG])).socket.protocol).toBe(NG);
    expect(await refusal(url, ['mqtt'])).toBe(400);
    expect(await refusal(url, [])).toBe(400);
  });

  test('leaves a message without a cookie without an answer, and says what is wrong with a dictionary', async () => {
    const { url } = await startedHttp();
    const { socket, got } = await talk(url, NG);
    socket.send('nocookie');
    socket.send('c1 nonsense');
    expect(await got(1)).toEqual(['binary:c1 d6:result5:error12:error-reason22:Invalid NG data formate']);
  });

  test('is closed if a message is too long', async () => {
    const { url } = await startedHttp();
    const { socket } = await talk(url, NG);
    const closed = once(socket, 'close');
    socket.send('x'.repeat(MAX_BODY_BYTES + 1));
    expect((await closed)[0]).toBe(1009);
  });

  test('answers every one of a thousand requests that come at once', async () => {
    const { url } = await startedHttp();
    const { socket, got } = await talk(url, NG);
    for (let number = 0; number < 1_000; number += 1) socket.send(`c${number} d7:command4:pinge`);
    expect(new Set(await got(1_000)).size).toBe(1_000);
  });

  test('is not opened when there are too many, and HTTP still answers', async () => {
    const { url } = await startedHttp();
    for (let number = 0; number < 128; number += 1) await talk(url, NG);
    expect(await refusal(url, [NG])).toBe(503);
    expect((await fetch(`${url}/ping`)).status).toBe(200);
  });

  test('stays open as long as the other end answers pings, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const { url } = await startedHttp();
    const deaf = await talk(url, NG, { autoPong: false });
    const alive = await talk(url, NG);
    const ended = once(deaf.socket, 'close');
    for (let round = 1; round <= 2; round += 1) {
      const pinged = once(alive.socket, 'ping');
      vi.advanceTimersByTime(30_000);
      await pinged;
      // Its pong has arrived before this request.
      alive.socket.send(`c${round} d7:command4:pinge`);
      await alive.got(round);
    }
    expect((await ended)[0]).toBe(1006);
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  });

  test('is told of the end after its last answer', async () => {
    let finish: (() => void) | undefined;
    const handler = (): Promise<Reply> =>
      new Promise((resolve) => {
        finish = () => resolve({ kind: 'done' });
      });
    const { url, server } = await startedHttp({ handler });
    const { socket, received } = await talk(url, NG);
    const closed = once(socket, 'close');
    socket.send('c1 d7:call-id1:x7:command5:querye');
    const carryOut = await until('the command', () => finish);
    const ended = server.close();
    carryOut();
    expect((await closed)[0]).toBe(1001);
    expect(received).toEqual(['binary:c1 d6:result2:oke']);
    await ended;
  });
});

describe('web pages', () => {
  test('open no WebSocket and post nothing, whoever they are', async () => {
    const executed: Command[] = [];
    const handler = async (command: Command): Promise<Reply> => {
      executed.push(command);
      return { kind: 'done' };
    };
    const { url } = await startedHttp({ handler });
    const origin = 'https://evil.example';
    expect(await refusal(url, [NG], { origin })).toBe(403);
    for (const method of ['POST', 'OPTIONS']) {
      const headers = { Origin: origin, 'Content-Type': 'application/x-rtpengine-ng' };
      const reply = await fetch(`${url}/ng`, { method, headers });
      expect(reply.status).toBe(403);
      expect(reply.headers.has('access-control-allow-origin')).toBe(false);
    }
    expect(executed).toEqual([]);
  });

  test('a name that points here makes no page our own, an address does', async () => {
    const { url } = await startedHttp();
    const { port } = new URL(url);
    const rebound = { origin: `http://evil.example:${port}`, headers: { Host: `evil.example:${port}` } };
    expect(await refusal(url, [NG], rebound)).toBe(403);
    expect(await refusal(url, [NG], { origin: 'http://127.0.0.1:1' })).toBe(403);
    // As the websocket-client of Python does.
    expect(await refusal(url, [NG], { origin: url })).toBe('open');
  });

  test('may do what the configuration lets them', async () => {
    const origin = 'https://pbx.example.com';
    const { url } = await startedHttp({ webPages: [origin] });
    expect(await refusal(url, [NG], { origin })).toBe('open');
    expect(await refusal(url, [NG], { origin: 'https://pbx.example.com.evil.example' })).toBe(403);
    const reply = await fetch(`${url}/ng-plain`, { method: 'OPTIONS', headers: { Origin: origin } });
    expect([reply.status, await reply.text()]).toEqual([200, '']);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'Content-Type',
      'access-control-max-age': '86400',
      vary: 'Origin',
    });
  });

  test('all of them may everything with *, as in rtpengine', async () => {
    const { url } = await startedHttp({ webPages: ['*'] });
    const reply = await fetch(`${url}/ng-plain`, {
      method: 'POST',
      body: '{"command":"ping"}',
      headers: { Origin: 'https://anywhere.example', 'Content-Type': 'application/json' },
    });
    expect(await reply.json()).toEqual({ result: 'pong' });
    expect(reply.headers.get('access-control-allow-origin')).toBe('*');
  });
});
