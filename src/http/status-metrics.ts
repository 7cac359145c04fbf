import type { Status, SuspectCause, SuspectCounts } from '../dataplane/protocol.gen.js';
import { fastPathMetrics } from './fast-path.js';
import { labels, metric } from './metric.js';
import { repeatMetrics } from './repeats.js';

/** What the data plane tells, for Prometheus. */
export function statusMetrics(status: Status): string {
  const parts = [
    fastPathMetrics(status),
    suspectMetrics(status.counters.suspect),
    repeatMetrics(status),
  ].flat();
  return [...parts, ''].join('\n');
}

function suspectMetrics(counts: SuspectCounts): readonly string[] {
  const samples = CAUSES.map((cause) => [labels({ cause }), counts[cause]] as const);
  return metric(
    'tandem_suspect_packets_total',
    'counter',
    "Packets that are not, or not provably, a party's, by cause",
    samples,
  );
}

const CAUSES: readonly SuspectCause[] = [
  'foreign',
  'tolerated',
  'notAuthentic',
  'replay',
  'unkeyed',
  'check',
  'handshake',
  'malformed',
  'early',
];
