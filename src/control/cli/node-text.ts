import type {
  CommandInterval,
  ControlStatistics,
  Distribution,
  Extremes,
  IntervalStatistics,
  NodeStatistics,
} from '../../command/reply.js';
import { SHORT_NAMES } from '../ng/short-names.js';
import type { CliNode } from './node.js';

/** `list numsessions` */
export function sessionsText(
  { sessions, foreignSessions }: NodeStatistics,
  { IP4, IP6, mixed }: ReturnType<CliNode['families']>,
): string {
  return [
    `Current sessions own: ${sessions}`,
    `Current sessions foreign: ${foreignSessions}`,
    `Current sessions total: ${sessions + foreignSessions}`,
    'Current transcoded media: 0',
    `Current sessions ipv4 only media: ${IP4}`,
    `Current sessions ipv6 only media: ${IP6}`,
    // With two blanks, as scripts know it.
    `Current sessions ip mixed  media: ${mixed}`,
    '',
  ].join('\n');
}

/** `list totals` */
export function totalsText(node: NodeStatistics): string {
  const { callsDuration, medias, relayedInKernel: kernel, sessions } = node;
  const userspace = {
    packets: node.relayedPackets - kernel.packets,
    bytes: node.relayedBytes - kernel.bytes,
  };
  return [
    '\nStatistics over currently running sessions:\n',
    row('Owned sessions', sessions),
    row('Foreign sessions', node.foreignSessions),
    row('Total sessions', sessions + node.foreignSessions),
    row('Transcoded media', 0),
    ...rateRows(node),
    row('Userspace-only media streams', medias.userspace),
    row('Kernel-only media streams', medias.kernel),
    row('Mixed kernel/userspace media streams', 0),
    '\nTotal statistics (does not include current running sessions):\n',
    row('Uptime of rtpengine', `${Math.trunc(node.uptimeSeconds)} seconds`),
    row('Total managed sessions', node.managedSessions),
    row('Total rejected sessions', node.rejectedSessions),
    row('Total timed-out sessions via TIMEOUT', node.timeoutSessions),
    row('Total timed-out sessions via SILENT_TIMEOUT', node.silentTimeoutSessions),
    row('Total timed-out sessions via FINAL_TIMEOUT', node.finalTimeoutSessions),
    row('Total timed-out sessions via OFFER_TIMEOUT', node.offerTimeoutSessions),
    row('Total regular terminated sessions', node.regularTerminatedSessions),
    row('Total forced terminated sessions', node.forcedTerminatedSessions),
    row('Total relayed packets (userspace)', userspace.packets),
    row('Total relayed packet errors (userspace)', node.relayedPacketErrors),
    row('Total relayed bytes (userspace)', userspace.bytes),
    row('Total relayed packets (kernel)', kernel.packets),
    row('Total relayed packet errors (kernel)', 0),
    row('Total relayed bytes (kernel)', kernel.bytes),
    row('Total relayed packets', node.relayedPackets),
    row('Total relayed packet errors', node.relayedPacketErrors),
    row('Total relayed bytes', node.relayedBytes),
    row('Total number of streams with no relayed packets', node.zeroWayStreams),
    row('Total number of 1-way streams', node.oneWayStreams),
    row('Average call duration', `${callsDuration.mean.toFixed(6)} seconds`),
    row('Total calls duration', `${callsDuration.total.toFixed(6)} seconds`),
    row('Total calls duration squared', `${callsDuration.squares.toFixed(6)} seconds squared`),
    row('Total calls duration standard deviation', `${callsDuration.deviation.toFixed(6)} seconds`),
    ...intervalRows(node.interval),
    ...scoreRows(node.quality.mos),
    ...clientRows(node.controls),
    '',
  ].join('\n');
}

/** `list counters` */
export function countersText(node: NodeStatistics): string {
  return ['\nCurrent per-second counters:\n', ...rateRows(node), ''].join('\n');
}

/** `list interfaces` */
export function interfacesText({ interfaces }: NodeStatistics): string {
  const lines = interfaces.flatMap(({ name, address, portMin, portMax, portsUsed }) => {
    const ports = portMax - portMin + 1;
    const percent = ((100 * portsUsed) / ports).toFixed(1).padStart(5);
    return [
      `Interface '${name}' address '${address}' (${address.includes(':') ? 'IPv6' : 'IPv4'})`,
      ` Port range: ${String(portMin).padStart(5)} - ${String(portMax).padStart(5)}`,
      ` Ports used: ${String(portsUsed).padStart(5)} / ${String(ports).padStart(5)} (${percent}%)`,
    ];
  });
  return [...lines, ''].join('\n');
}

function intervalRows({ callSeconds, sessions, commands }: IntervalStatistics): readonly string[] {
  const each = (of: keyof CommandInterval, name: string, write: (values: Extremes) => string): string[] =>
    SHORT_NAMES.map(([command]) =>
      row(`Min/Max/Avg ${command} ${name}`, write(commands.get(command)?.[of] ?? NONE)),
    );
  return [
    '\n\nGraphite interval statistics (last reported values to graphite):',
    row('Total calls duration', `${callSeconds.toFixed(6)} seconds\n`),
    row('Min managed sessions', sessions.min),
    row('Max managed sessions', sessions.max),
    ...each('delay', 'processing delay', ({ min, max, mean }) => {
      return `${[min, max, mean].map((seconds) => seconds.toFixed(6)).join('/')} sec`;
    }),
    ...each('rate', 'requests per second', ({ min, max, mean }) => `${min}/${max}/${mean} per sec`),
    '',
  ];
}

function scoreRows(mos: Distribution): readonly string[] {
  return [
    '\nMOS statistics:\n',
    row('Sum of all MOS values sampled', mos.total.toFixed(6)),
    row('Sum of all MOS square values sampled', mos.squares.toFixed(6)),
    row('Total number of MOS samples', mos.samples),
    row('Average MOS', mos.mean.toFixed(6)),
    row('MOS standard deviation', mos.deviation.toFixed(6)),
  ];
}

/** How often each client has sent each command. */
function clientRows(controls: readonly ControlStatistics[]): readonly string[] {
  const line = (proxy: string, cells: readonly (string | number)[]): string =>
    `${[proxy.padStart(21), ...cells.map((cell) => String(cell).padStart(10))].join(' | ')} `;
  const rows = controls.map(({ proxy, commands }) =>
    line(
      proxy,
      SHORT_NAMES.map(([command]) => commands.get(command)?.count ?? 0),
    ),
  );
  const names = SHORT_NAMES.map(([, short]) => short);
  return ['\nControl statistics:\n', line('Proxy', names), ...rows];
}

function rateRows({ rates: { userspace, kernel } }: NodeStatistics): readonly string[] {
  const rows = (of: string, { packets, bytes, errors }: typeof kernel): readonly string[] => [
    row(`Packets per second (${of})`, packets),
    row(`Bytes per second (${of})`, bytes),
    row(`Errors per second (${of})`, errors),
  ];
  const total = {
    packets: userspace.packets + kernel.packets,
    bytes: userspace.bytes + kernel.bytes,
    errors: userspace.errors + kernel.errors,
  };
  return [...rows('userspace', userspace), ...rows('kernel', kernel), ...rows('total', total)];
}

function row(name: string, value: number | string): string {
  return ` ${name.padEnd(48)}:${value}`;
}

const NONE: Extremes = { min: 0, max: 0, mean: 0 };
