import type {
  CommandInterval,
  ControlStatistics,
  Distribution,
  Extremes,
  InterfaceStatistics,
  IntervalStatistics,
  NodeQuality,
  NodeStatistics,
} from '../../command/reply.js';
import { SHORT_NAMES } from './short-names.js';
import type { Dictionary, Value } from './value.js';

/** The reply to `statistics`: integers are numbers, everything with a fraction is text with six decimals. */
export function encodeNode(node: NodeStatistics): Dictionary {
  return dictionary({
    currentstatistics: current(node),
    totalstatistics: totals(node),
    intervalstatistics: interval(node.interval),
    mos: distribution('mos', node.quality.mos),
    voip_metrics: voipMetrics(node.quality),
    controlstatistics: controls(node.controls),
    interfaces: node.interfaces.map(interfaceRecord),
    transcoders: [],
  });
}

function current({
  sessions,
  foreignSessions,
  rates: { userspace, kernel },
  medias,
}: NodeStatistics): Dictionary {
  return dictionary({
    sessionsown: sessions,
    sessionsforeign: foreignSessions,
    sessionstotal: sessions + foreignSessions,
    transcodedmedia: 0,
    mediacache: 0,
    playercache: 0,
    packetrate_user: userspace.packets,
    byterate_user: userspace.bytes,
    errorrate_user: userspace.errors,
    packetrate_kernel: kernel.packets,
    byterate_kernel: kernel.bytes,
    errorrate_kernel: kernel.errors,
    packetrate: userspace.packets + kernel.packets,
    byterate: userspace.bytes + kernel.bytes,
    errorrate: userspace.errors + kernel.errors,
    media_userspace: medias.userspace,
    media_kernel: medias.kernel,
    media_mixed: 0,
  });
}

function totals(node: NodeStatistics): Dictionary {
  const { callsDuration, relayedInKernel: kernel } = node;
  return dictionary({
    uptime: String(Math.trunc(node.uptimeSeconds)),
    managedsessions: node.managedSessions,
    rejectedsessions: node.rejectedSessions,
    timeoutsessions: node.timeoutSessions,
    silenttimeoutsessions: node.silentTimeoutSessions,
    finaltimeoutsessions: node.finalTimeoutSessions,
    offertimeoutsessions: node.offerTimeoutSessions,
    regularterminatedsessions: node.regularTerminatedSessions,
    forcedterminatedsessions: node.forcedTerminatedSessions,
    relayedpackets_user: node.relayedPackets - kernel.packets,
    relayedpacketerrors_user: node.relayedPacketErrors,
    relayedbytes_user: node.relayedBytes - kernel.bytes,
    relayedpackets_kernel: kernel.packets,
    relayedpacketerrors_kernel: 0,
    relayedbytes_kernel: kernel.bytes,
    relayedpackets: node.relayedPackets,
    relayedpacketerrors: node.relayedPacketErrors,
    relayedbytes: node.relayedBytes,
    zerowaystreams: node.zeroWayStreams,
    onewaystreams: node.oneWayStreams,
    avgcallduration: decimal(callsDuration.mean),
    totalcallsduration: decimal(callsDuration.total),
    totalcallsduration2: decimal(callsDuration.squares),
    totalcallsduration_stddev: decimal(callsDuration.deviation),
  });
}

function interval({ callSeconds, sessions, commands }: IntervalStatistics): Dictionary {
  const each = (
    of: keyof CommandInterval,
    name: string,
    write: (value: number) => Value,
  ): readonly (readonly [string, Value])[] =>
    SHORT_NAMES.flatMap(([command]) => {
      const { min, max, mean } = commands.get(command)?.[of] ?? NONE;
      const record = { [`min${command}${name}`]: min, [`max${command}${name}`]: max };
      return Object.entries({ ...record, [`avg${command}${name}`]: mean }).map(
        ([key, value]) => [key, write(value)] as const,
      );
    });
  return new Map<string, Value>([
    ['totalcallsduration', decimal(callSeconds)],
    ['minmanagedsessions', sessions.min],
    ['maxmanagedsessions', sessions.max],
    ...each('delay', 'delay', decimal),
    ...each('rate', 'requestrate', (rate) => rate),
  ]);
}

function voipMetrics(quality: NodeQuality): Dictionary {
  return new Map([
    ...distribution('jitter', quality.jitter),
    ...distribution('rtt_e2e', quality.roundTrip),
    ...distribution('rtt_dsct', quality.roundTripLeg),
    ...distribution('packetloss', quality.loss),
    ...distribution('jitter_measured', quality.jitterMeasured),
    ...dictionary({
      packets_lost: quality.packetsLost,
      rtp_duplicates: quality.duplicates,
      // Not counted apart from losses.
      rtp_skips: 0,
      rtp_seq_resets: 0,
      rtp_reordered: quality.reordered,
    }),
  ]);
}

function distribution(name: string, sum: Distribution): Dictionary {
  return dictionary({
    [`${name}_total`]: decimal(sum.total),
    [`${name}2_total`]: decimal(sum.squares),
    [`${name}_samples_total`]: sum.samples,
    [`${name}_average`]: decimal(sum.mean),
    [`${name}_stddev`]: decimal(sum.deviation),
  });
}

function interfaceRecord(one: InterfaceStatistics): Dictionary {
  const { name, address, portMin, portMax, portsUsed, portsFree, quality } = one;
  const total = portMax - portMin + 1;
  return dictionary({
    name,
    address,
    ports: dictionary({
      min: portMin,
      max: portMax,
      used: portsUsed,
      used_pct: ((100 * portsUsed) / total).toFixed(2),
      free: portsFree,
      totals: total,
    }),
    packets_lost: quality.packetsLost,
    duplicates: quality.duplicates,
    voip_metrics: new Map([...distribution('mos', quality.mos), ...voipMetrics(quality)]),
    ingress: dictionary(one.ingress),
    egress: dictionary(one.egress),
  });
}

function dictionary(entries: Readonly<Record<string, Value>>): Dictionary {
  return new Map(Object.entries(entries));
}

function decimal(number: number): string {
  return number.toFixed(6);
}

function controls(clients: readonly ControlStatistics[]): Dictionary {
  const sums = SHORT_NAMES.map(([command, short]): [string, Value] => [
    `total${short.toLowerCase()}count`,
    clients.reduce((total, { commands }) => total + (commands.get(command)?.count ?? 0), 0),
  ]);
  return new Map<string, Value>([['proxies', clients.map(client)], ...sums]);
}

function client({ proxy, commands, errors }: ControlStatistics): Dictionary {
  const record = new Map<string, Value>([['proxy', proxy]]);
  for (const [command, short] of SHORT_NAMES) {
    const { count, seconds } = commands.get(command) ?? { count: 0, seconds: 0 };
    const key = short.toLowerCase();
    record.set(`${key}count`, count);
    record.set(`${key}duration`, seconds.toFixed(6));
  }
  return record.set('errorcount', errors);
}

const NONE: Extremes = { min: 0, max: 0, mean: 0 };
