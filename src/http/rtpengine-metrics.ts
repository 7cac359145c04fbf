import type { ControlStatistics, Distribution, NodeQuality, Traffic } from '../command/reply.js';
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
    ...interfaces(node),
  ];
  return [...lines, ''].join('\n');
}

function sessions(node: NodeTotals): readonly string[] {
  const { callsDuration: duration } = node;
  return [
    // Nothing is transcoded.
    ...gauge(
      'sessions',
      'Calls now, by the node that made them',
      by('type', { own: node.sessions, foreign: node.foreignSessions }),
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
  const all: Where = (value) => one(value(seen));
  return [
    ...MEASURED.flatMap((measured) => samples('', measured, all)),
    ...counter('packets_lost', LOST, one(seen.packetsLost)),
    ...counter('rtp_duplicates', TWICE, one(seen.duplicates)),
    ...counter('rtp_reordered', 'RTP packets that were overtaken', one(seen.reordered)),
  ];
}

/** The same of each interface, by its addresses, and what it has relayed. */
function interfaces({ interfaces: all }: NodeTotals): readonly string[] {
  const each: Where = (value) =>
    all.map(({ name, address, quality: seen }) => [labels({ name, address }), value(seen)]);
  const traffic = (value: (of: Traffic) => number): readonly Sample[] =>
    all.flatMap(({ name, address, ingress, egress }) =>
      Object.entries({ ingress, egress }).map(
        ([direction, of]): Sample => [labels({ name, address, direction }), value(of)],
      ),
    );
  return [
    ...MEASURED.flatMap((measured) => samples('interface_', measured, each)),
    ...counter(
      'interface_packets_lost',
      LOST,
      each((seen) => seen.packetsLost),
    ),
    ...counter(
      'interface_duplicates',
      TWICE,
      each((seen) => seen.duplicates),
    ),
    ...counter(
      'interface_packets',
      'Packets by the address they came to or left from',
      traffic(({ packets }) => packets),
    ),
    ...counter(
      'interface_bytes',
      'Bytes of these',
      traffic(({ bytes }) => bytes),
    ),
    ...counter(
      'interface_errors',
      "Packets that were not, or not provably, a party's",
      traffic(({ errors }) => errors),
    ),
  ];
}

/** A value of the quality, wherever it is told of. */
type Where = (value: (seen: NodeQuality) => number) => readonly Sample[];
type Measured = readonly [name: string, what: string, of: (seen: NodeQuality) => Distribution];

const MEASURED: readonly Measured[] = [
  ['mos', 'mean opinion score', ({ mos }) => mos],
  ['jitter', 'jitter that receivers report, in milliseconds', ({ jitter }) => jitter],
  ['rtt_e2e', 'round trip between the parties, in microseconds', ({ roundTrip }) => roundTrip],
  ['rtt_dsct', 'round trip between a party and this node, in microseconds', (seen) => seen.roundTripLeg],
  ['packetloss', 'loss that receivers report, in percent', ({ loss }) => loss],
  ['jitter_measured', 'jitter measured here, in milliseconds', ({ jitterMeasured }) => jitterMeasured],
];

const LOST = 'RTP packets that did not arrive here';
const TWICE = 'RTP packets that arrived twice';

function samples(prefix: string, [name, what, of]: Measured, where: Where): readonly string[] {
  return [
    ...counter(
      `${prefix}${name}_total`,
      `Sum of all samples: ${what}`,
      where((seen) => of(seen).total),
    ),
    ...counter(
      `${prefix}${name}2_total`,
      `Sum of the squares: ${what}`,
      where((seen) => of(seen).squares),
    ),
    ...counter(
      `${prefix}${name}_samples_total`,
      `How many samples: ${what}`,
      where((seen) => of(seen).samples),
    ),
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
