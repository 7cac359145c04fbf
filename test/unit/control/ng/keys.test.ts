import { describe, expect, test } from 'vitest';
import type { CodecFlags, MediaFlags, SdesFlags } from '../../../../src/command/flags.js';
import { DEFAULT_FLAGS } from '../../../../src/command/flags.js';
import type { NgField } from '../../../support/ng-client.js';
import { changes, decodeOffer } from './decoding.js';

const sdes = (fields: Partial<SdesFlags>) => ({ sdes: { ...DEFAULT_FLAGS.sdes, ...fields } });
const codec = (fields: Partial<CodecFlags>) => ({ codec: { ...DEFAULT_FLAGS.codec, ...fields } });

/** Every key of an offer in each of its spellings, and what it means. */
const KEYS: readonly (readonly [spellings: string, value: NgField, meaning: Partial<MediaFlags>])[] = [
  ['replace', ['origin', 'session-connection'], { replace: new Set(['origin', 'session-connection']) }],
  [
    'replace',
    ['session connection', 'session name'],
    { replace: new Set(['session-connection', 'session-name']) },
  ],
  ['replace', 'username,zero-address', { replace: new Set(['username', 'zero-address']) }],
  ['replace', ['SDP-version', 'sdp version'], { replace: new Set(['SDP-version']) }],
  [
    'replace',
    ['origin-full', 'force-increment-sdp-ver'],
    { replace: new Set(['origin-full', 'force-increment-sdp-ver']) },
  ],
  ['received-from|received from', ['IP4', '192.0.2.1'], { receivedFrom: '192.0.2.1' }],
  ['received-from|received from', ['IP6', '2001:db8::1'], { receivedFrom: '2001:db8::1' }],
  ['received-from|received from', '192.0.2.1', { receivedFrom: '192.0.2.1' }],
  ['direction', ['pub', 'priv'], { fromInterface: 'pub', toInterface: 'priv' }],
  ['direction', ['external'], { fromInterface: 'external' }],
  ['from-interface|from interface', 'pub', { fromInterface: 'pub' }],
  ['to-interface|to interface', 'priv', { toInterface: 'priv' }],
  ['address family|address-family', 'IP6', { addressFamily: 'IP6' }],
  ['media address|media-address', '192.0.2.9', { mediaAddress: '192.0.2.9' }],
  ['transport-protocol|transport protocol', 'RTP/SAVPF', { transportProtocol: 'RTP/SAVPF' }],
  ['ICE|ice', 'remove', { ice: 'remove' }],
  ['ICE|ice', 'force', { ice: 'force' }],
  ['ICE|ice', 'optional', { ice: 'optional' }],
  ['ICE|ice', 'force-relay', { ice: 'force-relay' }],
  ['ICE|ice', 'force relay', { ice: 'force-relay' }],
  ['ICE|ice', 'force_relay', { ice: 'force-relay' }],
  ['ICE|ice', ['force', 'trickle', 'ice2'], { ice: 'force', trickleIce: true, ice2: true }],
  ['ICE|ice', ['lite-forward'], { iceLite: 'forward' }],
  ['ICE-lite|ICE lite|ice-lite|ice lite', 'none', { iceLite: 'off' }],
  ['ICE-lite|ICE lite|ice-lite|ice lite', 'fwd', { iceLite: 'forward' }],
  ['ICE-lite|ICE lite|ice-lite|ice lite', 'backwards', { iceLite: 'backward' }],
  ['ICE-lite|ICE lite|ice-lite|ice lite', 'both', { iceLite: 'both' }],
  ['DTLS|dtls|DTLS-reverse|DTLS reverse|dtls-reverse', 'passive', { dtls: 'passive' }],
  ['DTLS', 'active', { dtls: 'active' }],
  ['DTLS', 'disabled', { dtls: 'off' }],
  ['DTLS-fingerprint|DTLS fingerprint|dtls-fingerprint', 'sha-1', { dtlsFingerprint: 'sha-1' }],
  ['SDES|sdes', ['off'], sdes({ off: true })],
  ['SDES', 'disabled', sdes({ off: true })],
  [
    'SDES',
    ['no-AES_CM_128_HMAC_SHA1_32', 'only-AES_256_CM_HMAC_SHA1_80'],
    sdes({ exclude: ['AES_CM_128_HMAC_SHA1_32'], only: ['AES_256_CM_HMAC_SHA1_80'] }),
  ],
  ['SDES', ['order:A;B', 'offerer_pref:C;D'], sdes({ order: ['A', 'B'], offererPreference: ['C', 'D'] })],
  [
    'SDES',
    'nonew,pad,lifetime,static,prefer',
    sdes({ nonew: true, pad: true, lifetime: true, static: true, prefer: true }),
  ],
  ['SDES', ['priority'], sdes({ prefer: true })],
  [
    'SDES',
    ['unencrypted_srtp', 'UNENCRYPTED_SRTCP', 'unauthenticated_srtp'],
    sdes({ unencryptedSrtp: true, unencryptedSrtcp: true, unauthenticatedSrtp: true }),
  ],
  ['SDES', ['encrypted_srtp', 'ENCRYPTED_SRTCP'], sdes({ unencryptedSrtp: false, unencryptedSrtcp: false })],
  ['OSRTP|osrtp', ['offer'], { osrtp: new Set(['offer']) }],
  ['OSRTP', ['offer-RFC', 'offer-legacy'], { osrtp: new Set(['offer', 'offer-legacy']) }],
  ['OSRTP', ['accept'], { osrtp: new Set(['accept-rfc', 'accept-legacy']) }],
  ['rtcp-mux|rtcp mux|RTCP-mux', ['offer'], { rtcpMux: new Set(['offer']) }],
  ['rtcp-mux', ['require'], { rtcpMux: new Set(['require', 'offer']) }],
  ['rtcp-mux', 'demux,accept', { rtcpMux: new Set(['demux', 'accept']) }],
  ['bundle|BUNDLE', ['accept'], { bundle: new Set(['accept']) }],
  ['bundle|BUNDLE', ['strict'], { bundle: new Set(['strict']), generateMid: true }],
  [
    'codec|codecs',
    { strip: ['all'], offer: ['PCMA'] },
    codec({ strip: [{ name: 'all' }], offer: [{ name: 'PCMA' }] }),
  ],
  [
    'codec',
    { transcode: ['opus/48000/2/32000/20/useinbandfec--1;maxplaybackrate--8000/a/b'] },
    codec({
      transcode: [
        {
          name: 'opus',
          clockRate: 48000,
          channels: 2,
          bitrate: 32000,
          ptimeMs: 20,
          fmtp: 'useinbandfec=1;maxplaybackrate=8000',
          options: 'a/b',
        },
      ],
    }),
  ],
  ['codec', { except: 'PCMU,PCMA' }, codec({ except: [{ name: 'PCMU' }, { name: 'PCMA' }] })],
  ['codec', { mask: ['iLBC////30'] }, codec({ mask: [{ name: 'iLBC', ptimeMs: 30 }] })],
  ['ptime', 30, { ptimeMs: 30 }],
  ['ptime-reverse|ptime reverse|reverse-ptime|reverse ptime', '20', { ptimeReverseMs: 20 }],
  ['endpoint-learning|endpoint learning', 'immediate', { endpointLearning: 'immediate' }],
  ['endpoint-learning', ['off'], { endpointLearning: 'off' }],
  ['TOS|tos', 184, { tos: 184 }],
  ['TOS', '256', { tos: 256 }],
  ['TOS', -7, { tos: -1 }],
  ['media-echo|media echo', 'sinkhole', { mediaEcho: 'blackhole' }],
  ['media-echo', 'fw', { mediaEcho: 'forward' }],
  ['media-echo', 'bkw', { mediaEcho: 'backward' }],
  ['media-echo', 'both', { mediaEcho: 'both' }],
  ['drop-traffic|drop traffic', 'start', { dropTraffic: 'start' }],
  ['drop-traffic', 'stop', { dropTraffic: 'stop' }],
  ['drop-traffic', ['start', 'stop'], { dropTraffic: 'start' }],
  ['passthrough|passthru', 'yes', { passthrough: true }],
  ['passthrough|passthru', 'disabled', { passthrough: false }],
  ['generate RTCP|generate-RTCP|generate rtcp|generate-rtcp', 'on', { generateRtcp: true }],
  ['generate RTCP', 'off', { generateRtcp: false }],
  ['label|from-label|from label', 'caller', { label: 'caller' }],
  ['set-label|set label', 'callee', { setLabel: 'callee' }],
  ['metadata', 'a:b|c:d', { metadata: 'a:b|c:d' }],
  ['record call|record-call', 'yes', { recordCall: 'on' }],
  ['record call', 'off', { recordCall: 'off' }],
  ['record call', 'discard', { recordCall: 'discard' }],
  ['xmlrpc-callback|XMLRPC-callback', '192.0.2.5', { xmlrpcCallback: '192.0.2.5' }],
  [
    'dtmf-log-dest|DTMF-log-dest|DTMF-log-destination',
    '192.0.2.5:99',
    { dtmfLogDestination: '192.0.2.5:99' },
  ],
  ['alias-key', 'SDP', { aliasKey: 'SDP' }],
  ['alias-key', 'endpoint', { aliasKey: 'address' }],
  ['alias-key', 'none', {}],
  ['sip-code|sip code|sip_code|SIP-code', '200', { sipCode: 200 }],
  ['T.38|T38|t.38|t38', ['decode', 'no-ECM'], { t38: ['decode', 'no-ECM'] }],
  [
    'sdp-attr',
    {
      audio: { add: ['foo:bar'], remove: 'ptime,maxptime', substitute: [['a', 'b']] },
      none: { add: ['x..y--z'] },
    },
    {
      sdpAttributes: new Map([
        ['audio', { add: ['foo:bar'], remove: ['ptime', 'maxptime'], substitute: [['a', 'b']] }],
        ['global', { add: ['x y=z'], remove: [], substitute: [] }],
      ]),
    },
  ],
  [
    'sdp-media-remove|sdp media remove',
    ['video', 'application'],
    { sdpMediaRemove: ['video', 'application'] },
  ],
  ['extmap', { strip: ['urn:a'], mask: ['all'] }, { extmapStrip: ['urn:a'], extmapMask: ['all'] }],
  ['sip-message-type|sip message type|SIP-message-type', 'sip_request', {}],
  ['interface', 'ignored', {}],
  ['repacketize', 20, {}],
];

describe('keys of an offer', () => {
  const rows = KEYS.flatMap(([spellings, value, meaning]) =>
    spellings.split('|').map((key) => [key, JSON.stringify(value), value, meaning] as const),
  );
  test.each(rows)('%s: %s', (key, _json, value, meaning) => {
    const decoded = decodeOffer({ [key]: value });
    expect(changes(decoded)).toEqual(meaning);
    expect(decoded.warnings).toEqual([]);
  });

  test.each([
    ['Via-Branch', 'x', 'unknown key "Via-Branch"'],
    ['via branch', 'x', 'unknown key "via branch"'],
    ['delay-buffer', 20, '"delay-buffer" has no effect'],
    ['DTMF-delay', 20, '"DTMF-delay" has no effect'],
    ['DTMF-security', 'loud', 'unknown value "loud" of "DTMF-security"'],
    ['DTMF-security-trigger', 'loud', 'unknown value "loud" of "DTMF-security-trigger"'],
    ['digit', 16, 'unknown value "16" of "digit"'],
    ['code', 'E', 'unknown value "E" of "code"'],
    ['code', '', 'unknown value "" of "code"'],
    ['frequencies', '400,4000', 'unknown value "400,4000" of "frequencies"'],
    ['frequencies', '1,2,3,4,5,6,7,8,9', 'unknown value "1,2,3,4,5,6,7,8,9" of "frequencies"'],
    ['volume', -64, 'unknown value "-64" of "volume"'],
    ['trigger', '12E', 'unknown value "12E" of "trigger"'],
    ['trigger', '1'.repeat(33), `unknown value "${'1'.repeat(33)}" of "trigger"`],
    ['end trigger', '', 'unknown value "" of "end trigger"'],
    ['trigger-end-time', 'soon', 'unknown value "soon" of "trigger-end-time"'],
    ['vsc-start-rec', 'nine', 'unknown value "nine" of "vsc-start-rec"'],
    ['recording-file', '', 'unknown value "no text" of "recording-file"'],
    ['replace', 'oigin', 'unknown value "oigin" of "replace"'],
    ['address family', 'IPv6', 'unknown value "IPv6" of "address family"'],
    ['direction', ['a', 'b', 'c'], 'unknown value "c" of "direction"'],
    ['ptime', 'twenty', 'unknown value "twenty" of "ptime"'],
    ['codec', { stripp: ['x'] }, 'unknown key "codec.stripp"'],
    ['codec', 'PCMA', 'unknown value "no dictionary" of "codec"'],
    ['sdp-attr', { audio: { replace: ['x'] } }, 'sdp-attr: unknown manipulation command'],
    ['template', 'none', 'unknown template "none"'],
    ['TOS', 300, 'unknown value "300" of "TOS"'],
  ])('%s %j: a warning, and the offer stands', (key, value, warning) => {
    const decoded = decodeOffer({ [key]: value });
    expect(decoded.warnings).toEqual([warning]);
    expect(decoded.command.kind).toBe('offer');
  });

  test('a thousand unknown keys leave only some warnings', () => {
    const unknown = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`x${index}`, 1]));
    expect(decodeOffer(unknown).warnings.length).toBeLessThanOrEqual(20);
  });
});
