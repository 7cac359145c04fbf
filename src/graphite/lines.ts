import type { FamilyCounts } from '../call/families.js';
import type { ControlStatistics, Extremes, IntervalStatistics } from '../command/reply.js';
import { SHORT_NAMES } from '../control/ng/short-names.js';
import type { NodeTotals } from '../service/node-statistics.js';

/** What the node is at one moment. Interfaces are empty while the data plane does not answer. */
export type NodeMoment = {
  readonly atMs: number;
  readonly totals: NodeTotals;
  readonly families: FamilyCounts;
  readonly interval: IntervalStatistics;
  readonly controls: readonly ControlStatistics[];
  /** What was relayed is known. */
  readonly isWhole: boolean;
};

/** What counters were before. */
export type Formerly = {
  /** Undefined: the control plane has just started, and counts from zero. */
  readonly node: NodeTotals | undefined;
  /** Those of the data plane, which may have counted long before; undefined: they are not known. */
  readonly relayed: NodeTotals | undefined;
};

/** A name and its value, as rtpengine exports them. */
export type GraphiteValue = readonly [name: string, value: string];

/**
 * Everything that is told of an interval. Counters are what has come since then, but for `…_count`, which is what has
 * come since the start.
 */
export function graphiteValues({ node, relayed }: Formerly, now: NodeMoment): readonly GraphiteValue[] {
  return [...commandValues(now), ...sessionValues(node, now), ...trafficValues(relayed, now), ...ports(now)];
}

/** Graphite's plaintext protocol: a line a value. */
export function graphiteText(prefix: string, atMs: number, values: readonly GraphiteValue[]): string {
  const seconds = Math.trunc(atMs / 1000);
  return values.map(([name, value]) => `${prefix}${name} ${value} ${seconds}\n`).join('');
}

function commandValues({ interval, controls }: NodeMoment): readonly GraphiteValue[] {
  return SHORT_NAMES.flatMap(([command]): readonly GraphiteValue[] => {
    const name = underscored(command);
    const { delay, rate } = interval.commands.get(command) ?? { delay: NONE, rate: NONE };
    const count = controls.reduce((total, { commands }) => total + (commands.get(command)?.count ?? 0), 0);
    return [
      ...spread(`${name}_time`, delay, decimal),
      ...spread(`${name}s_ps`, rate, String),
      [`${name}_count`, String(count)],
    ];
  });
}

function sessionValues(before: NodeTotals | undefined, now: NodeMoment): readonly GraphiteValue[] {
  const { totals, interval, families } = now;
  const since = sinceThen(before, totals);
  const ended = since(({ managedSessions }) => managedSessions);
  const seconds = since(({ callsDuration }) => callsDuration.total);
  const counts: Readonly<Record<string, number>> = {
    forced_term_sess: since((node) => node.forcedTerminatedSessions),
    managed_sess: ended,
    managed_sess_min: interval.sessions.min,
    managed_sess_max: interval.sessions.max,
    current_sessions_total: totals.sessions + totals.foreignSessions,
    current_sessions_own: totals.sessions,
    current_sessions_foreign: totals.foreignSessions,
    // Nothing is transcoded here.
    current_transcoded_media: 0,
    current_sessions_ipv4: families.IP4,
    current_sessions_ipv6: families.IP6,
    current_sessions_mixed: families.mixed,
    nopacket_relayed_sess: since((node) => node.zeroWayStreams),
    oneway_stream_sess: since((node) => node.oneWayStreams),
    regular_term_sess: since((node) => node.regularTerminatedSessions),
    silent_timeout_sess: since((node) => node.silentTimeoutSessions),
    final_timeout_sess: since((node) => node.finalTimeoutSessions),
    offer_timeout_sess: since((node) => node.offerTimeoutSessions),
    timeout_sess: since((node) => node.timeoutSessions),
    reject_sess: since((node) => node.rejectedSessions),
  };
  return [
    ['call_dur', decimal(interval.callSeconds)],
    ['average_call_dur', decimal(ended === 0 ? 0 : seconds / ended)],
    ...Object.entries(counts).map(([name, count]): GraphiteValue => [name, String(count)]),
  ];
}

function trafficValues(before: NodeTotals | undefined, now: NodeMoment): readonly GraphiteValue[] {
  if (before === undefined || !now.isWhole) return [];
  const since = sinceThen(before, now.totals);
  const all = {
    errors: since((node) => node.relayedPacketErrors),
    packets: since((node) => node.relayedPackets),
    bytes: since((node) => node.relayedBytes),
  };
  const kernel = {
    // What the kernel cannot relay it hands up: it has no errors of its own.
    errors: 0,
    packets: since((node) => node.relayedInKernel.packets),
    bytes: since((node) => node.relayedInKernel.bytes),
  };
  return (['errors', 'packets', 'bytes'] as const).flatMap((what): readonly GraphiteValue[] => [
    [`relayed_${what}_user`, String(Math.max(0, all[what] - kernel[what]))],
    [`relayed_${what}_kernel`, String(kernel[what])],
    [`relayed_${what}`, String(all[what])],
  ]);
}

function ports({ totals }: NodeMoment): readonly GraphiteValue[] {
  return totals.interfaces.flatMap(({ name, address, portsFree, portsUsed }): readonly GraphiteValue[] => [
    [`ports_free_${underscored(name)}_${address}`, String(portsFree)],
    [`ports_used_${underscored(name)}_${address}`, String(portsUsed)],
  ]);
}

/** What a counter has grown by. One of a data plane that has started again counts from zero. */
function sinceThen(before: NodeTotals | undefined, now: NodeTotals) {
  return (counter: (node: NodeTotals) => number): number => {
    const [then, current] = [before === undefined ? 0 : counter(before), counter(now)];
    return current < then ? current : current - then;
  };
}

function spread(
  name: string,
  { min, max, mean }: Extremes,
  write: (value: number) => string,
): readonly GraphiteValue[] {
  return [
    [`${name}_min`, write(min)],
    [`${name}_max`, write(max)],
    [`${name}_avg`, write(mean)],
  ];
}

/** A name ends at the first space. */
function underscored(name: string): string {
  return name.replaceAll(/\s/g, '_');
}

function decimal(value: number): string {
  return value.toFixed(6);
}

const NONE: Extremes = { min: 0, max: 0, mean: 0 };
