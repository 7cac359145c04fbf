import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBencode, encodeBencode } from '../../../../src/control/ng/bencode.js';
import { type DecodedNg, decodeNg } from '../../../../src/control/ng/decode.js';
import { FLAGS } from '../../../../src/control/ng/flag-words.js';
import { decodeJson, encodeJson } from '../../../../src/control/ng/json.js';
import { KEYS } from '../../../../src/control/ng/keys.js';
import { type Dictionary, isDictionary, isList, type Value } from '../../../../src/control/ng/value.js';
import { type NgField, type NgMessage, toDictionary } from '../../../support/ng-client.js';
import { decodeOffer } from './decoding.js';
import {
  BUNDLE,
  CODEC_LISTS,
  CODECS,
  DROP,
  DTLS,
  ECHO,
  FAMILIES,
  ICE,
  LEARNING,
  LITE,
  OSRTP,
  REPLACE,
  RTCP_MUX,
  SDES,
  SWITCH,
  T38,
} from './list-words.js';

const one = (...words: readonly string[]): fc.Arbitrary<Value> => fc.constantFrom(...words);
const some = (...words: readonly string[]): fc.Arbitrary<Value> => fc.subarray([...words], { minLength: 1 });
const sections = (names: readonly string[], value: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc
    .uniqueArray(fc.tuple(fc.constantFrom(...names), value), { minLength: 1, selector: ([name]) => name })
    .map((entries) => new Map(entries));

/** Values of every key, under the first spelling of the key; `a|b` are spellings of one value. */
const VALUES: Readonly<Record<string, fc.Arbitrary<Value>>> = {
  'via-branch': one('z9hG4bK1'),
  address: one('192.0.2.1'),
  'to-label': one('other'),
  all: one('all', 'offer-answer', 'except-offer-answer|not-offer-answer|non-offer-answer', 'flows'),
  limit: fc.constantFrom<Value>(0, 7),
  supports: some('load limit'),
  'delete-delay': fc.constantFrom<Value>(0, 30),
  label: one('caller'),
  'set-label': one('callee'),
  metadata: one('a:b'),
  'alias-key': one('none|off|no', 'SDP', 'address|endpoint'),
  'sip-code': fc.constantFrom<Value>(183, 200),
  'xmlrpc-callback': one('192.0.2.5'),
  'DTMF-log-dest': one('192.0.2.5:99'),
  'DTMF-security': one('off', 'drop', 'random'),
  'DTMF-security-trigger': one('zero', 'DTMF'),
  'DTMF-security-trigger-end': one('silence', 'tone'),
  trigger: one('*98'),
  'trigger-end': one('#'),
  'trigger-end-digits': one('16'),
  'trigger-end-time': one('30000'),
  digit: one('#', '5', '11'),
  frequency: one('400'),
  volume: one('10', '-10'),
  'VSC-start-rec': one('*1'),
  'VSC-stop-rec': one('*2'),
  'VSC-start-stop-rec': one('*3'),
  'VSC-pause-rec': one('*4'),
  'VSC-pause-resume-rec': one('*5'),
  'VSC-start-pause-resume-rec': one('*6'),
  'record-call': one('yes|on', 'no|off', 'discard'),
  'recording-file': one('a.pcap'),
  'recording-path': one('a'),
  'recording-pattern': one('%c-%r'),
  pause: one('yes|on|true', 'no'),
  body: one('list totals'),
  replace: some(...REPLACE),
  'received-from': fc.constantFrom<Value>('192.0.2.1', ['IP4', '192.0.2.1'], ['IP6', '2001:db8::1']),
  'from-tags': some('a', 'b'),
  'to-call-id': one('other'),
  calls: some('a', 'b'),
  interface: one('priv'),
  direction: fc.constantFrom<Value>(['pub', 'priv'], ['pub']),
  'from-interface': one('pub'),
  'to-interface': one('priv'),
  'inbound-peer': one('192.0.2.1'),
  'outbound-peer': one('192.0.2.1'),
  'address-family': one(...FAMILIES),
  'media-address': one('192.0.2.9'),
  'endpoint-learning': one(...LEARNING),
  TOS: fc.constantFrom<Value>(-1, 184, 256),
  'media-echo': one(...ECHO),
  'drop-traffic': some(...DROP),
  'transport-protocol': one('RTP/AVP', 'UDP/TLS/RTP/SAVPF'),
  DTLS: one(...DTLS),
  'DTLS-fingerprint': one('sha-1'),
  SDES: some(...SDES),
  OSRTP: some(...OSRTP),
  passthrough: one(...SWITCH),
  ICE: some(...ICE),
  'ICE-lite': one(...LITE),
  'RTCP-mux': some(...RTCP_MUX),
  'generate-RTCP': one(...SWITCH),
  bundle: some(...BUNDLE),
  codec: sections(CODEC_LISTS, some(...CODECS)),
  ptime: fc.constantFrom<Value>(20, 30),
  'ptime-reverse': fc.constantFrom<Value>(20, 30),
  'T.38': some(...T38),
  'sdp-attr': sections(
    ['audio', 'video', 'none|global'],
    sections(['add', 'remove'], some('sendonly', 'foo:bar')),
  ),
  'sdp-media-remove': some('video', 'image'),
  extmap: sections(['strip', 'mask'], some('urn:ietf:params:rtp-hdrext:sdes:mid')),
};

/** Read by the request as a whole, with a meaning of their own in a flag string, or in none at all. */
const OF_THE_REQUEST = ['call-id', 'from-tag', 'to-tag', 'sdp', 'flags', 'medias', 'tags'];

const KEY_SPELLINGS = grouped(KEYS);
const FLAG_SPELLINGS = grouped(FLAGS);

type Setting = { readonly spellings: readonly string[]; readonly value: Value };
type Request = {
  readonly command: string;
  readonly keys: readonly Setting[];
  readonly flags: readonly string[];
};
type Pick = (spellings: readonly string[]) => string;

const ABOUT_MEDIA = ['block media', 'stop forwarding'] as const;
const isAboutMedia = (command: string): boolean => ABOUT_MEDIA.some((each) => each === command);

const setting: fc.Arbitrary<Setting> = fc
  .constantFrom(...KEY_SPELLINGS.filter(([name = '']) => !OF_THE_REQUEST.includes(name)))
  .chain((spellings) =>
    (VALUES[spellings[0] ?? ''] ?? fc.constant('')).map((value) => ({ spellings, value })),
  );

const request: fc.Arbitrary<Request> = fc.record({
  command: fc.oneof(
    fc.constantFrom('offer', 'answer'),
    fc.constantFrom('delete', 'query', 'list', ...ABOUT_MEDIA),
  ),
  keys: fc.uniqueArray(setting, { maxLength: 20, size: 'max', selector: ({ spellings }) => spellings }),
  flags: fc.uniqueArray(fc.constantFrom(...FLAG_SPELLINGS.map((spellings) => spellings.join('|'))), {
    maxLength: 20,
    size: 'max',
  }),
});

describe('one request, however it is written', () => {
  test('every key of the table has values here', () => {
    const names = KEY_SPELLINGS.map(([name = '']) => name);
    expect([...Object.keys(VALUES), ...OF_THE_REQUEST].toSorted()).toEqual(names.toSorted());
  });

  test('keys and lists, a flag string, JSON and bencode come to the same command', () => {
    fc.assert(
      fc.property(request, fc.gen(), (written, generate) => {
        const pick: Pick = (spellings) => generate(() => fc.constantFrom(...spellings));
        const plain = decodeNg(toDictionary(asKeys(written, ([first = '']) => first)));
        expect(plain.warnings).toEqual([]);
        const keys = toDictionary(asKeys(written, pick));
        expect(decodeNg(keys)).toEqual(plain);
        expect(decodeNg(asJson(keys))).toEqual(plain);
        expect(decodeNg(bencoded(keys))).toEqual(plain);
        expect(decodeNg(toDictionary(asFlagString(written, pick)))).toEqual(plain);
      }),
      // Shrinking a whole request takes minutes and tells little more.
      { numRuns: 100, endOnFailure: true },
    );
  });

  test.each([
    ['replace-', 'replace', REPLACE],
    ['rtcp-mux-|RTCP-mux-', 'rtcp-mux', RTCP_MUX],
    ['SDES-|sdes-', 'SDES', SDES],
    ['OSRTP-|osrtp-', 'OSRTP', OSRTP],
    ['T38-|T.38-|t38-|t.38-', 'T.38', T38],
    ['endpoint-learning-', 'endpoint-learning', LEARNING],
    ['BUNDLE-|bundle-', 'bundle', BUNDLE],
  ])('%s in front of an entry is the same as %s', (prefixes, key, entries) => {
    for (const entry of entries.flatMap((spellings) => spellings.split('|'))) {
      const asKey = decodeOffer({ [key]: [entry] });
      expect(asKey.warnings).toEqual([]);
      for (const prefix of prefixes.split('|')) expectFlag(`${prefix}${entry}`, asKey);
    }
  });

  test.each(CODEC_LISTS)('codec-%s- in front of a codec is the same as the list', (list) => {
    for (const name of CODECS) {
      const asKey = decodeOffer({ codec: { [list]: [name] } });
      expectFlag(`codec-${list}-${name}`, asKey);
      expect(decodeOffer({ 'rtpp-flags': `codec-${list}=${name}` })).toEqual(asKey);
      if (list === 'transcode') expectFlag(`transcode-${name}`, asKey);
    }
  });
});

/** The flag in a list, in a string with commas, and where it can stand there, in a flag string. */
function expectFlag(flag: string, meaning: DecodedNg): void {
  expect(decodeOffer({ flags: [flag] })).toEqual(meaning);
  expect(decodeOffer({ flags: flag })).toEqual(meaning);
  if (!flag.includes(' ')) expect(decodeOffer({ 'rtpp-flags': flag })).toEqual(meaning);
}

function asKeys({ command, keys, flags }: Request, pick: Pick): NgMessage {
  const words = flags.map((flag) => pick(withBlanks(flag)));
  return {
    command,
    ...identity(command, pick),
    ...entries(keys, pick),
    ...(flags.length > 0 && { flags: words }),
  };
}

/** What cannot stand in a flag string, because it needs a blank, stays a key. */
function asFlagString({ command, keys, flags }: Request, pick: Pick): NgMessage {
  const solid: Pick = (spellings) => pick(spellings.filter((spelling) => !spelling.includes(' ')));
  const tokens = Object.entries(
    entries(
      keys.filter(({ value }) => !needsBlank(value)),
      solid,
    ),
  ).map(([key, value = '']) => `${key}=${bracketed(value)}`);
  return {
    command,
    ...identity(command, pick),
    ...entries(
      keys.filter(({ value }) => needsBlank(value)),
      pick,
    ),
    [pick(['rtpp-flags', 'rtpp_flags', 'rtpp flags'])]: [
      ...tokens,
      ...flags.map((flag) => solid(flag.split('|'))),
    ].join(pick([' ', '   ', '\t'])),
  };
}

/** Beside a flag string the tags of a command about media count only if it says so. */
function identity(command: string, pick: Pick): NgMessage {
  const callId = { [pick(['call-id', 'call-ID', 'call id', 'call ID'])]: 'call' };
  if (isAboutMedia(command)) return callId;
  return {
    ...callId,
    [pick(['from-tag', 'from tag'])]: 'from',
    [pick(['to-tag', 'to tag', 'to_tag'])]: 'to',
    [pick(['sdp', 'SDP'])]: 'v=0\r\n',
  };
}

function entries(keys: readonly Setting[], pick: Pick): NgMessage {
  return Object.fromEntries(
    keys.map(({ spellings, value }): [string, NgField] => [pick(spellings), spelled(value, pick)]),
  );
}

/** One of the spellings of each word; numbers also as text, lists also as a string with commas. */
function spelled(value: Value, pick: Pick): NgField {
  if (typeof value === 'string') return pick(value.split('|'));
  if (typeof value === 'number') return pick(['number', 'text']) === 'text' ? String(value) : value;
  if (isDictionary(value))
    return Object.fromEntries(
      [...value].map(([name, inner]): [string, NgField] => [pick(name.split('|')), spelled(inner, pick)]),
    );
  const words = value.map((word) => pick(String(word).split('|')));
  return pick(['list', 'commas']) === 'list' ? words : words.join(',');
}

function bracketed(field: NgField): string {
  if (typeof field !== 'object') return String(field);
  if (isFields(field)) return `[${field.map(bracketed).join(' ')}]`;
  return `[${Object.entries(field)
    .map(([key, value = '']) => `${key}=${bracketed(value)}`)
    .join(' ')}]`;
}

function isFields(field: NgField): field is readonly NgField[] {
  return Array.isArray(field);
}

function needsBlank(value: Value): boolean {
  if (typeof value === 'string') return value.split('|').every((spelling) => spelling.includes(' '));
  return isList(value) && value.some(needsBlank);
}

/** A flag may be written with blanks in place of its hyphens. */
function withBlanks(flag: string): readonly string[] {
  return flag.split('|').flatMap((spelling) => [spelling, spelling.replaceAll('-', ' ')]);
}

function bencoded(keys: Dictionary): Dictionary {
  return decodeBencode(Buffer.from(encodeBencode(keys), 'latin1')) ?? new Map();
}

function asJson(keys: Dictionary): Dictionary {
  return decodeJson(Buffer.from(encodeJson(keys), 'latin1')) ?? new Map();
}

/** The spellings that one entry of a table is found under. */
function grouped(table: ReadonlyMap<string, unknown>): readonly (readonly string[])[] {
  const groups = new Map<unknown, string[]>();
  for (const [spelling, entry] of table) groups.set(entry, [...(groups.get(entry) ?? []), spelling]);
  return [...groups.values()];
}
