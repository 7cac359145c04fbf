import type { LoadLimit } from '../command/load.js';
import { newReplicationCounts, type ReplicationCounts } from './replication.js';
import { newQualityTotals, type QualityTotals } from './quality.js';

/** Why a call ended. */
export type EndReason =
  | 'deleted'
  | 'mediaTimeout'
  | 'silentTimeout'
  | 'offerTimeout'
  | 'finalTimeout'
  /** By an operator. */
  | 'forced';

/** What this process has counted since its start. */
export type Counters = {
  callsCreated: number;
  callsAdopted: number;
  callsRejected: number;
  /** Refused because of load. */
  readonly callsOverloading: Record<LoadLimit, number>;
  readonly callsEnded: Record<EndReason, number>;
  callSecondsTotal: number;
  callSecondsSquared: number;
  readonly quality: QualityTotals;
  /** By the key of the place the sources sent to. */
  readonly qualityAt: Map<string, QualityTotals>;
  callsEndedWithoutMedia: number;
  callsEndedOneWay: number;
  /** Packets that were not, or not provably, a party's, as far as they were reported. */
  suspectPackets: number;
  /** Parties with another DTLS certificate than they announced. */
  fingerprintMismatches: number;
  dtlsFailures: number;
  iceFailures: number;
  iceDisconnections: number;
  /** Relayed candidates of ours: given, not given, given and lost. */
  relaysGranted: number;
  relaysFailed: number;
  relaysLost: number;
  noFirstPacketEvents: number;
  dataPlaneLosses: number;
  callsReapplied: number;
  callsLost: number;
  memosUnreadable: number;
  commandsRefused: number;
  noticesSent: number;
  noticesDropped: number;
  keysTold: number;
  keysLost: number;
  readonly recordings: CopyCounts;
  readonly forks: CopyCounts;
  /** Calls that were to be recorded and are not. */
  recordingsImpossible: number;
  recordingTextsFailed: number;
  readonly replication: ReplicationCounts;
};

/** What has become of a recording, or of copies to a listener. */
export type CopyOutcome =
  | 'complete'
  /** Some packets are missing. */
  | 'incomplete'
  /** Nothing came. */
  | 'empty'
  /** It could no longer be written or sent. */
  | 'failed'
  | 'discarded'
  /** Cut off together with its call by a crash of the whole node. */
  | 'interrupted'
  /** The data plane could not be asked. */
  | 'unknown';

export type CopyCounts = {
  started: number;
  running: number;
  readonly ended: Record<CopyOutcome, number>;
  /** Of those that have ended. */
  packets: number;
  bytes: number;
  dropped: number;
};

export function newCounters(): Counters {
  return {
    callsCreated: 0,
    callsAdopted: 0,
    callsRejected: 0,
    callsOverloading: { cpuPercent: 0, loadAverage: 0, bytesPerSecond: 0 },
    callsEnded: {
      deleted: 0,
      mediaTimeout: 0,
      silentTimeout: 0,
      offerTimeout: 0,
      finalTimeout: 0,
      forced: 0,
    },
    callSecondsTotal: 0,
    callSecondsSquared: 0,
    quality: newQualityTotals(),
    qualityAt: new Map(),
    callsEndedWithoutMedia: 0,
    callsEndedOneWay: 0,
    suspectPackets: 0,
    fingerprintMismatches: 0,
    dtlsFailures: 0,
    iceFailures: 0,
    iceDisconnections: 0,
    relaysGranted: 0,
    relaysFailed: 0,
    relaysLost: 0,
    noFirstPacketEvents: 0,
    dataPlaneLosses: 0,
    callsReapplied: 0,
    callsLost: 0,
    memosUnreadable: 0,
    commandsRefused: 0,
    noticesSent: 0,
    noticesDropped: 0,
    keysTold: 0,
    keysLost: 0,
    recordings: newCopyCounts(),
    forks: newCopyCounts(),
    recordingsImpossible: 0,
    recordingTextsFailed: 0,
    replication: newReplicationCounts(),
  };
}

function newCopyCounts(): CopyCounts {
  const ended = {
    complete: 0,
    incomplete: 0,
    empty: 0,
    failed: 0,
    discarded: 0,
    interrupted: 0,
    unknown: 0,
  };
  return { started: 0, running: 0, ended, packets: 0, bytes: 0, dropped: 0 };
}
