import type { ComponentStats, StreamStats } from '../../../src/dataplane/protocol.gen.js';

/** What was counted of a stream that has heard so many packets. */
export function streamStats(stream: number, receivedPackets: number): StreamStats {
  const component: ComponentStats = {
    ...{ receivedPackets: 0, receivedBytes: 0, sentPackets: 0, sentBytes: 0, malformed: 0, foreign: 0 },
    ...{ tolerated: 0, lastSuspect: null, blocked: 0, unroutable: 0, unassigned: 0, replays: 0, unkeyed: 0 },
    ...{ authenticationFailures: 0, handshakePackets: 0, checks: 0, refusedChecks: 0, refusedHandshakes: 0 },
    ...{ unknownPayloadType: 0, remote: null, remoteState: 'unknown', lastPacketMsAgo: null },
  };
  return {
    stream,
    path: { kind: 'userspace', reason: 'noFastPath' },
    rtp: { ...component, receivedPackets, lastPacketMsAgo: receivedPackets === 0 ? null : 20 },
    rtcp: component,
    ...{ codecIn: null, codecOut: null, suiteIn: null, suiteOut: null, ice: null },
    ...{ ingress: [], egress: [], ssrcsForgotten: 0 },
  };
}
