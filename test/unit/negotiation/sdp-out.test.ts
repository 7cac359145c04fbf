import { describe, expect, test } from 'vitest';
import { DEFAULT_FLAGS, type ReplaceItem } from '../../../src/command/flags.js';
import { audio, Conversation, FACTS, portOf, sdp } from './sample.js';

function line(body: string, start: string): string | undefined {
  return body.split('\r\n').find((text) => text.startsWith(start));
}

function replace(...items: readonly ReplaceItem[]) {
  return { replace: new Set(items) };
}

const WITHIN = { to: 'bob' };

describe('the o= line', () => {
  test('passes as it came unless asked for', () => {
    expect(line(new Conversation().offer(audio(10, 4000)), 'o=')).toBe('o=a 1 1 IN IP4 198.51.100.10');
  });

  test('hides the address with replace=origin', () => {
    const told = new Conversation().offer(audio(10, 4000), replace('origin'));
    expect(line(told, 'o=')).toBe('o=a 1 1 IN IP4 203.0.113.5');
  });

  test('keeps its first user name, session and address with origin-full', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), replace('origin-full'));
    conversation.answer(audio(20, 5000));
    const again = audio(10, 4000).replace('o=a 1 1', 'o=other 77 9');
    expect(line(conversation.offer(again, replace('origin-full'), WITHIN), 'o=')).toBe(
      'o=a 1 1 IN IP4 203.0.113.5',
    );
  });

  test('counts versions by what the party was told', () => {
    const conversation = new Conversation();
    const flags = replace('SDP-version');
    const version = (body: string) => line(body, 'o=')?.split(' ')[2];
    const huge = '18446744073709551615';
    const body = audio(10, 4000).replace('o=a 1 1', `o=a 1 ${huge}`);
    expect(version(conversation.offer(body, flags))).toBe(huge);
    conversation.answer(audio(20, 5000));
    expect(version(conversation.offer(body.replace(huge, '5'), flags, WITHIN))).toBe(huge);
    expect(version(conversation.offer(body.replace('4000', '4444'), flags, WITHIN))).toBe(
      '18446744073709551616',
    );
    const forced = replace('SDP-version', 'force-increment-sdp-ver');
    expect(version(conversation.offer(body.replace('4000', '4444'), forced, WITHIN))).toBe(
      '18446744073709551617',
    );
  });

  test('keeps the first session name on request', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000).replace('s=-', 's=one'), replace('session-name'));
    const told = conversation.offer(audio(10, 4000).replace('s=-', 's=two'), replace('session-name'));
    expect(line(told, 's=')).toBe('s=one');
  });
});

describe('what has no feature yet', () => {
  test.each([
    ['RTP/AVP', 'RTP/SAVP'],
    ['RTP/AVP', 'UDP/TLS/RTP/SAVPF'],
    ['RTP/SAVP', 'RTP/AVP'],
    ['RTP/SAVP', 'UDP/TLS/RTP/SAVP'],
  ])('is refused by name: %s to %s', (from, to) => {
    const body = audio(10, 4000).replace('RTP/AVP', from);
    expect(new Conversation().tryOffer(body, { transportProtocol: to })).toMatchObject({
      kind: 'failure',
      code: 'unsupported',
      message: `Conversion of ${from} to ${to} is not supported`,
    });
  });

  test('an answer that would need a conversion is refused, too', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    const answer = audio(20, 5000).replace('RTP/AVP', 'RTP/SAVP');
    expect(conversation.tryAnswer(answer)).toMatchObject({ code: 'unsupported' });
  });

  test('ICE=force is refused, ICE=optional only noted', () => {
    expect(new Conversation().tryOffer(audio(10, 4000), { ice: 'force' })).toMatchObject({
      code: 'unsupported',
    });
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { ice: 'optional' });
    expect(conversation.warnings).toEqual(['ICE=optional is not supported and was ignored']);
  });
});

describe('protected media', () => {
  const key = 'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32';

  test('passes with its keys, under another profile name of the same protection', () => {
    const conversation = new Conversation();
    const body = audio(10, 4000, key, 'a=crypto:2 SOME_OTHER_SUITE inline:xyz').replace(
      'RTP/AVP',
      'RTP/SAVP',
    );
    const told = conversation.offer(body, { transportProtocol: 'RTP/SAVPF' });
    expect(told).toContain(`${key}\r\na=crypto:2 SOME_OTHER_SUITE inline:xyz\r\n`);
    expect(line(told, 'm=')).toContain('RTP/SAVPF');
    const answer = conversation.answer(audio(20, 5000, key).replace('RTP/AVP', 'RTP/SAVPF'));
    expect(line(answer, 'm=')).toContain('RTP/SAVP 0');
    expect(answer).toContain(key);
  });

  test('takes fingerprints of the session part into each media section', () => {
    const print = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`;
    const body = audio(10, 4000).replace('m=audio', `a=setup:actpass\r\n${print}\r\nm=audio`);
    const told = new Conversation().offer(body.replace('RTP/AVP', 'UDP/TLS/RTP/SAVP'));
    expect(told.indexOf(print)).toBeGreaterThan(told.indexOf('m=audio'));
    expect(told).toContain('a=setup:actpass');
  });
});

describe('other media', () => {
  test('over UDP gets our address and keeps formats and attributes', () => {
    const fax = sdp(
      'm=image 4800 udptl t38',
      'a=T38FaxVersion:0',
      'a=candidate:1 1 UDP 1 198.51.100.10 9 typ host',
    );
    const conversation = new Conversation();
    const told = conversation.offer(audio(10, 4000) + fax);
    const section = told.slice(told.indexOf('m=image'));
    expect(section).toBe(
      sdp(`m=image ${portOf(told, 1)} udptl t38`, 'c=IN IP4 203.0.113.5', 'a=T38FaxVersion:0'),
    );
    const stream = conversation.plan?.streams.at(-1);
    expect(stream).toMatchObject({ kind: 'opaque', rtcp: 'none' });
    expect(stream?.locals[0]?.span).toBe('single');
  });

  test('over TCP passes untouched and takes no ports', () => {
    const chat = sdp('m=message 2855 TCP/MSRP *', 'a=path:msrp://198.51.100.10:2855/abc;tcp');
    const conversation = new Conversation();
    const told = conversation.offer(audio(10, 4000) + chat);
    expect(told).toContain(chat.replace('\r\na=path', '\r\nc=IN IP4 198.51.100.10\r\na=path'));
    expect(conversation.plan?.streams).toHaveLength(2);
    expect(conversation.answer(audio(20, 5000) + chat)).toContain('m=message 2855 TCP/MSRP *');
  });

  test('data channels keep fingerprint and setup', () => {
    const print = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`;
    const data = sdp(
      'm=application 4900 UDP/DTLS/SCTP webrtc-datachannel',
      'a=setup:actpass',
      print,
      'a=sctp-port:5000',
    );
    const told = new Conversation().offer(audio(10, 4000) + data);
    expect(told).toContain(`a=setup:actpass\r\n${print}\r\na=sctp-port:5000\r\n`);
  });
});

describe('medias hidden from the receiver', () => {
  const video = 'm=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n';
  const flags = { sdpMediaRemove: ['video'] };

  test('are missing in its SDP and rejected towards the sender', () => {
    const conversation = new Conversation();
    const told = conversation.offer(audio(10, 4000).replace('m=audio', `${video}m=audio`), flags);
    expect(told).not.toContain('video');
    const answer = conversation.answer(audio(20, 5000));
    expect(line(answer, 'm=video')).toBe('m=video 0 RTP/AVP 96');
    expect(portOf(answer, 1)).toBeGreaterThan(0);
    expect(conversation.plan?.routes).toHaveLength(2);
  });

  test('stay in place when the receiver makes the next offer', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000).replace('m=audio', `${video}m=audio`), flags);
    conversation.answer(audio(20, 5000));
    const told = conversation.offer(audio(20, 5000), {}, { from: 'bob', to: 'alice' });
    expect(portOf(told, 0)).toBe(0);
    expect(portOf(told, 1)).toBeGreaterThan(0);
  });
});

describe('flags about single lines', () => {
  test('sdp-attr adds, removes and substitutes in its section, one line at a time', () => {
    const edits = new Map([
      ['audio', { add: ['x:1\r\na=y'], remove: ['ptime'], substitute: [['foo', 'bar:2']] as const }],
      ['global', { add: ['tool:x'], remove: [], substitute: [] }],
    ]);
    const told = new Conversation().offer(audio(10, 4000, 'a=foo', 'a=ptime:20'), { sdpAttributes: edits });
    expect(told).toContain('t=0 0\r\na=tool:x\r\nm=audio');
    expect(told).toContain('a=bar:2\r\n');
    expect(told).not.toContain('a=ptime');
    expect(told.endsWith('a=x:1a=y\r\n')).toBe(true);
  });

  test('loop-protect marks SDP, and lets marked SDP pass', () => {
    const conversation = new Conversation();
    const told = conversation.offer(audio(10, 4000), { loopProtect: true });
    expect(told).toContain(`a=rtpengine:${FACTS.defaults.instanceId}\r\n`);
    expect(new Conversation().tryOffer(told, { loopProtect: true })).toEqual({
      kind: 'unchanged',
      sdp: told,
    });
    expect(new Conversation().tryOffer(told)).toMatchObject({ kind: 'step' });
  });

  test('fragments change nothing', () => {
    expect(new Conversation().tryOffer(audio(10, 4000), { fragment: true })).toEqual({ kind: 'done' });
  });

  test('ptime is forced towards the receiver, ptime-reverse in the answer', () => {
    const conversation = new Conversation();
    const told = conversation.offer(audio(10, 4000, 'a=ptime:20'), { ptimeMs: 40, ptimeReverseMs: 30 });
    expect(told).toContain('a=ptime:40\r\n');
    expect(conversation.answer(audio(20, 5000))).toContain('a=ptime:30\r\n');
  });

  test('unsupported wishes are named', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { t38: ['no-ECM'], toInterface: 'nowhere' });
    expect(conversation.warnings).toEqual([
      'unknown interface nowhere, using default',
      'T.38 is not supported and was ignored',
    ]);
  });

  test('transports nobody knows and media addresses that are none are named', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { transportProtocol: 'RTP/AWP', mediaAddress: '192.0.2.777' });
    expect(conversation.warnings).toEqual([
      'media address "192.0.2.777" is no IP address and was ignored',
      'transport protocol "RTP/AWP" is not supported and was ignored',
    ]);
    conversation.offer(audio(10, 4000), { transportProtocol: 'rtp/avp', mediaAddress: '192.0.2.77' });
    expect(conversation.warnings).toEqual([]);
  });

  test('a family that the interface lacks is named, one that it has is not', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { addressFamily: 'IP6', toInterface: 'inside' });
    expect(conversation.warnings).toEqual(['interface inside has no IP6 address, another one is told']);
    conversation.offer(audio(10, 4000), { addressFamily: 'IP4', toInterface: 'inside' });
    expect(conversation.warnings).toEqual([]);
  });
});

describe('addresses', () => {
  test('of another family are used when asked for, and where an interface has no other', () => {
    const told = new Conversation().offer(audio(10, 4000), { addressFamily: 'IP6' });
    expect(line(told, 'c=')).toBe('c=IN IP6 2001:db8::5');
    const inside = new Conversation().offer(audio(10, 4000), { addressFamily: 'IP6', toInterface: 'inside' });
    expect(line(inside, 'c=')).toBe('c=IN IP4 192.168.7.5');
  });

  test('of interfaces are remembered per party', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { fromInterface: 'inside', toInterface: 'default' });
    expect(line(conversation.answer(audio(20, 5000)), 'c=')).toBe('c=IN IP4 192.168.7.5');
    const back = conversation.offer(audio(20, 5000), {}, { from: 'bob', to: 'alice' });
    expect(line(back, 'c=')).toBe('c=IN IP4 192.168.7.5');
  });

  test('given as media-address are printed but not bound', () => {
    const conversation = new Conversation();
    const told = conversation.offer(audio(10, 4000), { mediaAddress: '192.0.2.99', rtcpAttribute: 'full' });
    expect(line(told, 'c=')).toBe('c=IN IP4 192.0.2.99');
    expect(line(told, 'a=rtcp:')).toMatch(/^a=rtcp:\d+ IN IP4 192\.0\.2\.99$/);
    expect(conversation.plan?.streams.every(({ locals }) => locals[0]?.address === '10.0.0.5')).toBe(true);
  });

  test('written as IPv4 within IPv6 are sent to as IPv4', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000).replace('c=IN IP4 198.51.100.10', 'c=IN IP6 ::ffff:198.51.100.10'));
    expect(conversation.plan?.streams[0]?.remote?.rtp).toBe('198.51.100.10:4000');
  });
});

describe('broken SDP', () => {
  test.each([
    ['', 'Failed to parse SDP'],
    ['v=0\r\nnonsense\r\n', 'Failed to parse SDP'],
    [
      sdp('v=0', 'o=a 1 1 IN IP4 1.2.3.4', 's=-', 't=0 0', 'm=audio 4000 RTP/AVP 0'),
      'Incomplete SDP specification',
    ],
    [audio(10, 4000).replace('RTP/AVP 0', 'RTP/AVP 200'), 'Incomplete SDP specification'],
  ])('is refused in the words clients know: %j', (body, message) => {
    expect(new Conversation().tryOffer(body)).toMatchObject({ kind: 'failure', code: 'badSdp', message });
  });

  test('leaves no call behind', () => {
    const conversation = new Conversation();
    conversation.tryOffer('v=1');
    expect(conversation.tryAnswer(audio(20, 5000))).toMatchObject({ message: 'Unknown call-id' });
    expect(DEFAULT_FLAGS.ice).toBe('default');
  });
});
