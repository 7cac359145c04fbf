import type { Distribution, NodeQuality, NodeStatistics, Reply } from '../command/reply.js';
import type { Status } from '../dataplane/protocol.gen.js';
import type { Counters } from '../observability/counters.js';
import { type IntervalMeter, NO_INTERVAL } from '../observability/intervals.js';
import {
  deviation,
  mean,
  newQualityTotals,
  placeKey,
  type QualityTotals,
  type Sum,
} from '../observability/quality.js';
import type { Clock, DataPlane } from './ports.js';
import type { CallRegistry } from './registry.js';
import { TrafficMeter } from './traffic-rates.js';

export type NodeParts = {
  readonly counters: Counters;
  readonly registry: Pick<CallRegistry, 'size'>;
  readonly dataPlane: Pick<DataPlane, 'status'>;
  readonly clock: Clock;
  /** Calls of other nodes; absent: there are no others. */
  readonly foreignCalls?: () => number;
  readonly intervals?: Pick<IntervalMeter, 'last'>;
};

/** What `statistics` answers. */
export class NodeReport {
  readonly #parts: NodeParts;
  readonly #startedMs: number;
  readonly #traffic: TrafficMeter;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.#startedMs = parts.clock.now();
    this.#traffic = new TrafficMeter(this.#startedMs);
  }

  async read(): Promise<Reply> {
    const { dataPlane, clock, intervals } = this.#parts;
    const status = await dataPlane.status().catch(() => undefined);
    const now = clock.now();
    const rates = this.#traffic.read(status?.counters, now);
    const interval = intervals?.last ?? NO_INTERVAL;
    return { kind: 'nodeStatistics', statistics: { ...this.totals(status), rates, interval, controls: [] } };
  }

  /** `status` of the data plane; undefined: it does not answer. */
  totals(status: Status | undefined): NodeTotals {
    const { counters, registry, clock, foreignCalls = () => 0 } = this.#parts;
    const uptimeSeconds = (clock.now() - this.#startedMs) / 1000;
    return nodeTotals(counters, {
      uptimeSeconds,
      sessions: registry.size,
      foreignSessions: foreignCalls(),
      status,
    });
  }
}

/** What is the same whoever asks, and however often. */
export type NodeTotals = Omit<NodeStatistics, 'rates' | 'interval' | 'controls'>;

type Node = {
  readonly uptimeSeconds: number;
  readonly sessions: number;
  readonly foreignSessions: number;
  /** Absent: the data plane does not answer. */
  readonly status: Status | undefined;
};

function nodeTotals(counters: Counters, node: Node): NodeTotals {
  const { callsEnded } = counters;
  const ended = Object.values(callsEnded).reduce((total, count) => total + count, 0);
  const callsDuration = distribution({
    total: counters.callSecondsTotal,
    squares: counters.callSecondsSquared,
    samples: ended,
  });
  const packets = node.status?.counters;
  const fastPath = node.status?.fastPath;
  return {
    uptimeSeconds: node.uptimeSeconds,
    sessions: node.sessions,
    foreignSessions: node.foreignSessions,
    managedSessions: ended,
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
    relayedInKernel: { packets: packets?.fastPathPackets ?? 0, bytes: packets?.fastPathBytes ?? 0 },
    medias: {
      userspace: (fastPath?.userspace ?? []).reduce((total, { streams }) => total + streams, 0),
      kernel: fastPath?.offloaded ?? 0,
    },
    zeroWayStreams: counters.callsEndedWithoutMedia,
    oneWayStreams: counters.callsEndedOneWay,
    callsDuration,
    quality: qualityOf(counters.quality),
    interfaces: (node.status?.interfaces ?? []).map(
      ({ name, address, portMin, portMax, portsUsed, portsFree, traffic }) => ({
        ...{ name, address, portMin, portMax, portsUsed, portsFree },
        ingress: {
          packets: traffic.receivedPackets,
          bytes: traffic.receivedBytes,
          errors: traffic.receivedErrors,
        },
        egress: { packets: traffic.sentPackets, bytes: traffic.sentBytes, errors: 0 },
        quality: qualityOf(counters.qualityAt.get(placeKey({ interface: name, address })) ?? NOTHING_SEEN),
      }),
    ),
  };
}

function qualityOf(totals: QualityTotals): NodeQuality {
  return {
    mos: distribution(totals.mos),
    jitter: distribution(totals.jitter),
    roundTrip: distribution(totals.roundTrip),
    roundTripLeg: distribution(totals.roundTripLeg),
    loss: distribution(totals.loss),
    jitterMeasured: distribution(totals.jitterMeasured),
    packetsLost: totals.packetsLost,
    duplicates: totals.duplicates,
    reordered: totals.reordered,
  };
}

function distribution(sum: Sum): Distribution {
  return { ...sum, mean: mean(sum), deviation: deviation(sum) };
}

const NOTHING_SEEN = newQualityTotals();
