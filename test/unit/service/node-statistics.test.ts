import { expect, test } from 'vitest';
import { newCounters } from '../../../src/observability/counters.js';
import { NodeReport } from '../../../src/service/node-statistics.js';

test('calls that have ended are counted by the way they ended', () => {
  const counters = newCounters();
  Object.assign(counters.callsEnded, { deleted: 1, mediaTimeout: 2, silentTimeout: 4, offerTimeout: 8 });
  Object.assign(counters.callsEnded, { finalTimeout: 16, forced: 32 });
  Object.assign(counters, { callsRejected: 3, callsEndedWithoutMedia: 5, callsEndedOneWay: 7 });
  Object.assign(counters, { callSecondsTotal: 630, callSecondsSquared: 6_363 });
  let now = 10_000;
  const dataPlane = { status: () => Promise.reject(new Error('nobody there')) };
  const report = new NodeReport({ counters, registry: { size: 9 }, dataPlane, clock: { now: () => now } });
  now += 61_500;
  expect(report.totals(undefined)).toMatchObject({
    ...{ uptimeSeconds: 61.5, sessions: 9, managedSessions: 63, rejectedSessions: 3 },
    ...{ regularTerminatedSessions: 1, timeoutSessions: 2, silentTimeoutSessions: 4 },
    ...{ offerTimeoutSessions: 8, finalTimeoutSessions: 16, forcedTerminatedSessions: 32 },
    ...{ zeroWayStreams: 5, oneWayStreams: 7, interfaces: [], relayedPackets: 0 },
    callsDuration: { total: 630, squares: 6_363, samples: 63, mean: 10, deviation: 1 },
  });
});
