import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planText } from '../../../src/dataplane/plan-text.js';
import type { SessionPlan, SrtpKeyPlan, StreamPlan } from '../../../src/dataplane/protocol.gen.js';

const KEY: SrtpKeyPlan = {
  suite: 'AES_CM_128_HMAC_SHA1_80',
  keyBase64: 'AAAA',
  saltBase64: 'BBBB',
  mkiBase64: null,
  unencryptedSrtp: false,
  unencryptedSrtcp: true,
  unauthenticatedSrtp: false,
};

const RELAY = { separateRtcp: true, rtp: '192.0.2.9:49160', rtcp: null };

/** A stream that says all a stream can say. */
const FULL: StreamPlan = {
  id: 3,
  locals: [
    { id: 4, interface: 'default', address: '192.0.2.1', port: null, span: 'pair' },
    { id: 5, interface: 'default', address: '192.0.2.2', port: 4000, span: 'single', relay: RELAY },
  ],
  bundle: { transport: 3, mid: 'a', midExtension: 4, ssrcs: [1, 4_294_967_295] },
  kind: 'rtp',
  rtcp: 'separate',
  rtcpRules: {
    feedback: ['nack', 'pli'],
    reducedSize: true,
    reports: { when: 'missing', intervalMs: 5000, bandwidthBps: 3200 },
  },
  remote: { rtp: '198.51.100.1:4000', rtcp: '198.51.100.1:4001' },
  pendingRemote: { rtp: '[2001:db8::1]:4000', rtcp: null },
  resume: { rtp: '198.51.100.3:4000', rtcp: null },
  snapshot: {
    stream: 3,
    association: 1,
    rtp: {
      receive: { key: KEY, sources: [{ ssrc: 1, rtpIndex: 2, rtcpIndex: null, sequenceOffset: 0 }] },
      send: null,
    },
    rtcp: null,
    bundled: [{ ssrc: 1, stream: 3 }],
    ice: [],
  },
  learning: {
    mode: 'heuristic',
    strict: true,
    handover: false,
    asymmetric: true,
    wait: false,
    pierce: true,
    epoch: 7,
  },
  receive: true,
  hiddenExtensions: [2, 3],
  payloads: [
    { payloadType: 0, codec: 'PCMU', clockRate: 8000 },
    { payloadType: 96, codec: 'VP8', clockRate: 90_000 },
  ],
  security: { kind: 'sdes', receive: KEY, send: KEY },
  ice: {
    localUfrag: 'abcd',
    localPwd: 'efgh',
    remoteUfrag: 'ijkl',
    remotePwd: null,
    role: 'controlled',
    lite: true,
    remoteLite: false,
    candidates: ['1 1 UDP 1 192.0.2.9 9 typ host', '2 1 UDP 1 192.0.2.8 9 typ host'],
    endOfCandidates: true,
    generation: 2,
  },
};

/** One that says nothing it need not. */
const BARE: StreamPlan = {
  ...FULL,
  locals: [],
  bundle: null,
  rtcpRules: null,
  remote: null,
  pendingRemote: null,
  resume: null,
  snapshot: null,
  security: { kind: 'none' },
  ice: null,
  hiddenExtensions: [],
  payloads: [],
};

const PLAN: SessionPlan = {
  session: 'call-1',
  revision: 1,
  memo: '{~v~:~1.1~}',
  tos: 184,
  timeouts: { mediaMs: 1, silentMs: 2, offerMs: 3, firstPacketMs: null },
  reportTelephoneEvents: true,
  streams: [],
  routes: [{ from: 3, to: 4, media: 'forward', telephoneEvents: 'drop' }],
};

// The order of fields is that of `planOf`.
test('a plan is written as JSON.stringify writes it', () => {
  const dtls: StreamPlan = {
    ...FULL,
    security: {
      kind: 'dtls',
      role: 'passive',
      fingerprints: [{ hash: 'sha-256', value: 'AB:CD' }],
      association: 1,
      certificate: 'ABCD',
    },
  };
  const muxed: StreamPlan = { ...FULL, bundle: { transport: 3, mid: null, midExtension: null, ssrcs: [] } };
  for (const streams of [[], [BARE], [FULL, dtls, muxed, BARE]]) {
    const plan = { ...PLAN, streams, timeouts: { ...PLAN.timeouts, firstPacketMs: streams.length } };
    expect(planText(plan)).toBe(JSON.stringify(plan));
  }
});

test('so is one with taps', () => {
  const target = { kind: 'pcap', path: '/recordings/"call".pcap', link: 'rawIp' } as const;
  const taps = [{ id: 1, streams: [3, 4], side: 'both', rtcp: true, paused: false, target } as const];
  const plan: SessionPlan = { ...PLAN, taps: taps.map((tap) => ({ ...tap, streams: [...tap.streams] })) };
  expect(planText(plan)).toBe(JSON.stringify(plan));
});

test('so is one whose texts are anything at all', () => {
  const text = fc.string({ unit: 'binary', maxLength: 80 });
  fc.assert(
    fc.property(text, text, text, (session, memo, name) => {
      const [local] = FULL.locals;
      const stream: StreamPlan = {
        ...FULL,
        locals: local ? [{ ...local, interface: name, address: session }] : [],
        remote: { rtp: name, rtcp: memo },
        payloads: [{ payloadType: 96, codec: name, clockRate: 1 }],
        ice: FULL.ice && { ...FULL.ice, localUfrag: name, candidates: [name, session] },
      };
      const plan = { ...PLAN, session, memo, streams: [stream] };
      expect(planText(plan)).toBe(JSON.stringify(plan));
    }),
  );
});
