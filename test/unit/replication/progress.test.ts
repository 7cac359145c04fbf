import { beforeEach, expect, test } from 'vitest';
import type { StreamSnapshot } from '../../../src/dataplane/protocol.gen.js';
import { Progress } from '../../../src/replication/progress.js';

let now: number;
let progress: Progress;

beforeEach(() => {
  now = 0;
  progress = new Progress({ now: () => now });
});

function due(index: number, { key = 'k', sources = 1, association = 0 } = {}): boolean {
  const snapshot: StreamSnapshot = {
    ...{ stream: 1, association, rtcp: null, bundled: [], ice: [] },
    rtp: {
      receive: null,
      send: {
        key: {
          ...{ suite: 's', keyBase64: key, saltBase64: '', mkiBase64: null },
          ...{ unencryptedSrtp: false, unencryptedSrtcp: false, unauthenticatedSrtp: false },
        },
        sources: Array.from({ length: sources }, (_, ssrc) => ({
          ...{ ssrc, rtpIndex: ssrc === 0 ? index : 0, rtcpIndex: null, sequenceOffset: 0 },
        })),
      },
    },
  };
  return progress.due(new Map([['call', [snapshot]]])).includes('call');
}

test('a call that is protected now is to be known at once, and does not change by itself', () => {
  expect([due(0), due(0)]).toEqual([true, false]);
  now = 3_600_000;
  expect(due(0)).toBe(false);
});

test('new keys, sources and associations are to be known at once', () => {
  due(0);
  expect(due(0, { key: 'other' })).toBe(true);
  expect(due(0, { key: 'other', sources: 2 })).toBe(true);
  expect(due(0, { key: 'other', sources: 2, association: 1 })).toBe(true);
});

test('packets are to be known long before a roll-over could be missed', () => {
  due(0);
  expect([due(4_095), due(4_096), due(8_000), due(8_192)]).toEqual([false, true, false, true]);
});

test('a slow call is to be known now and then', () => {
  due(0);
  now = 14_999;
  expect(due(700)).toBe(false);
  now = 15_000;
  expect(due(700)).toBe(true);
  expect(due(800)).toBe(false);
});

test('a call that has gone and comes back is new', () => {
  due(0);
  expect(progress.due(new Map())).toEqual([]);
  expect(due(0)).toBe(true);
});
