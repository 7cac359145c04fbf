import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Client, Command } from '../../../src/command/command.js';
import { MAX_BODY_BYTES } from '../../../src/http/body.js';
import { until } from '../../support/netns-until.js';
import { startedHttp } from './started.js';

const NG = 'application/x-rtpengine-ng';

function post(url: string, body: string, type: string | undefined = NG): Promise<Response> {
  return fetch(url, { method: 'POST', body: Buffer.from(body), headers: { 'Content-Type': type } });
}

describe('POST /ng', () => {
  test('answers in the encoding and with the cookie of the request', async () => {
    const { url } = await startedHttp();
    const reply = await post(`${url}/ng`, 'c1 d7:command4:pinge');
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toBe(NG);
    expect(await reply.text()).toBe('c1 d6:result4:ponge');
    expect(await (await post(`${url}/ng`, 'c2 {"command":"ping"}')).text()).toBe('c2 {"result":"pong"}');
  });

  test('executes a repeated request once, also if it comes over another connection', async () => {
    const executed: Command[] = [];
    const handler = async (command: Command) => {
      executed.push(command);
      return { kind: 'done' } as const;
    };
    const { url } = await startedHttp({ handler });
    const request = 'c1 d7:call-id1:x7:command6:delete8:from-tag1:ae';
    const first = await send(url, 'POST', '/ng', { 'Content-Type': NG }, request);
    expect(first).toContain('\r\n\r\nc1 d');
    expect(await send(url, 'POST', '/ng', { 'Content-Type': NG }, request)).toContain('\r\n\r\nc1 d');
    expect(executed).toHaveLength(1);
  });

  test('tells the command where its client is', async () => {
    const clients: Client[] = [];
    const handler = async (_: Command, client: Client) => {
      clients.push(client);
      return { kind: 'done' } as const;
    };
    const { url } = await startedHttp({ handler, listen: [{ address: '::', port: 0 }] });
    await post(`${url}/ng`, 'c1 d7:call-id1:x7:command5:querye');
    expect(clients).toMatchObject([{ address: '127.0.0.1', protocol: 'http' }]);
  });

  test('answers a refused command with status 200', async () => {
    const { url } = await startedHttp();
    const reply = await post(`${url}/ng`, 'c1 nonsense');
    expect(reply.status).toBe(200);
    expect(await reply.text()).toBe('c1 d6:result5:error12:error-reason22:Invalid NG data formate');
  });

  test.each(['nocookie', ' d7:command4:pinge', ''])(
    'answers %j with rtpengine’s status 600',
    async (body) => {
      const { url } = await startedHttp();
      const reply = await send(url, 'POST', '/ng', { 'Content-Type': NG }, body);
      expect(reply).toMatch(/^HTTP\/1\.1 600 /);
      expect(reply).toMatch(/\r\n\r\nerror\n$/);
    },
  );

  test('takes no other content type, and parameters with its own', async () => {
    const { url } = await startedHttp();
    for (const type of ['text/plain', 'application/json']) {
      const reply = await post(`${url}/ng`, 'c1 d7:command4:pinge', type);
      expect([reply.status, await reply.text()]).toEqual([404, 'not found\n']);
    }
    const reply = await post(`${url}/ng`, 'c1 d7:command4:pinge', 'Application/X-rtpengine-ng; charset=x');
    expect(reply.status).toBe(200);
  });

  test('wants to know the length beforehand', async () => {
    const { url } = await startedHttp();
    const headers = { 'Content-Type': NG, 'Transfer-Encoding': 'chunked' };
    expect(await send(url, 'POST', '/ng', headers, '3\r\nabc\r\n0\r\n\r\n')).toMatch(/^HTTP\/1\.1 411 /);
  });

  test('refuses a body that is too long before it is sent', async () => {
    const { url } = await startedHttp();
    const headers = { 'Content-Type': NG, 'Content-Length': String(MAX_BODY_BYTES + 1) };
    expect(await send(url, 'POST', '/ng', headers, 'c1 ')).toMatch(/^HTTP\/1\.1 413 /);
    const fits = `c1 d3:pad${MAX_BODY_BYTES - 100}:${'x'.repeat(MAX_BODY_BYTES - 100)}7:command4:pinge`;
    expect(await (await post(`${url}/ng`, fits)).text()).toBe('c1 d6:result4:ponge');
  });

  test('gives up a body that does not come', async () => {
    const { url } = await startedHttp({ requestMs: 50 });
    const headers = { 'Content-Type': NG, 'Content-Length': '20' };
    expect(await send(url, 'POST', '/ng', headers, 'c1 d7:comm')).toMatch(/^HTTP\/1\.1 408 /);
    expect(await (await post(`${url}/ng`, 'c1 d7:command4:pinge')).text()).toBe('c1 d6:result4:ponge');
  });

  test('survives a client that goes in the middle of a request', async () => {
    const { url, server } = await startedHttp();
    const socket = await opened(url);
    socket.write(`POST /ng HTTP/1.1\r\nHost: x\r\nContent-Type: ${NG}\r\nContent-Length: 20\r\n\r\nc1 d7`);
    socket.resetAndDestroy();
    expect(await (await post(`${url}/ng`, 'c1 d7:command4:pinge')).text()).toBe('c1 d6:result4:ponge');
    await server.close();
  });
});

describe('POST /ng-plain', () => {
  test('takes a dictionary without a cookie, in both content types', async () => {
    const { url } = await startedHttp();
    const bencode = await post(`${url}/ng-plain`, 'd7:command4:pinge');
    expect([bencode.headers.get('content-type'), await bencode.text()]).toEqual([NG, 'd6:result4:ponge']);
    const json = await post(`${url}/ng-plain`, '{"command":"ping"}', 'application/json');
    expect(json.headers.get('content-type')).toBe('application/json');
    expect(await json.json()).toEqual({ result: 'pong' });
  });

  test('remembers nothing', async () => {
    let executed = 0;
    const { url } = await startedHttp({
      handler: async () => {
        executed += 1;
        return { kind: 'done' };
      },
    });
    for (let time = 0; time < 2; time += 1) await post(`${url}/ng-plain`, 'd7:call-id1:x7:command5:querye');
    expect(executed).toBe(2);
  });

  test('says what is wrong with a request, with status 200', async () => {
    const { url } = await startedHttp();
    const reply = await post(`${url}/ng-plain`, '{"command":', 'application/json');
    expect(reply.status).toBe(200);
    expect(await reply.json()).toEqual({ result: 'error', 'error-reason': 'Failed to parse JSON document' });
    expect((await post(`${url}/ng-plain`, 'd7:command4:pinge', 'text/plain')).status).toBe(404);
  });
});

describe('unknown paths and methods', () => {
  test.each([
    ['GET', '/ng'],
    ['POST', '/'],
    ['PUT', '/ng'],
    ['GET', '/admin'],
  ])('%s %s is not found', async (method, path) => {
    const { url } = await startedHttp();
    const reply = await fetch(`${url}${path}`, { method });
    expect([reply.status, await reply.text()]).toEqual([404, 'not found\n']);
  });
});

describe('at the end', () => {
  test('a request that is being carried out gets its answer', async () => {
    let finish: (() => void) | undefined;
    const { url, server } = await startedHttp({
      handler: () =>
        new Promise((resolve) => {
          finish = () => resolve({ kind: 'done' });
        }),
    });
    const reply = post(`${url}/ng`, 'c1 d7:call-id1:x7:command5:querye');
    const carryOut = await until('the command', () => finish);
    const closed = server.close();
    carryOut();
    expect(await (await reply).text()).toBe('c1 d6:result2:oke');
    await closed;
  });

  test('nobody keeps it from closing', async () => {
    const { url, server } = await startedHttp({ handler: () => new Promise(() => {}) });
    const reply = post(`${url}/ng`, 'c1 d7:call-id1:x7:command5:querye').catch(() => 'cut off');
    const idle = await opened(url);
    const ended = once(idle, 'close');
    await server.close();
    expect(await reply).toBe('cut off');
    await ended;
  });
});

describe('a connection that is no HTTP any more', () => {
  test('is closed when its WebSocket is refused, also if the other end keeps it open', async () => {
    const { url } = await startedHttp();
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /);
    await once(socket.resume(), 'end');
  });

  test('keeps nobody from stopping before it has become HTTP, as in a handshake of TLS that never comes', async () => {
    const { server } = await startedHttp({
      tls: { listen: [{ address: '127.0.0.1', port: 0 }], certificate: '', privateKey: '' },
    });
    const silent = connect(server.tlsAddresses[0]?.port ?? 0, '127.0.0.1');
    silent.on('error', () => {});
    onTestFinished(() => void silent.destroy());
    await once(silent, 'connect');
    const ended = once(silent, 'close');
    await server.close();
    await ended;
  });
});

async function opened(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A request over a connection of its own, as it stands on the wire; what comes back up to the end of the connection. */
async function send(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string,
): Promise<string> {
  const socket = await opened(url);
  const all = {
    Host: 'tandem',
    Connection: 'close',
    ...(headers['Transfer-Encoding'] === undefined && { 'Content-Length': String(body.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  await once(socket, 'close');
  return received;
}
