import { createSocket, type Socket } from 'node:dgram';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AUDIO, audio, body } from '../oracle/bodies.js';
import { controlPid, residentMegabytes } from '../support/netns-proxy.js';
import { type LocalProxy, startLocalProxy } from '../support/oracle.js';
import { bencode } from '../support/oracle-ng-client.js';

const CONTROL = 22251;
const OFFER = bencode({
  command: 'offer',
  'call-id': 'x',
  'from-tag': 'a',
  flags: ['trust-address'],
  sdp: AUDIO,
});

describe('the running proxy under hostile datagrams', () => {
  let proxy: LocalProxy;
  let socket: Socket;
  let pid: number;
  beforeAll(async () => {
    proxy = await startLocalProxy('tandem', CONTROL, 56000);
    socket = createSocket('udp4');
    socket.on('message', () => undefined);
    pid = controlPid(proxy.proxy);
  });
  afterEach(async () => {
    expect(await proxy.ng.command({ command: 'ping' })).toEqual({ result: 'pong' });
    expect(controlPid(proxy.proxy)).toBe(pid);
  });
  afterAll(async () => {
    socket?.close();
    await proxy?.[Symbol.asyncDispose]();
  });

  /** Sends them in turn with a ping now and then, so that the socket's buffer does not drop what is to be tested. */
  async function send(datagrams: Iterable<Buffer>): Promise<void> {
    let sent = 0;
    for (const datagram of datagrams) {
      await new Promise((resolve) => socket.send(datagram, CONTROL, '127.0.0.1', resolve));
      sent += 1;
      if (sent % 50 === 0) await proxy.ng.command({ command: 'ping' });
    }
  }

  it('an offer cut off at each byte', async () => {
    await send(Array.from(OFFER, (_, length) => text(`cut_${length} ${OFFER.slice(0, length)}`)));
  });

  it('an offer with each byte changed', async () => {
    await send(
      Array.from(OFFER, (character, at) => {
        const changed = String.fromCharCode(character.charCodeAt(0) ^ (1 << (at % 8)));
        return text(`flip_${at} ${OFFER.slice(0, at)}${changed}${OFFER.slice(at + 1)}`);
      }),
    );
  });

  it('values nested ten thousand deep', async () => {
    const deep = 10_000;
    await send([
      text(`lists d1:a${'l'.repeat(deep)}`),
      text(`closed d1:a${'l'.repeat(deep)}${'e'.repeat(deep)}7:command4:pinge`),
      text(`dictionaries ${'d1:a'.repeat(deep)}`),
      text(`json {"a":${'['.repeat(deep)}`),
      text(`braces ${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`),
      text(
        `flags ${bencode({ command: 'offer', 'call-id': 'x', 'from-tag': 'a', sdp: AUDIO, 'rtpp-flags': 'a=['.repeat(deep) })}`,
      ),
    ]);
  });

  it('64 kB that mean nothing', async () => {
    const random = pseudoRandom(1);
    const noise = (): Buffer => Buffer.from(Array.from({ length: 65_000 }, () => random() & 0xff));
    await send(
      Array.from({ length: 20 }, (_, index) =>
        Buffer.concat([text(index % 2 ? `noise_${index} d` : ''), noise()]),
      ),
    );
  });

  it('lengths and numbers that lie', async () => {
    const lies = [
      'd7:command99999999999999999999:offer',
      'd-1:ae',
      'di1e1:ae',
      'd7:commandi9999999999999999999999ee',
      'd0:0:e',
      '5:hello',
    ];
    await send(lies.map((lie, index) => text(`lie_${index} ${lie}`)));
  });

  it('an SDP of thousands of lines', async () => {
    const sdps = [
      body({ media: Array.from({ length: 1500 }, () => ['m=audio 4000 RTP/AVP 0']) }),
      body({ media: [audio(4000, ...Array.from({ length: 5000 }, (_, index) => `a=x${index}`))] }),
      body({ media: [[`m=audio 4000 RTP/AVP${' 0'.repeat(20_000)}`]] }),
      body({ media: [[`m=audio 4000 RTP/AVP 0`, `a=fmtp:0 ${'x;'.repeat(25_000)}`]] }),
    ];
    await send(
      sdps.map((sdp, index) =>
        text(
          `sdp_${index} ${bencode({ command: 'offer', 'call-id': `sdp ${index}`, 'from-tag': 'a', sdp })}`,
        ),
      ),
    );
  });

  it('names that are empty, huge or full of control characters', async () => {
    const names = [
      '',
      ' ',
      '\0',
      '\r\n'.repeat(100),
      'x'.repeat(60_000),
      '__proto__',
      'constructor',
      '../../etc/passwd',
      '\x7f\xff',
    ];
    await send(
      names.flatMap((name, index) => [
        text(`id_${index} ${bencode({ command: 'offer', 'call-id': name, 'from-tag': name, sdp: AUDIO })}`),
        text(`query_${index} ${bencode({ command: 'query', 'call-id': name })}`),
        text(`command_${index} ${bencode({ command: name, [name]: name })}`),
      ]),
    );
  });

  it('fifty thousand different cookies, in bounded memory', async () => {
    const before = residentMegabytes(pid);
    await send(flood(50_000));
    expect(residentMegabytes(pid) - before).toBeLessThan(100);
  });
});

function* flood(count: number): Generator<Buffer> {
  for (let each = 0; each < count; each++) yield text(`flood_${each} d7:command4:pinge`);
}

function text(bytes: string): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** The same noise in every run (xorshift32). */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
