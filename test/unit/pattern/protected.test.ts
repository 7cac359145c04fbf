import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnswerCommand, OfferCommand } from '../../../src/command/command.js';
import { DEFAULT_FLAGS, type MediaFlags } from '../../../src/command/flags.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { FACTS } from '../negotiation/sample.js';
import { Both } from './both.js';

const hash = (byte: string) => Array.from({ length: 32 }, () => byte).join(':');

const NODE: Facts = {
  ...FACTS,
  capabilities: new Set(['srtp', 'ice']),
  certificate: { id: 'ours', former: [], fingerprints: [{ hash: 'sha-256', value: hash('AB') }] },
};

const BROWSERS: Partial<MediaFlags> = {
  ice: 'default',
  sdes: { ...DEFAULT_FLAGS.sdes, off: true },
  rtcpMux: new Set(['offer']),
  replace: new Set(['origin', 'session-connection']),
  generateMid: true,
};

const FLAGS: readonly Partial<MediaFlags>[] = [
  BROWSERS,
  { ...BROWSERS, bundle: new Set(['accept', 'offer']) },
  { ...BROWSERS, bundle: new Set(['accept', 'strict']), noTlsId: true },
  { ...BROWSERS, ice: 'remove', transportProtocol: 'RTP/AVP', rtcpMux: new Set(['demux']) },
  { ...BROWSERS, ice: 'force', transportProtocol: 'UDP/TLS/RTP/SAVPF' },
  { ...BROWSERS, ice: 'force-relay' },
  { ...BROWSERS, ice: 'optional', replace: new Set(['SDP-version']) },
  { ...BROWSERS, sdes: DEFAULT_FLAGS.sdes },
  { ...BROWSERS, trickleIce: true, dtls: 'off', sdes: DEFAULT_FLAGS.sdes },
];

const often = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: usual, weight: 300 }, { arbitrary: rare, weight: 1 });
const digits = (max: number) => fc.integer({ min: 10, max }).map(String);

const candidate = fc.record({
  foundation: often(digits(4_000_000_000), fc.constantFrom('Qzw110kQx', 'a"b', 'x~y')),
  transport: often(fc.constant('udp'), fc.constantFrom('tcp', 'UDP')),
  component: often(fc.constant('1'), fc.constantFrom('2', '3', '01')),
  priority: often(
    fc.oneof(digits(4_294_967_295), digits(1_000_000)),
    fc.constantFrom('0', '007', '4294967296'),
  ),
  address: often(
    fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 250 })).map(([c, d]) => `198.51.${c}.${d}`),
    fc.constantFrom('0.0.0.0', '2001:db8::7', '::', 'a1b2.local', '198.18.110.71', 'no address'),
  ),
  port: often(digits(65_000), fc.constantFrom('0', '9', '65535')),
});
type Candidate = typeof candidate extends fc.Arbitrary<infer T> ? T : never;

const section = fc.record({
  port: often(digits(65_000), fc.constantFrom('9', '0', '8')),
  host: often(
    fc.integer({ min: 1, max: 250 }).map((last) => `198.51.100.${last}`),
    fc.constant('0.0.0.0'),
  ),
  rtcp: often(fc.constant('9 IN IP4 0.0.0.0'), fc.constantFrom('9', '9 IN IP4 198.51.100.1', '4001')),
  ssrcs: fc.array(often(digits(4_294_967_295), fc.constantFrom('4294967296', '0')), {
    minLength: 2,
    maxLength: 2,
  }),
  candidates: fc.array(candidate, { minLength: 3, maxLength: 3 }),
});

/** What messages of a kind have in common. */
const kind = fc.record({
  flags: fc.nat(FLAGS.length - 1),
  protocol: often(fc.constant('UDP/TLS/RTP/SAVPF'), fc.constantFrom('RTP/AVP', 'RTP/SAVPF')),
  lines: fc.constantFrom('', 'a=rtcp-mux\r\n', 'a=rtcp-mux\r\na=ice-options:trickle\r\n', 'a=sendonly\r\n'),
  candidates: fc.constantFrom(1, 2, 3),
  rest: fc.constantFrom('typ host generation 0', 'typ host', 'typ relay raddr 0.0.0.0 rport 0'),
  ssrcs: fc.constantFrom(0, 2),
  hasTlsId: fc.boolean(),
  isAtOnePlace: fc.boolean(),
  isMuch: fc.nat(7),
  hasCrypto: fc.nat(7),
});

const values = fc.record({
  ufrag: often(fc.stringMatching(/^[A-Za-z0-9+/]{4,8}$/), fc.constantFrom('abc', 'a b c d')),
  pwd: often(fc.stringMatching(/^[A-Za-z0-9+/]{22,24}$/), fc.constant('short')),
  fingerprint: often(
    fc.integer({ min: 16, max: 255 }).map((byte) => hash(byte.toString(16).toUpperCase())),
    fc.constantFrom(hash('ab'), 'AB:CD'),
  ),
  tlsId: fc.stringMatching(/^[A-Za-z0-9]{20}$/),
  origin: often(fc.constant('127.0.0.1'), fc.constant('0.0.0.0')),
  sections: fc.tuple(section, section),
});

type Kind = typeof kind extends fc.Arbitrary<infer T> ? T : never;
type Said = typeof values extends fc.Arbitrary<infer T> ? T : never;

function candidateLine(one: Candidate, at: number, { rest, isMuch }: Kind): string {
  const { foundation, component, transport, priority, address, port } = one;
  // Some are about as long, together, as what is kept of them may be.
  const name = isMuch === 0 ? foundation.padEnd(31, '1') : foundation;
  return `a=candidate:${name} ${component} ${transport} ${priority} ${address} ${Number(port) + at} ${rest}\r\n`;
}

function bodyOf(common: Kind, said: Said, setup: string): string {
  const sections = said.sections.map((own, mid) => {
    const few = own.candidates.slice(0, common.candidates);
    const candidates = common.isMuch === 0 ? [few, few, few, few, few].flat() : few;
    return [
      `m=audio ${own.port} ${common.protocol} 0 101\r\nc=IN IP4 ${common.isAtOnePlace ? said.sections[0].host : own.host}\r\na=mid:${mid}\r\n`,
      `a=rtcp:${own.rtcp}\r\na=rtpmap:101 telephone-event/8000\r\n`,
      ...candidates.map((one, at) => candidateLine(one, at, common)),
      `a=ice-ufrag:${said.ufrag}\r\na=ice-pwd:${said.pwd}\r\n`,
      `a=fingerprint:sha-256 ${said.fingerprint}\r\na=setup:${setup}\r\n`,
      common.hasTlsId ? `a=tls-id:${said.tlsId}\r\n` : '',
      common.hasCrypto === 0 ? CRYPTO : '',
      `a=msid:stream${said.ufrag} track\r\n`,
      ...own.ssrcs.slice(0, common.ssrcs).map((ssrc) => `a=ssrc:${ssrc} cname:${said.ufrag}\r\n`),
      common.lines,
    ].join('');
  });
  return `v=0\r\no=- 4611 2 IN IP4 ${said.origin}\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n${sections.join('')}`;
}

const CRYPTO = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n';

function offerOf(common: Kind, said: Said, callId: string): OfferCommand {
  return {
    kind: 'offer',
    callId,
    fromTag: 'a',
    sdp: bodyOf(common, said, 'actpass'),
    flags: { ...DEFAULT_FLAGS, ...FLAGS[common.flags] },
    likeness: common.flags,
    supportsLoadLimit: false,
  };
}

function answerOf(common: Kind, said: Said, callId: string): AnswerCommand {
  const { supportsLoadLimit: _, ...offer } = offerOf(common, said, callId);
  return { ...offer, kind: 'answer', toTag: 'b', sdp: bodyOf(common, said, 'active') };
}

test('what patterns say of browsers is what negotiation says', { timeout: 120_000 }, () => {
  let repeated = 0;
  const property = fc.property(
    kind,
    fc.array(fc.tuple(values, values, values), { minLength: 8, maxLength: 10 }),
    (common, calls) => {
      const both = new Both();
      calls.forEach(([offered, answered, again], index) => {
        const at = (ms: number) => ({ ...NODE, now: NODE.now + 1_000 * index + ms });
        const callId = `call-${index}`;
        const offer = offerOf(common, offered, callId);
        const afterOffer = both.take(undefined, offer, at(1));
        const afterAnswer = both.take(afterOffer, answerOf(common, answered, callId), at(2));
        const restart = index % 2 === 0 ? offer : offerOf(common, again, callId);
        both.take(afterAnswer, { ...restart, toTag: 'b' }, at(3));
      });
      repeated += both.repeated;
    },
  );
  // What is drawn may be of many kinds, of which few come again: then there is another round.
  for (let round = 0; round === 0 || (repeated <= 60 && round < 6); round += 1)
    fc.assert(property, { numRuns: 40, endOnFailure: true });
  expect(repeated).toBeGreaterThan(60);
});
