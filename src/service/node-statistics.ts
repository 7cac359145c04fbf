import type { NodeStatistics } from '../command/reply.js';
import type { Status } from '../dataplane/protocol.gen.js';
import type { Counters } from '../observability/counters.js';

/** What `statistics` answers; `controls` is known to the control protocol only. */
export function nodeStatistics(
  counters: Counters,
  node: { readonly uptimeSeconds: number; readonly sessions: number; readonly status: Status | undefined },
): NodeStatistics {
  const { callsEnded, callSecondsTotal } = counters;
  const ended = Object.values(callsEnded).reduce((total, count) => total + count, 0);
  const packets = node.status?.counters;
  return {
    uptimeSeconds: node.uptimeSeconds,
    sessions: node.sessions,
    managedSessions: counters.callsCreated + counters.callsAdopted,
    rejectedSessions: counters.callsRejected,
    timeoutSessions: callsEnded.mediaTimeout,
    silentTimeoutSessions: callsEnded.silentTimeout,
    finalTimeoutSessions: callsEnded.finalTimeout,
    offerTimeoutSessions: callsEnded.offerTimeout,
    regularTerminatedSessions: callsEnded.deleted,
    forcedTerminatedSessions: callsEnded.forced,
    relayedPackets: packets?.sentPackets ?? 0,
    relayedBytes: packets?.sentBytes ?? 0,
    relayedPacketErrors: packets === undefined ? 0 : packets.droppedPackets + packets.sendFailures,
    zeroWayStreams: counters.callsEndedWithoutMedia,
    oneWayStreams: counters.callsEndedOneWay,
    averageCallDurationSeconds: ended === 0 ? 0 : callSecondsTotal / ended,
    totalCallsDurationSeconds: callSecondsTotal,
    controls: [],
  };
}
