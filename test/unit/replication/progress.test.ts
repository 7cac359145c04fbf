import { beforeEach, expect, test } from 'vitest';
import type { StreamSnapshot } from '../../../src/dataplane/protocol.gen.js';
import { Progress } from '../../../src/replication/progress.js';

let now: number;
let progress: Progress;

beforeEach(() => {
  now = 0;
  progress = new Progress({ now: () => now });
});

function due(index: number, { key = 'k', sources = 1, association = 0, shift = 0 } = {}): boolean {
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
          ...{ ssrc, rtpIndex: ssrc === 0 ? index : 0, rtcpIndex: null, sequenceOffset: shift },
        })),
      },
    },
  };
  return progress.due(new Map([['call', [snapshot]]])).includes('call');
}

test('a call that is protected now is to be known at once, and that it pauses now and then', () => {
  expect([due(0), due(0)]).toEqual([true, false]);
  now = 15_000;
  expect([due(0), due(0)]).toEqual([true, false]);
});

test('the pace of a call is that of its fastest key, is not that of a jump, and slows down', () => {
  due(0);
  expect(progress.paceOf('call')).toEqual({ atMs: 0, perSecond: 1_000 });
  now = 1_000;
  due(50);
  expect(progress.paceOf('call')).toEqual({ atMs: 1_000, perSecond: 100 });
  now = 2_000;
  due(750);
  expect(progress.paceOf('call').perSecond).toBe(700);
  now = 3_000;
  due(30_000);
  expect(progress.paceOf('call')).toEqual({ atMs: 3_000, perSecond: 686 });
});

test('new keys, sources and associations are to be known at once', () => {
  due(0);
  expect(due(0, { key: 'other' })).toBe(true);
  expect(due(0, { key: 'other', sources: 2 })).toBe(true);
  expect(due(0, { key: 'other', sources: 2, association: 1 })).toBe(true);
});

test('a source whose numbers are shifted since is to be known at once, or they would be used again', () => {
  due(0);
  expect([due(0, { shift: 7 }), due(0, { shift: 7 }), due(0, { shift: 8 })]).toEqual([true, false, true]);
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
