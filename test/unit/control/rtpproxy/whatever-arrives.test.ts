import fc from 'fast-check';
import { expect, test } from 'vitest';
import { detailRecord } from '../../../../src/call/detail-record.js';
import { ReplyCache } from '../../../../src/control/reply-cache.js';
import { RtpproxyResponder } from '../../../../src/control/rtpproxy/responder.js';
import { runs } from '../../../support/fuzz.js';
import { startFakeNode } from '../../service/fake-node.js';

const CLIENT = { address: '192.0.2.9', port: 5000, protocol: 'rtpproxy' } as const;
const MOST_CALLS = 3;

/** Everything between a datagram and a data plane that is played. */
async function node(): Promise<{ ask(datagram: Buffer): Promise<string | undefined>; calls(): number }> {
  const { registry, service } = await startFakeNode({
    logLevel: 'error',
    log: (line) => void defects.push(line),
    parts: { maxSessions: MOST_CALLS, keepDetails: (...end) => void detailRecord(...end) },
  });
  const responder = new RtpproxyResponder({
    handler: service.handlePair,
    cache: new ReplyCache({ generationMs: 35_000 }),
    bridged: false,
    notify: ['tcp:127.0.0.1:9999'],
    logger: { debug() {}, warn() {}, error: (...said: unknown[]) => void defects.push(said) },
    clock: () => 0,
  });
  return {
    ask: async (datagram) => (await responder.answerDatagram(datagram, CLIENT))?.toString('latin1'),
    calls: () => registry.size,
  };
}

const defects: unknown[] = [];

const host = fc.constantFrom('192.0.2.7', '0.0.0.0', '2001:db8::7', '::', '999.1.1.1', 'host.invalid', '');
const port = fc.oneof(
  fc.integer({ min: -10, max: 70_000 }).map(String),
  fc.constantFrom('', 'x', '4000x', '99999999999999999999', '4000 4000', '0'),
);
const tag = fc.constantFrom(
  'f',
  'f;1',
  'f;2',
  't',
  't;1',
  ';',
  'f;99999999999999999999',
  '%',
  'T'.repeat(300),
);
const call = fc.constantFrom('c1', 'c2;branch', 'c3', 'c4', 'c5', '', 'C'.repeat(9000), 'c\xff\0');
const modifiers = fc.oneof(
  fc.constantFrom(
    '',
    'EI',
    'IE',
    '6',
    'w',
    'S',
    'Z30\0\0',
    'c8,0,101',
    `c${'0,'.repeat(500)}`,
    'l',
    'R',
    'v',
    'n',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const further = fc.constantFrom(
  '',
  ' tcp:127.0.0.1:9999',
  ' tcp:127.0.0.1:9999 tag',
  ' udp:x:0 %',
  ' && D',
  ' && S ttl=5',
  ' && S tos=999',
  ' && M3:1 tag 101 h',
  ' && L 192.0.2.8 4002',
  ' &&',
  ' && && &&',
  ` ${'&& D '.repeat(200)}`,
);
const updates = fc
  .tuple(fc.constantFrom('U', 'L', 'u'), modifiers, call, host, port, tag, fc.option(tag), further)
  .map(
    ([letter, letters, id, at, number, from, to, rest]) =>
      `${letter}${letters} ${id} ${at} ${number} ${from}${to === null ? '' : ` ${to}`}${rest}`,
  );
const others = fc
  .tuple(
    fc.constantFrom('D', 'Q', 'P', 'S', 'R', 'C', 'N', 'G', 'I', 'V', 'VF', 'X'),
    modifiers,
    call,
    tag,
    further,
  )
  .map(([letter, letters, id, from, rest]) => `${letter}${letters} ${id} ${from}${rest}`);
const sound = fc
  .tuple(fc.constantFrom('c1', 'c2', 'c3', 'c4'), further)
  .map(([id, rest]) => `U ${id} 192.0.2.7 4000 f t${rest}`);
const cut = fc.tuple(updates, fc.nat(60)).map(([line, length]) => line.slice(0, length));
const binary = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const overlong = fc
  .integer({ min: 8000, max: 60_000 })
  .map((length) => `U c1 192.0.2.7 4000 ${'f'.repeat(length)}`);

test('malformed requests are answered by number, make no defect and hold no more than the limits', async () => {
  let ports = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(sound, updates, others, cut, binary, overlong), { minLength: 1, maxLength: 25 }),
      async (lines) => {
        const { ask, calls } = await node();
        for (const [index, line] of lines.entries()) {
          const reply = await ask(Buffer.from(`${index} ${line}`, 'latin1'));
          expect(reply?.startsWith(`${index} `)).toBe(true);
          expect(reply?.endsWith('\n')).toBe(true);
          expect(reply?.length).toBeLessThan(1100);
          expect(reply).not.toMatch(/ E8[1-9]\n/);
          expect(calls()).toBeLessThanOrEqual(MOST_CALLS);
          if (/ \d{4,5} /.test(reply ?? '')) ports += 1;
        }
        // It goes on as if nothing had been.
        expect(await ask(Buffer.from('last X'))).toBe('last 0\n');
        expect(calls()).toBe(0);
        expect(defects).toEqual([]);
      },
    ),
    runs(300),
  );
  // Some of it is right, or calls would never be in the way.
  expect(ports).toBeGreaterThan(50);
});
