import { expect, test } from 'vitest';
import type { StreamSnapshot } from '../../../src/dataplane/protocol.gen.js';
import { decodeSnapshot, encodeSnapshot, inheritedSnapshot } from '../../../src/store/snapshot-record.js';

const KEY = {
  ...{ suite: 'AES_CM_128_HMAC_SHA1_80', keyBase64: 'a2V5', saltBase64: 'c2FsdA==', mkiBase64: 'AQ==' },
  ...{ unencryptedSrtp: false, unencryptedSrtcp: true, unauthenticatedSrtp: false },
};

const STREAM: StreamSnapshot = {
  ...{ stream: 3, association: 2 },
  rtp: {
    receive: { key: KEY, sources: [{ ssrc: 7, rtpIndex: 2 ** 40, rtcpIndex: null, sequenceOffset: 5 }] },
    send: null,
  },
  rtcp: { receive: null, send: { key: { ...KEY, mkiBase64: null }, sources: [] } },
  bundled: [{ ssrc: 7, stream: 4 }],
  ice: [
    {
      ...{ localUfrag: 'l', localPwd: 'lp', remoteUfrag: 'r', remotePwd: 'rp', role: 'controlled' },
      ...{ tieBreaker: '0123456789abcdef', rtcp: [] },
      rtp: [{ pair: { local: 1, remote: '192.0.2.1:4000', relayed: false }, nominated: true }],
    },
  ],
};

test('what is written is read', () => {
  expect(decodeSnapshot(encodeSnapshot([STREAM]))).toEqual([STREAM]);
});

test('a snapshot is outrun when a roll-over may have been missed since, or when it cannot be read', () => {
  const written = encodeSnapshot([STREAM], { atMs: 1_000, perSecond: 100 });
  expect(inheritedSnapshot(written, 300_999)).toEqual({ snapshot: [STREAM], isOutrun: false });
  expect(inheritedSnapshot(written, 301_000)).toEqual({ snapshot: [STREAM], isOutrun: true });
  expect(inheritedSnapshot(written.replace('100', '"x"'), 0).isOutrun).toBe(true);
  expect(inheritedSnapshot(encodeSnapshot([STREAM]), 1e12).isOutrun).toBe(false);
  expect(inheritedSnapshot('x', 0)).toEqual({ snapshot: undefined, isOutrun: true });
  expect(inheritedSnapshot(undefined, 0)).toEqual({ snapshot: undefined, isOutrun: false });
});

test('fields of a later version are left out, at every depth', () => {
  const [receive] = STREAM.rtp.receive?.sources ?? [];
  const later = {
    ...STREAM,
    more: 1,
    rtp: { ...STREAM.rtp, receive: { key: { ...KEY, more: 1 }, sources: [{ ...receive, more: 1 }] } },
  };
  const text = JSON.stringify({ v: '1.7', more: 1, streams: [later] });
  expect(decodeSnapshot(text)).toEqual([STREAM]);
});

test.each([
  ['not JSON', 'x'],
  ['another major version', JSON.stringify({ v: '2.0', streams: [] })],
  ['no version', JSON.stringify({ streams: [] })],
  ['a stream without keys', JSON.stringify({ v: '1.0', streams: [{ stream: 1, association: 0 }] })],
  ['an odd role', encodeSnapshot([STREAM]).replace('controlled', 'king')],
  ['an index that is a text', encodeSnapshot([STREAM]).replace(String(2 ** 40), '"9"')],
])('%s is not read', (_, text) => {
  expect(decodeSnapshot(text)).toBeUndefined();
});
