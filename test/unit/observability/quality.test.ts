import { describe, expect, test } from 'vitest';
import type { MosSample, SessionStats, SsrcStats } from '../../../src/dataplane/protocol.gen.js';
import { addQuality, deviation, mean, newQualityTotals } from '../../../src/observability/quality.js';

const average = (mos: number): MosSample => ({
  mos,
  jitterMs: 10,
  lossPercent: 2,
  roundTripUs: 40_000,
  roundTripLegUs: 20_000,
  msAgo: 0,
});

function source(ssrc: number, mos: number | null, samples: number): SsrcStats {
  const quality = { reports: samples, lost: 1, lossPercent: 2, jitterMs: 10, samples, progression: null };
  const round = { roundTripLegUs: 20_000, roundTripUs: 40_000 };
  return {
    ...{ ssrc, packets: 100, bytes: 17_200, payloadType: 0, codec: 'PCMU' },
    ...{ lastSequence: 1, lastTimestamp: 1 },
    measured: { lost: -1, duplicates: 2, reordered: 3, jitterMs: 4, mos: 4.3 },
    reported:
      mos === null
        ? null
        : { ...quality, ...round, average: average(mos), lowest: average(mos), highest: average(mos) },
  };
}

/** Of a stream only its sources are looked at. */
function media(...ingress: readonly SsrcStats[]): SessionStats {
  const component = {
    malformed: 0,
    foreign: 0,
    tolerated: 0,
    lastSuspect: null,
    blocked: 0,
    unroutable: 0,
    unassigned: 0,
  };
  const refused = {
    authenticationFailures: 0,
    replays: 0,
    unkeyed: 0,
    checks: 0,
    refusedChecks: 0,
    refusedHandshakes: 0,
  };
  const counted = { receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0, handshakePackets: 0 };
  const found = { remote: null, remoteState: 'unknown', lastPacketMsAgo: null } as const;
  const part = { ...component, ...refused, ...counted, ...found, unknownPayloadType: 0 };
  const codecs = { codecIn: null, codecOut: null, suiteIn: null, suiteOut: null, ice: null };
  const path = { kind: 'userspace', reason: 'noFastPath' } as const;
  const stream = { stream: 1, path, rtp: part, rtcp: part, ...codecs, egress: [], ssrcsForgotten: 0 };
  return { session: 'call', revision: 1, streams: [{ ...stream, ingress: [...ingress] }] };
}

describe('the quality of all calls', () => {
  test('counts a source as often as it was reported of', () => {
    const totals = newQualityTotals();
    addQuality(totals, media(source(1, 4, 3), source(2, 2, 1)));
    expect(totals.mos).toEqual({ total: 14, squares: 52, samples: 4 });
    expect(mean(totals.mos)).toBe(3.5);
    expect(deviation(totals.mos)).toBeCloseTo(0.866);
    expect(mean(totals.roundTrip)).toBe(40_000);
    expect(mean(totals.loss)).toBe(2);
  });

  test('takes what was measured here from every source, losses never below zero', () => {
    const totals = newQualityTotals();
    addQuality(totals, media(source(1, null, 0), source(2, null, 0)));
    expect(totals).toMatchObject({ packetsLost: 0, duplicates: 4, reordered: 6 });
    expect(totals.jitterMeasured).toEqual({ total: 8, squares: 32, samples: 2 });
    expect(totals.mos.samples).toBe(0);
  });

  test('is nothing without calls, and of a call the data plane has lost', () => {
    const totals = newQualityTotals();
    addQuality(totals, null);
    expect(mean(totals.mos)).toBe(0);
    expect(deviation(totals.mos)).toBe(0);
  });
});
