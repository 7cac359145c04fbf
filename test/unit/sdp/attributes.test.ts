import { describe, expect, it } from 'vitest';
import {
  familyOf,
  formatConnection,
  formatOrigin,
  formatRtcp,
  isIp4,
  isIp6,
  isUnspecified,
  parseConnection,
  parseOrigin,
  parseRtcp,
} from '../../../src/sdp/address.js';
import {
  attribute,
  attributeValue,
  attributeValues,
  hasAttribute,
  lineValue,
} from '../../../src/sdp/attributes.js';
import { formatCandidate, parseCandidate, parseRemoteCandidates } from '../../../src/sdp/candidate.js';
import { CRYPTO_SUITES, formatCrypto, keyAndSaltBytes, parseCrypto } from '../../../src/sdp/crypto.js';
import { detach } from '../../../src/sdp/detach.js';
import { formatFingerprint, parseFingerprint, parseSetup } from '../../../src/sdp/dtls.js';
import { formatExtmap, parseExtmap } from '../../../src/sdp/extmap.js';
import { formatRtpMap, parseRtpMap, staticPayloadType } from '../../../src/sdp/payloads.js';

describe('attribute lines', () => {
  const lines = [
    { type: 's', value: 'mid' },
    { type: 'a', value: 'midday:1' },
    { type: 'a', value: 'mid:a:b' },
    { type: 'a', value: 'mid:c' },
    { type: 'a', value: 'rtcp-mux' },
  ];

  it('are found by their whole name', () => {
    expect(attributeValue(lines, 'mid')).toBe('a:b');
    expect(attributeValues(lines, 'mid')).toEqual(['a:b', 'c']);
    expect(attributeValue(lines, 'rtcp-mux')).toBe('');
    expect(hasAttribute(lines, 'rtcp')).toBe(false);
    expect(lineValue(lines, 's')).toBe('mid');
  });

  it('are written with or without value', () => {
    expect(attribute('ptime', 20)).toEqual({ type: 'a', value: 'ptime:20' });
    expect(attribute('rtcp-mux')).toEqual({ type: 'a', value: 'rtcp-mux' });
  });
});

describe('addresses', () => {
  it.each(['0.0.0.0', '192.0.2.1', '255.255.255.255'])('%s is IPv4', (text) =>
    expect(familyOf(text)).toBe('IP4'),
  );

  it.each([
    '::',
    '::1',
    '2001:db8::1',
    '1:2:3:4:5:6:7:8',
    '::ffff:192.0.2.1',
    '1::8',
    'FE80::A',
    '1:2:3:4:5:6:1.2.3.4',
  ])('%s is IPv6', (text) => expect(familyOf(text)).toBe('IP6'));

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '1.2.3.x',
    '1..2.3',
    '01234.1.1.1',
    ' 1.2.3.4',
    '1.2.3.4 ',
  ])('"%s" is not IPv4', (text) => expect(isIp4(text)).toBe(false));

  it.each([
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    'g::',
    '12345::',
    'fe80::1%eth0',
    '1.2.3.4::',
  ])('"%s" is not IPv6', (text) => expect(isIp6(text)).toBe(false));

  it.each(['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0'])('%s is unspecified', (text) => {
    expect(isUnspecified(text)).toBe(true);
  });

  it('stand in c= lines, with or without time to live', () => {
    expect(parseConnection('IN IP4 224.2.1.1/127/3')).toEqual({ family: 'IP4', address: '224.2.1.1' });
    expect(formatConnection({ family: 'IP6', address: '::1' })).toBe('IN IP6 ::1');
  });

  it.each(['', 'IN IP4', 'IN IP4 host.example.org', 'IN IP6 1.2.3.4', 'IN IP4 ::1', 'XX IP4 1.2.3.4'])(
    '"%s" is no connection',
    (value) => expect(parseConnection(value)).toBeUndefined(),
  );

  it('stand in a=rtcp', () => {
    expect(parseRtcp('5001')).toEqual({ port: 5001 });
    const full = { port: 5001, address: { family: 'IP4', address: '192.0.2.1' } } as const;
    expect(parseRtcp('5001 IN IP4 192.0.2.1')).toEqual(full);
    expect(formatRtcp(full)).toBe('5001 IN IP4 192.0.2.1');
    expect(parseRtcp('70000')).toBeUndefined();
    expect(parseRtcp('5001 IN IP4 host')).toBeUndefined();
  });
});

describe('the origin', () => {
  it.each([
    '- 1 2 IN IP4 192.0.2.1',
    'a 99999999999999999999 2 IN IP6 ::1',
    'two words 1 2 IN IP4 host.example.org',
  ])('"%s" is read and written', (value) => {
    const origin = parseOrigin(value);
    expect(origin && formatOrigin(origin)).toBe(value);
  });

  it.each(['', '- 1 2 IN IP4', '- 1 2 XX IP4 1.2.3.4', '- 1 2 IN IP5 1.2.3.4'])('"%s" is none', (value) => {
    expect(parseOrigin(value)).toBeUndefined();
  });
});

describe('payload attributes', () => {
  it.each(['0 PCMU/8000', '111 opus/48000/2', '96 X-foo.bar/90000'])(
    'rtpmap "%s" is read and written',
    (value) => {
      const map = parseRtpMap(value);
      expect(map && formatRtpMap(map)).toBe(value);
    },
  );

  it('of one channel need not say so', () => {
    expect(parseRtpMap('9 G722/8000/1')).toEqual({
      payloadType: 9,
      encoding: 'G722',
      clockRate: 8000,
      channels: 1,
    });
  });

  it.each(['', '0', '0 PCMU', '0 /8000', '128 X/1', 'x PCMU/8000', '0 PCMU/x', '0 PCMU/0'])(
    '"%s" is no rtpmap',
    (value) => {
      expect(parseRtpMap(value)).toBeUndefined();
    },
  );

  it('have static numbers by name, clock and channels', () => {
    expect(staticPayloadType('pcma', 8000, 1)).toBe(8);
    expect(staticPayloadType('L16', 44100, 2)).toBe(10);
    expect(staticPayloadType('opus', 48000, 2)).toBeUndefined();
  });
});

describe('candidates', () => {
  it.each([
    '1 1 UDP 2130706431 192.0.2.1 5000 typ host',
    '842163049 1 UDP 1677729535 198.51.100.23 53124 typ srflx raddr 192.168.1.23 rport 53124 generation 0 network-id 1',
    '435653019 1 TCP 1518280447 192.168.1.23 9 typ host tcptype active generation 0',
    '2 2 UDP 1 2001:db8::1 5001 typ relay raddr :: rport 0',
  ])('"%s" is read and written', (value) => {
    const candidate = parseCandidate(value);
    expect(candidate && formatCandidate(candidate)).toBe(value);
  });

  it('may be spaced unevenly', () => {
    const candidate = parseCandidate('1  1 udp\t1 192.0.2.1 5000 typ  host  generation 0 ');
    expect(candidate && formatCandidate(candidate)).toBe('1 1 UDP 1 192.0.2.1 5000 typ host generation 0');
  });

  it('may have a name for an address', () => {
    expect(parseCandidate('1 1 udp 1 5f1b2ab0-92a6.local 5000 typ host')).toMatchObject({
      named: true,
      transport: 'UDP',
    });
    expect(parseCandidate('1 1 udp 1 192.0.2.1 5000 typ host')).toMatchObject({ named: false });
  });

  it.each([
    '',
    '1 1 UDP 1 192.0.2.1 5000',
    '1 0 UDP 1 192.0.2.1 5000 typ host',
    '1 1 UDP x 192.0.2.1 5000 typ host',
    '1 1 UDP 1 192.0.2.1 65536 typ host',
    '1 1 UDP 1 192.0.2.1 5000 typ thing',
    '1 1 UDP 1 192.0.2.300 5000 typ host',
    '1 1 UDP 4294967296 192.0.2.1 5000 typ host',
    `${'1'.repeat(33)} 1 UDP 1 192.0.2.1 5000 typ host`,
    ' 1 UDP 1 192.0.2.1 5000 typ host',
    '1 1 UDP 1 192.0.2.1 5000 type host',
    '1 1 UDP  192.0.2.1 5000 typ host',
  ])('"%s" is none', (value) => expect(parseCandidate(value)).toBeUndefined());

  it('that were selected come in triples', () => {
    expect(parseRemoteCandidates('1 192.0.2.1 5000 2 192.0.2.1 5001')).toHaveLength(2);
    expect(parseRemoteCandidates('1 192.0.2.1')).toBeUndefined();
  });
});

describe('crypto attributes', () => {
  const key = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';

  it.each([
    `1 AES_CM_128_HMAC_SHA1_80 inline:${key}`,
    `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^20`,
    `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|1:4`,
    `99 AES_CM_128_HMAC_SHA1_32 inline:${key}|2^31|1066:4;inline:${key}|2^31|1067:4`,
    `2 F8_128_HMAC_SHA1_80 inline:${key} KDR=1 UNENCRYPTED_SRTCP`,
  ])('"%s" is read and written', (value) => {
    const crypto = parseCrypto(value);
    expect(crypto && formatCrypto(crypto, { pad: false })).toBe(value);
  });

  it.each(CRYPTO_SUITES)('%s has its key length, with or without padding', (suite) => {
    const base64 = Buffer.alloc(keyAndSaltBytes(suite), 1).toString('base64');
    const padded = parseCrypto(`1 ${suite} inline:${base64}`);
    const bare = parseCrypto(`1 ${suite} inline:${base64.replace(/=*$/, '')}`);
    expect(bare).toBeDefined();
    expect(padded).toEqual(bare);
    expect(padded && formatCrypto(padded, { pad: true })).toBe(`1 ${suite} inline:${base64}`);
  });

  it.each([
    '',
    '1 AES_CM_128_HMAC_SHA1_80',
    `1 NO_SUCH_SUITE inline:${key}`,
    `x AES_CM_128_HMAC_SHA1_80 inline:${key}`,
    `1 AES_CM_128_HMAC_SHA1_80 uri:${key}`,
    '1 AES_CM_128_HMAC_SHA1_80 inline:short',
    `1 AES_256_CM_HMAC_SHA1_80 inline:${key}`,
    `1 AES_CM_128_HMAC_SHA1_80 inline:${'-'.repeat(40)}`,
    `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|2^20|1:4|x`,
    `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|never`,
    `1 AES_CM_128_HMAC_SHA1_80 inline:${key}|1:999`,
  ])('"%s" is none', (value) => expect(parseCrypto(value)).toBeUndefined());
});

describe('DTLS attributes', () => {
  it('are read in any case and written in the usual one', () => {
    const bytes = Array.from({ length: 32 }, () => 'ab').join(':');
    const fingerprint = parseFingerprint(`SHA-256 ${bytes}`);
    expect(fingerprint && formatFingerprint(fingerprint)).toBe(`sha-256 ${bytes.toUpperCase()}`);
  });

  it.each(['', 'sha-256', 'sha-256 AB', `md5 ${'00:'.repeat(15)}00`, `sha-1 ${'zz:'.repeat(19)}zz`])(
    '"%s" is no fingerprint',
    (value) => expect(parseFingerprint(value)).toBeUndefined(),
  );

  it('name one of four roles', () => {
    expect(parseSetup('actpass')).toBe('actpass');
    expect(parseSetup('maybe')).toBeUndefined();
  });
});

describe('header extensions', () => {
  it.each(['1 urn:x', '2/recvonly urn:y', '3 urn:z a=b c'])('"%s" is read and written', (value) => {
    const extmap = parseExtmap(value);
    expect(extmap && formatExtmap(extmap)).toBe(value);
  });

  it.each(['', '1', 'x urn:x', '1/sideways urn:x'])('"%s" is none', (value) =>
    expect(parseExtmap(value)).toBeUndefined(),
  );
});

it('a detached text equals the original', () => {
  const body = `a=mid:${'\xe4'.repeat(40)}`;
  expect(detach(body.slice(6))).toBe('\xe4'.repeat(40));
});
