import type { FastPathStatus, NodeCounters, Status } from '../dataplane/protocol.gen.js';
import { labels, metric, type Sample } from './metric.js';

/** `GET /fast-path`: which way packets take, and why. */
export function fastPathReport({ fastPath, counters }: Status): Readonly<Record<string, unknown>> {
  const { mode, state, reason, devices, offloaded, userspace } = fastPath;
  return {
    mode,
    state,
    reason,
    devices,
    streams: { kernel: offloaded, userspace },
    packets: packets(counters),
  };
}

/** The same for Prometheus. */
export function fastPathMetrics({ fastPath, counters }: Status): readonly string[] {
  const byPath = packets(counters);
  return [
    ...metric('tandem_fast_path_active', 'gauge', 'Packets can be relayed in the kernel', [
      ['', fastPath.state === 'active' ? 1 : 0],
    ]),
    ...metric('tandem_fast_path_device', 'gauge', 'Devices by mode; the value is 1', devicesOf(fastPath)),
    ...metric('tandem_streams', 'gauge', 'Streams by the way their packets take', [
      [labels({ path: 'kernel', reason: '' }), fastPath.offloaded],
      ...fastPath.userspace.map(
        ({ reason, streams }) => [labels({ path: 'userspace', reason }), streams] as const,
      ),
    ]),
    ...metric('tandem_relayed_packets_total', 'counter', 'Packets sent, by path', [
      [labels({ path: 'kernel' }), byPath.kernel],
      [labels({ path: 'userspace' }), byPath.userspace],
    ]),
    ...metric(
      'tandem_fast_path_forwarded_total',
      'counter',
      'Packets a device has relayed since the program was loaded',
      fastPath.devices.map(({ device, forwarded }) => [labels({ device }), forwarded] as const),
    ),
    ...metric(
      'tandem_fast_path_passed_total',
      'counter',
      'Packets a device has handed up, by reason',
      fastPath.devices.flatMap(({ device, passed }) =>
        passed.map(({ reason, packets }) => [labels({ device, reason }), packets] as const),
      ),
    ),
  ];
}

function packets(counters: NodeCounters): { readonly kernel: number; readonly userspace: number } {
  const { sentPackets, fastPathPackets } = counters;
  return { kernel: fastPathPackets, userspace: Math.max(0, sentPackets - fastPathPackets) };
}

function devicesOf({ devices }: FastPathStatus): readonly Sample[] {
  return devices.map(({ device, mode, reason }) => [labels({ device, mode, reason }), 1] as const);
}
