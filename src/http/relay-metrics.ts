import type { Counters } from '../observability/counters.js';

/** What has become of relayed candidates, for Prometheus. */
export function relayMetrics({ relaysGranted, relaysFailed, relaysLost }: Counters): string {
  const name = 'tandem_relayed_candidates_total';
  const outcomes = { granted: relaysGranted, failed: relaysFailed, lost: relaysLost };
  const lines = Object.entries(outcomes).map(([outcome, count]) => `${name}{outcome="${outcome}"} ${count}`);
  return [`# HELP ${name} Relayed candidates by outcome`, `# TYPE ${name} counter`, ...lines, ''].join('\n');
}
