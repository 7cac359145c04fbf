import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MediaFlags } from '../../../../src/command/flags.js';
import { DEFAULT_FLAGS } from '../../../../src/command/flags.js';
import { parseFlagString } from '../../../../src/control/ng/flag-string.js';
import { changes, decode, decodeOffer, flagsOf } from './decoding.js';

const offer = (flags: string) => decodeOffer({ 'rtpp-flags': flags });

describe('the flag string', () => {
  test.each<[string, Partial<MediaFlags>]>([
    ['', {}],
    ['  strict-source   asymmetric ', { strictSource: true, asymmetric: true }],
    ['replace=origin,username', { replace: new Set(['origin', 'username']) }],
    ['replace=[origin username]', { replace: new Set(['origin', 'username']) }],
    ['replace-origin replace-session-connection', { replace: new Set(['origin', 'session-connection']) }],
    ['rtcp-mux=[offer require]', { rtcpMux: new Set(['offer', 'require']) }],
    ['ICE=force address-family=IP6', { ice: 'force', addressFamily: 'IP6' }],
    ['codec=[strip=[all] offer=[PCMA PCMU]]', codec({ strip: ['all'], offer: ['PCMA', 'PCMU'] })],
    ['codec=[strip=all offer=PCMA,PCMU]', codec({ strip: ['all'], offer: ['PCMA', 'PCMU'] })],
    [
      'transcode-PCMA transcode=opus codec-strip=G722',
      codec({ transcode: ['PCMA', 'opus'], strip: ['G722'] }),
    ],
    ['internal external', { fromInterface: 'internal', toInterface: 'external' }],
    ['direction=pub direction=priv', { fromInterface: 'pub', toInterface: 'priv' }],
    ['direction=[pub priv]', { fromInterface: 'pub', toInterface: 'priv' }],
    ['direction=pub,priv', { fromInterface: 'pub', toInterface: 'priv' }],
    ['RTP AVP', { transportProtocol: 'RTP/AVP' }],
    ['SRTP', { transportProtocol: 'RTP/SAVP' }],
    ['AVPF', { transportProtocol: 'RTP/AVPF' }],
    ['SRTP AVPF', { transportProtocol: 'RTP/SAVPF' }],
    ['DTLS', { transportProtocol: 'UDP/TLS/RTP/SAVP' }],
    ['DTLS AVPF', { transportProtocol: 'UDP/TLS/RTP/SAVPF' }],
    ['SRTP AVPF RTP', { transportProtocol: 'RTP/AVPF' }],
    ['SRTP AVPF AVP', { transportProtocol: 'RTP/SAVP' }],
    ['RTP/SAVPF', { transportProtocol: 'RTP/SAVPF' }],
    ['UDP/TLS/RTP/SAVPF', { transportProtocol: 'UDP/TLS/RTP/SAVPF' }],
    ['transport-protocol=RTP/SAVP', { transportProtocol: 'RTP/SAVP' }],
    ['SDES-off', { sdes: { ...DEFAULT_FLAGS.sdes, off: true } }],
    ['via-branch=auto force-answer repacketize=20', {}],
    ['TOS=184 ptime=20', { tos: 184, ptimeMs: 20 }],
    [
      'sdp-attr=[audio=[substitute=[[a--1 b..2]]]]',
      { sdpAttributes: new Map([['audio', { add: [], remove: [], substitute: [['a=1', 'b 2']] }]]) },
    ],
    ['codec=[strip=[all', codec({ strip: ['all'] })],
    [']] strict-source', { strictSource: true }],
  ])('%s', (flags, meaning) => {
    const decoded = offer(flags);
    expect(changes(decoded)).toEqual(meaning);
    expect(decoded.warnings).toEqual([]);
  });

  test.each([['rtpp-flags'], ['rtpp_flags'], ['rtpp flags']])('the key may be spelled %s', (key) => {
    expect(changes(decodeOffer({ [key]: 'strict-source' }))).toEqual({ strictSource: true });
  });

  test('a third interface is a warning', () => {
    expect(offer('internal external direction=x').warnings).toEqual(['unknown value "x" of "direction"']);
  });

  test('the way of choosing a branch does not replace the branch', () => {
    const decoded = decodeOffer({ 'via-branch': 'z9hG4bK1', 'rtpp-flags': 'via-branch=auto' });
    expect(decoded.command).toMatchObject({ viaBranch: 'z9hG4bK1' });
    expect(offer('via-branch=z9hG4bK2').command).toMatchObject({ viaBranch: 'z9hG4bK2' });
  });

  test('from-tag makes a command directional, to-tag counts', () => {
    const blocked = decode({
      command: 'block media',
      'call-id': 'c',
      'from-tag': 'x',
      'rtpp-flags': 'from-tag=a to-tag=b',
    });
    expect(blocked.command).toMatchObject({ from: { tag: 'a' }, to: { tag: 'b' } });
    const deleted = decode({ command: 'delete', 'call-id': 'c', 'to-tag': 'b', 'rtpp-flags': 'to-tag' });
    expect(deleted.command).toMatchObject({ toTag: 'b' });
  });

  test('keys behind the string overwrite it, keys before it are overwritten', () => {
    expect(flagsOf(decodeOffer({ ICE: 'remove', 'rtpp-flags': 'ICE=force' })).ice).toBe('force');
    expect(flagsOf(decodeOffer({ 'rtpp-flags': 'ICE=force', ICE: 'remove' })).ice).toBe('remove');
  });

  test('any string can be split, however it nests', () => {
    const string = fc.oneof(fc.string(), fc.stringMatching(/^[ab =[\],-]{0,60}$/));
    fc.assert(fc.property(string, (flags) => void offer(flags)));
    expect(parseFlagString('[a='.repeat(20_000))).toHaveLength(1);
    parseFlagString(']'.repeat(60_000));
  });
});

describe('templates', () => {
  const templates = {
    default: 'replace-origin ICE=force',
    offer: 'replace-username',
    'to-webrtc': 'transport-protocol=UDP/TLS/RTP/SAVPF template=more',
    more: 'generate-mid',
    loop: 'strict-source template=loop',
  };

  test('the default applies first, then the one of the command, then the message', () => {
    const flags = flagsOf(decodeOffer({ ICE: 'remove' }, templates));
    expect([...flags.replace]).toEqual(['origin', 'username']);
    expect(flags.ice).toBe('remove');
  });

  test('a template is named by key or in a flag string', () => {
    expect(flagsOf(decodeOffer({ template: 'to-webrtc' }, templates)).generateMid).toBe(true);
    expect(flagsOf(decodeOffer({ 'rtpp-flags': 'template=to-webrtc' }, templates)).generateMid).toBe(true);
  });

  test('a template that contains itself ends with a warning', () => {
    const decoded = decodeOffer({ template: 'loop' }, templates);
    expect(flagsOf(decoded).strictSource).toBe(true);
    expect(decoded.warnings).toEqual(['templates that contain each other']);
  });
});

function codec(lists: Readonly<Record<string, readonly string[]>>): Partial<MediaFlags> {
  const named = Object.entries(lists).map(([list, names]) => [list, names.map((name) => ({ name }))]);
  return { codec: { ...DEFAULT_FLAGS.codec, ...Object.fromEntries(named) } };
}
