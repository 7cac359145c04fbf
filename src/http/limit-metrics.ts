import { LOAD_LIMITS, type LoadLimit } from '../command/load.js';
import type { Counters } from '../observability/counters.js';
import { labels, metric } from './metric.js';

/** Which limits of load keep new calls away, for Prometheus. */
export function limitMetrics(
  { callsOverloading }: Pick<Counters, 'callsOverloading'>,
  exceeded: readonly LoadLimit[],
): string {
  const each = (value: (limit: LoadLimit) => number) =>
    LOAD_LIMITS.map((limit) => [labels({ limit }), value(limit)] as const);
  const lines = [
    ...metric(
      'tandem_limit_exceeded',
      'gauge',
      'Whether there is more load than allowed, by limit',
      each((limit) => (exceeded.includes(limit) ? 1 : 0)),
    ),
    ...metric(
      'tandem_calls_overloading_total',
      'counter',
      'Calls refused because of load, by limit',
      each((limit) => callsOverloading[limit]),
    ),
  ];
  return [...lines, ''].join('\n');
}
