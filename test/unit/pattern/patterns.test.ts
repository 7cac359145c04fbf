import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AnswerCommand, OfferCommand } from '../../../src/command/command.js';
import { DEFAULT_FLAGS, type MediaFlags } from '../../../src/command/flags.js';
import { FACTS } from '../negotiation/sample.js';
import { Both } from './both.js';

const FLAGS: readonly Partial<MediaFlags>[] = [
  {},
  { replace: new Set(['origin', 'session-connection']) },
  { replace: new Set(['origin', 'SDP-version', 'username']), trustAddress: false },
  { replace: new Set(['origin-full', 'session-name']), portLatching: true },
  { rtcpMux: new Set(['offer', 'require']), generateMid: true },
  { rtcpMux: new Set(['demux']), rtcpAttribute: 'full', strictSource: true },
  { aliasKey: 'address' },
  { aliasKey: 'SDP' },
  { mediaAddress: '198.18.110.71', tos: 184, originalSendrecv: true, loopProtect: true },
];

type Line = {
  readonly address: string;
  readonly port: number;
  readonly rtcp: number | null;
  readonly attributes: string;
};

const hosts = ['192.0.2.1', '192.0.2.2', '203.0.113.5', '10.0.0.5', '0.0.0.0', '2001:db8::7', '127.0.0.1'];
const often = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: usual, weight: 15 }, { arbitrary: rare, weight: 1 });
const host = often(fc.constantFrom(...hosts.slice(0, 3)), fc.constantFrom(...hosts));
const port = often(fc.constantFrom(4000, 4001, 4002), fc.constantFrom(0, 9, 65_534, 65_535, 21_001));
const tag: fc.Arbitrary<string> = often<string>(
  fc.constantFrom('a', 'b', 'tag-3'),
  fc.constantFrom('with"quote', 'til~de', 'é', 'x y', 'Qzw110kQx'),
);

const line: fc.Arbitrary<Line> = fc.record({
  address: host,
  port,
  rtcp: fc.option(port),
  attributes: fc.constantFrom(
    '',
    'a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n',
    'a=sendonly\r\n',
    'a=rtcp-mux\r\n',
    'a=mid:1\r\n',
    'a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\n',
  ),
});

const body = fc.record({
  username: tag,
  session: fc.constantFrom<string>('1', '42', '161104707470747'),
  version: fc.constantFrom('1', '2'),
  origin: host,
  medias: fc.array(line, { minLength: 1, maxLength: 2 }),
});

type Generated<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Body = Generated<typeof body>;

function written({ username, session, version, origin, medias }: Body): string {
  const family = (address: string) => (address.includes(':') ? 'IP6' : 'IP4');
  const sections = medias.map(
    ({ address, port: rtp, rtcp, attributes }) =>
      `m=audio ${rtp} RTP/AVP 0 101\r\nc=IN ${family(address)} ${address}\r\n${attributes}` +
      (rtcp === null ? '' : `a=rtcp:${rtcp}\r\n`),
  );
  return `v=0\r\no=${username} ${session} ${version} IN ${family(origin)} ${origin}\r\ns=-\r\nt=0 0\r\n${sections.join('')}`;
}

const message = fc.record({
  flags: fc.nat(FLAGS.length - 1),
  receivedFrom: fc.option(host, { nil: undefined }),
  fromTag: tag,
  toTag: tag,
  viaBranch: fc.option(tag, { nil: undefined }),
  body,
});

type Message = Generated<typeof message>;

function flagsOf({ flags, receivedFrom }: Message): MediaFlags {
  return { ...DEFAULT_FLAGS, ...FLAGS[flags], ...(receivedFrom !== undefined && { receivedFrom }) };
}

function offerOf(said: Message, callId: string, withToTag: boolean): OfferCommand {
  return {
    kind: 'offer',
    callId,
    fromTag: said.fromTag,
    ...(withToTag && { toTag: said.toTag }),
    ...(said.viaBranch !== undefined && { viaBranch: said.viaBranch }),
    sdp: written(said.body),
    flags: flagsOf(said),
    likeness: said.flags,
    supportsLoadLimit: false,
  };
}

function answerOf(said: Message, callId: string, fromTag: string): AnswerCommand {
  const { supportsLoadLimit: _, ...offer } = offerOf({ ...said, fromTag }, callId, true);
  return { ...offer, kind: 'answer', toTag: said.toTag };
}

test('what patterns say is what negotiation says', { timeout: 60_000 }, () => {
  let repeated = 0;
  const property = fc.property(
    fc.array(message, { minLength: 1, maxLength: 2 }),
    fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), host, port), { minLength: 8, maxLength: 20 }),
    (messages, calls) => {
      const both = new Both();
      calls.forEach(([first, second, third, address, rtp], index) => {
        const pick = (at: number): Message => {
          const chosen = messages[at % messages.length];
          if (chosen === undefined) throw new Error('no message');
          const medias = chosen.body.medias.map((section) => ({ ...section, address, port: rtp }));
          return { ...chosen, body: { ...chosen.body, medias, session: String(index) } };
        };
        const facts = { ...FACTS, now: FACTS.now + index };
        const callId = `call-${index}`;
        const [offered, answered, again] = [pick(first), pick(second), pick(third)];
        let held = both.take(undefined, offerOf(offered, callId, false), facts);
        held = both.take(held, answerOf(answered, callId, offered.fromTag), {
          ...facts,
          now: facts.now + 7,
        });
        both.take(held, offerOf(again, callId, true), { ...facts, now: facts.now + 9 });
      });
      repeated += both.repeated;
    },
  );
  // What is drawn may be of many kinds, of which few come again: then there is another round.
  for (let round = 0; round === 0 || (repeated <= 30 && round < 6); round += 1)
    fc.assert(property, { numRuns: 40 });
  expect(repeated).toBeGreaterThan(30);
});
