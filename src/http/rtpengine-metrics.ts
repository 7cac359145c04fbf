import type { ControlStatistics, Distribution } from '../command/reply.js';
import type { NodeTotals } from '../service/node-statistics.js';
import { labels, metric, type Sample } from './metric.js';

/**
 * What rtpengine tells Prometheus, under its names, so that dashboards made for it show this node as well. A name whose
 * value is not known here is left out.
 */
export function rtpengineMetrics(node: NodeTotals, controls: readonly ControlStatistics[]): string {
  const lines = [
    ...sessions(node),
    ...traffic(node),
    ...quality(node),
    ...requests(controls),
    ...ports(node),
  ];
  return [...lines, ''].join('\n');
}

function sessions(node: NodeTotals): readonly string[] {
  const { callsDuration: duration } = node;
  return [
    // Nothing is replicated from other nodes, and nothing transcoded.
    ...gauge(
      'sessions',
      'Calls now, by the node that made them',
      by('type', { own: node.sessions, foreign: 0 }),
    ),
    ...gauge('transcoded_media', 'Media being transcoded', one(0)),
    ...gauge(
      'uptime_seconds',
      'Seconds since the control plane has started',
      one(Math.trunc(node.uptimeSeconds)),
    ),
    ...counter('sessions_total', 'Calls that have ended', one(node.managedSessions)),
    ...counter(
      'closed_sessions_total',
      'Calls that have ended, or were not taken on, by reason',
      by('reason', {
        rejected: node.rejectedSessions,
        timeout: node.timeoutSessions,
        silent_timeout: node.silentTimeoutSessions,
        final_timeout: node.finalTimeoutSessions,
        offer_timeout: node.offerTimeoutSessions,
        terminated: node.regularTerminatedSessions,
        force_terminated: node.forcedTerminatedSessions,
      }),
    ),
    ...counter('zero_packet_streams_total', 'Ended calls without a packet', one(node.zeroWayStreams)),
    ...counter('one_way_sessions_total', 'Ended calls with a silent party', one(node.oneWayStreams)),
    ...gauge('call_duration_avg', 'Mean length of ended calls in seconds', one(duration.mean)),
    ...counter('call_duration_total', 'Length of all ended calls in seconds', one(duration.total)),
    ...counter('call_duration2_total', 'Sum of the squares of these lengths', one(duration.squares)),
  ];
}

function traffic({ medias, relayedInKernel: kernel, ...node }: NodeTotals): readonly string[] {
  const packets = { userspace: node.relayedPackets - kernel.packets, kernel: kernel.packets };
  const bytes = { userspace: node.relayedBytes - kernel.bytes, kernel: kernel.bytes };
  return [
    ...gauge('mediastreams', 'Streams by the way their packets take', by('type', { ...medias, mixed: 0 })),
    ...counter('packets_total', 'Packets relayed, by the way they took', by('type', packets)),
    // What the kernel cannot relay it hands up: it has no errors of its own to count.
    ...counter(
      'packet_errors_total',
      'Packets that were dropped or not sent',
      by('type', { userspace: node.relayedPacketErrors }),
    ),
    ...counter('bytes_total', 'Bytes relayed, by the way they took', by('type', bytes)),
  ];
}

function quality({ quality: seen }: NodeTotals): readonly string[] {
  return [
    ...samples('mos', 'mean opinion score', seen.mos),
    ...samples('jitter', 'jitter that receivers report, in milliseconds', seen.jitter),
    ...samples('rtt_e2e', 'round trip between the parties, in microseconds', seen.roundTrip),
    ...samples('rtt_dsct', 'round trip between a party and this node, in microseconds', seen.roundTripLeg),
    ...samples('packetloss', 'loss that receivers report, in percent', seen.loss),
    ...samples('jitter_measured', 'jitter measured here, in milliseconds', seen.jitterMeasured),
    ...counter('packets_lost', 'RTP packets that did not arrive here', one(seen.packetsLost)),
    ...counter('rtp_duplicates', 'RTP packets that arrived twice', one(seen.duplicates)),
    ...counter('rtp_reordered', 'RTP packets that were overtaken', one(seen.reordered)),
  ];
}

function samples(name: string, what: string, sum: Distribution): readonly string[] {
  return [
    ...counter(`${name}_total`, `Sum of all samples: ${what}`, one(sum.total)),
    ...counter(`${name}2_total`, `Sum of the squares: ${what}`, one(sum.squares)),
    ...counter(`${name}_samples_total`, `How many samples: ${what}`, one(sum.samples)),
  ];
}

function requests(controls: readonly ControlStatistics[]): readonly string[] {
  const commands = controls.flatMap(({ proxy, commands }) =>
    [...commands].map(([request, { count, seconds }]) => ({
      of: labels({ proxy, request }),
      count,
      seconds,
    })),
  );
  return [
    ...counter(
      'requests_total',
      'Commands of ng by client and name',
      commands.map(({ of, count }) => [of, count]),
    ),
    ...counter(
      'request_seconds_total',
      'Time these commands took',
      commands.map(({ of, seconds }) => [of, seconds]),
    ),
    ...counter(
      'errors_total',
      'Commands of ng that were refused, by client',
      controls.map(({ proxy, errors }) => [labels({ proxy }), errors]),
    ),
  ];
}

function ports({ interfaces }: NodeTotals): readonly string[] {
  const each = (value: (of: NodeTotals['interfaces'][number]) => number): readonly Sample[] =>
    interfaces.map((of) => [labels({ name: of.name, address: of.address }), value(of)]);
  return [
    ...gauge(
      'ports_used',
      'Media ports in use',
      each(({ portsUsed }) => portsUsed),
    ),
    ...gauge(
      'ports_free',
      'Media ports not in use',
      each(({ portsFree }) => portsFree),
    ),
    ...gauge(
      'ports',
      'Media ports of the range',
      each(({ portMin, portMax }) => portMax - portMin + 1),
    ),
  ];
}

function gauge(name: string, help: string, of: readonly Sample[]): readonly string[] {
  return metric(`rtpengine_${name}`, 'gauge', help, of);
}

function counter(name: string, help: string, of: readonly Sample[]): readonly string[] {
  return metric(`rtpengine_${name}`, 'counter', help, of);
}

function one(value: number): readonly Sample[] {
  return [['', value]];
}

function by(label: string, values: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(values).map(([of, value]) => [labels({ [label]: of }), value]);
}
