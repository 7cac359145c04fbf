import { describe, expect, test } from 'vitest';
import type { CodecFlags, MediaFlags, SdesFlags } from '../../../../src/command/flags.js';
import { DEFAULT_FLAGS } from '../../../../src/command/flags.js';
import { changes, decode, decodeOffer, flagsOf } from './decoding.js';

const sdes = (fields: Partial<SdesFlags>) => ({ sdes: { ...DEFAULT_FLAGS.sdes, ...fields } });
const codec = (fields: Partial<CodecFlags>) => ({ codec: { ...DEFAULT_FLAGS.codec, ...fields } });

/** Every entry of `flags` in each of its spellings; blanks in place of hyphens are tried for all of them. */
const FLAGS: readonly (readonly [spellings: string, meaning: Partial<MediaFlags>])[] = [
  ['trust-address', { trustAddress: true }],
  ['SIP-source-address|sip-source-address', { trustAddress: false }],
  ['symmetric|asymmetric-codecs|symmetric-codecs|reorder-codecs', {}],
  ['asymmetric', { asymmetric: true }],
  ['unidirectional', { unidirectional: true }],
  ['strict-source', { strictSource: true }],
  ['media-handover', { mediaHandover: true }],
  ['port-latching', { portLatching: true }],
  ['no-port-latching', { portLatching: false }],
  ['reset', { reset: true }],
  ['loop-protect', { loopProtect: true }],
  ['original-sendrecv', { originalSendrecv: true }],
  ['generate-mid', { generateMid: true }],
  ['strip-extmap', { stripExtmap: true }],
  ['no-rtcp-attribute', { rtcpAttribute: 'none' }],
  ['full-rtcp-attribute', { rtcpAttribute: 'full' }],
  ['trickle-ICE|trickle-ice', { trickleIce: true }],
  ['reject-ICE|reject-ice|ICE-reject|ice-reject', { rejectIce: true }],
  [
    'webrtc|webRTC|WebRTC|WebRtc',
    {
      transportProtocol: 'UDP/TLS/RTP/SAVPF',
      ice: 'force',
      trickleIce: true,
      rtcpMux: new Set(['offer', 'require']),
      rtcpAttribute: 'none',
      ...sdes({ off: true }),
      generateMid: true,
      bundle: new Set(['offer', 'require']),
    },
  ],
  ['single-codec', { singleCodec: true }],
  ['reuse-codecs|no-codec-renegotiation', { reuseCodecs: true }],
  ['static-codecs', { staticCodecs: true }],
  ['allow-asymmetric-codecs', { allowAsymmetricCodecs: true }],
  ['allow-no-codec-media', { allowNoCodecMedia: true }],
  ['always-transcode', codec({ accept: [{ name: 'all' }] })],
  ['pad-crypto', sdes({ pad: true })],
  ['recrypt', { recrypt: true }],
  ['no-tls-id', { noTlsId: true }],
  ['block-DTMF|block-dtmf', { blockDtmf: true }],
  ['NAT-wait|nat-wait', { natWait: true }],
  ['pierce-NAT|pierce-nat', { pierceNat: true }],
  ['generate-RTCP|generate-rtcp', { generateRtcp: true }],
  ['record-call', { recordCall: 'on' }],
  ['discard-recording', { recordCall: 'discard' }],
  ['fragment', { fragment: true }],
  ['debug|debugging', { debug: true }],
  ['no-redis-update', { noRedisUpdate: true }],
  ['new-branch', { newBranch: true }],
  ['provisional', { provisional: true }],
  ['passthrough', { passthrough: true }],
  ['no-passthrough', { passthrough: false }],
  ['all|directional|to-tag|fatal|fast', {}],
];

/** Flags that name a list and its entry. */
const PREFIXED: readonly (readonly [spellings: string, meaning: Partial<MediaFlags>])[] = [
  ['replace-origin', { replace: new Set(['origin']) }],
  ['replace-session-connection|replace-session connection', { replace: new Set(['session-connection']) }],
  ['rtcp-mux-offer|RTCP-mux-offer', { rtcpMux: new Set(['offer']) }],
  ['rtcp-mux-demux', { rtcpMux: new Set(['demux']) }],
  ['SDES-off|SDES-no|sdes-off', sdes({ off: true })],
  ['SDES-no-AES_CM_128_HMAC_SHA1_32', sdes({ exclude: ['AES_CM_128_HMAC_SHA1_32'] })],
  ['SDES-only-AES_CM_128_HMAC_SHA1_80', sdes({ only: ['AES_CM_128_HMAC_SHA1_80'] })],
  ['SDES-unencrypted_srtp', sdes({ unencryptedSrtp: true })],
  ['SDES-order:A;B', sdes({ order: ['A', 'B'] })],
  ['OSRTP-offer|OSRTP-offer-RFC|OSRTP-offer-rfc', { osrtp: new Set(['offer']) }],
  ['OSRTP-accept-legacy', { osrtp: new Set(['accept-legacy']) }],
  ['codec-strip-PCMU', codec({ strip: [{ name: 'PCMU' }] })],
  ['codec-strip-telephone-event', codec({ strip: [{ name: 'telephone-event' }] })],
  ['codec-except-G722/8000', codec({ except: [{ name: 'G722', clockRate: 8000 }] })],
  ['codec-offer-PCMA', codec({ offer: [{ name: 'PCMA' }] })],
  ['codec-ignore-PCMA', codec({ ignore: [{ name: 'PCMA' }] })],
  ['codec-mask-PCMA', codec({ mask: [{ name: 'PCMA' }] })],
  ['codec-consume-PCMA', codec({ consume: [{ name: 'PCMA' }] })],
  ['codec-accept-PCMA', codec({ accept: [{ name: 'PCMA' }] })],
  [
    'codec-set-opus/48000/2/16000',
    codec({ set: [{ name: 'opus', clockRate: 48000, channels: 2, bitrate: 16000 }] }),
  ],
  ['transcode-PCMA|codec-transcode-PCMA', codec({ transcode: [{ name: 'PCMA' }] })],
  ['T38-decode|T.38-decode|t38-decode', { t38: ['decode'] }],
  ['endpoint-learning-off|endpoint learning-off', { endpointLearning: 'off' }],
  ['BUNDLE-accept|bundle-accept', { bundle: new Set(['accept']) }],
  ['BUNDLE-require', { bundle: new Set(['require']), generateMid: true }],
  ['sdp-attr-add-audio-foo:bar', edits('audio', { add: ['foo:bar'] })],
  ['sdp-attr-remove-none-group', edits('global', { remove: ['group'] })],
  ['sdp-attr-substitute-video-a--1>b..2', edits('video', { substitute: [['a=1', 'b 2']] })],
];

describe('flags of an offer', () => {
  const rows = [
    ...FLAGS.flatMap(([spellings, meaning]) =>
      spellings
        .split('|')
        .flatMap((flag) => [[flag, meaning] as const, [flag.replaceAll('-', ' '), meaning] as const]),
    ),
    ...PREFIXED.flatMap(([spellings, meaning]) =>
      spellings.split('|').map((flag) => [flag, meaning] as const),
    ),
  ];
  test.each(rows)('%s', (flag, meaning) => {
    const decoded = decodeOffer({ flags: [flag] });
    expect(changes(decoded)).toEqual(meaning);
    expect(decoded.warnings).toEqual([]);
  });

  test.each([
    ['no-such-flag', 'unknown flag "no-such-flag"'],
    ['Trust-Address', 'unknown flag "Trust-Address"'],
    ['codec-', 'unknown flag "codec-"'],
    ['codec-strip-', 'unknown flag "codec-strip-"'],
    ['replace-', 'unknown flag "replace-"'],
    ['rtcp-mux-maybe', 'unknown flag "rtcp-mux-maybe"'],
    ['early-media', '"early-media" has no effect'],
    ['inject-DTMF', '"inject-DTMF" has no effect'],
  ])('%s: a warning', (flag, warning) => {
    expect(decodeOffer({ flags: [flag] }).warnings).toEqual([warning]);
  });

  test('a string is a list with commas', () => {
    expect(changes(decodeOffer({ flags: 'strict-source,asymmetric' }))).toEqual({
      strictSource: true,
      asymmetric: true,
    });
  });

  test('lists grow, the later of two scalars wins', () => {
    const flags = flagsOf(
      decodeOffer({
        replace: ['origin'],
        ICE: 'force',
        flags: ['replace-username', 'SIP-source-address', 'trust-address'],
        ice: 'remove',
      }),
    );
    expect(flags.replace).toEqual(new Set(['origin', 'username']));
    expect(flags.ice).toBe('remove');
    expect(flags.trustAddress).toBe(true);
  });

  test('no more parties are named than a call can have, as words or as a list', () => {
    const tags = Array.from({ length: 100 }, (_, index) => `t${index}`);
    const request = { command: 'subscribe request', 'call-id': 'call' };
    const messages = [
      { ...request, 'from-tags': tags },
      { ...request, flags: tags.map((tag) => `from-tags-${tag}`) },
    ];
    for (const message of messages) {
      const { command } = decode(message);
      expect('fromTags' in command && command.fromTags).toEqual(tags.slice(0, 64));
    }
  });

  test('thousands of entries stay cheap', () => {
    const many = Array.from({ length: 8000 }, (_, index) => `codec-strip-X${index}`);
    expect(flagsOf(decodeOffer({ flags: many })).codec.strip.length).toBeLessThanOrEqual(128);
  });
});

function edits(section: string, fields: object): Partial<MediaFlags> {
  return { sdpAttributes: new Map([[section, { add: [], remove: [], substitute: [], ...fields }]]) };
}
