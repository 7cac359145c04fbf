import { expect, test } from 'vitest';
import type { SessionPlan, SessionSnapshot, StreamPlan } from '../../../src/dataplane/protocol.gen.js';
import { DataPlaneError } from '../../../src/service/ports.js';
import { Snapshots } from '../../../src/service/snapshots.js';

class Source {
  sessions: readonly SessionSnapshot[] = [snapshot('a', 1)];
  ready = true;
  failure: Error | undefined;
  readonly taken: number[] = [];
  readonly failed: unknown[] = [];
  during: () => void = () => {};
  readonly snapshots = new Snapshots({
    dataPlane: {
      snapshots: async () => {
        this.during();
        if (this.failure !== undefined) throw this.failure;
        return this.sessions;
      },
    },
    isReady: () => this.ready,
    taken: ({ size }) => this.taken.push(size),
    failed: (error) => this.failed.push(error),
  });

  indexOf(session: string, stream = 1): number | null | undefined {
    const { streams } = this.snapshots.resumed(plan(session));
    return streams.find(({ id }) => id === stream)?.snapshot?.rtp.send?.sources[0]?.rtpIndex;
  }
}

function snapshot(session: string, rtpIndex: number): SessionSnapshot {
  const key = {
    suite: 'AES_CM_128_HMAC_SHA1_80',
    keyBase64: '',
    saltBase64: '',
    mkiBase64: null,
    unencryptedSrtp: false,
    unencryptedSrtcp: false,
    unauthenticatedSrtp: false,
  };
  const sources = [{ ssrc: 1, rtpIndex, rtcpIndex: null, sequenceOffset: 0 }];
  const rtp = { receive: null, send: { key, sources } };
  return { session, streams: [{ stream: 1, association: 0, rtp, rtcp: null, bundled: [], ice: [] }] };
}

function plan(session: string): SessionPlan {
  const stream = (id: number): StreamPlan => ({
    id,
    locals: [],
    bundle: null,
    hiddenExtensions: [],
    kind: 'rtp',
    rtcp: 'separate',
    rtcpRules: null,
    remote: null,
    pendingRemote: null,
    resume: null,
    snapshot: null,
    security: { kind: 'none' },
    ice: null,
    learning: {
      mode: 'off',
      strict: true,
      handover: false,
      asymmetric: false,
      wait: false,
      pierce: false,
      epoch: 1,
    },
    receive: true,
    payloads: [],
  });
  return {
    session,
    revision: 1,
    memo: '',
    tos: 0,
    timeouts: { mediaMs: 1, silentMs: 1, offerMs: 1, firstPacketMs: null },
    streams: [stream(1), stream(2)],
    reportTelephoneEvents: false,
    routes: [],
  };
}

test('plans get the state their streams were in last', async () => {
  const source = new Source();
  await source.snapshots.take();
  source.sessions = [snapshot('a', 2)];
  await source.snapshots.take();
  expect(source.indexOf('a')).toBe(2);
  expect(source.indexOf('a', 2)).toBeUndefined();
});

test('a plan of a session without protection stays as it is', async () => {
  const source = new Source();
  await source.snapshots.take();
  const other = plan('b');
  expect(source.snapshots.resumed(other)).toBe(other);
});

test('sessions that ended are forgotten', async () => {
  const source = new Source();
  await source.snapshots.take();
  source.sessions = [];
  await source.snapshots.take();
  expect(source.indexOf('a')).toBeUndefined();
});

test('a data plane that is away, empty after a crash, or lost meanwhile takes nothing along', async () => {
  const source = new Source();
  await source.snapshots.take();
  source.sessions = [];
  source.failure = new DataPlaneError({ code: 'disconnected' });
  await source.snapshots.take();
  source.failure = undefined;
  source.ready = false;
  await source.snapshots.take();
  source.ready = true;
  source.during = () => {
    source.ready = false;
  };
  await source.snapshots.take();
  expect(source.indexOf('a')).toBe(1);
  expect(source.failed).toEqual([]);
});

test('a defect is told and ends nothing', async () => {
  const source = new Source();
  source.failure = new TypeError('a defect');
  await source.snapshots.take();
  source.failure = undefined;
  await source.snapshots.take();
  expect(source.failed).toHaveLength(1);
  expect(source.indexOf('a')).toBe(1);
});

test('rounds that are kept are told of, and no others', async () => {
  const source = new Source();
  await source.snapshots.take();
  source.during = () => {
    source.ready = false;
  };
  await source.snapshots.take();
  source.failure = new DataPlaneError({ code: 'disconnected' });
  await source.snapshots.take();
  expect(source.taken).toEqual([1]);
});
