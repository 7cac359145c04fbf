import type { Counters } from '../observability/counters.js';
import { labels, metric } from './metric.js';

/** How replication is doing now. */
export type ReplicationState = {
  readonly isConnected: boolean;
  readonly waiting: number;
  readonly lagMs: number;
  readonly foreign: number;
};

/** What is written to Redis and what is known from it, for Prometheus; nothing without replication. */
export function replicationMetrics(
  { replication }: Pick<Counters, 'replication'>,
  state: ReplicationState | undefined,
): string {
  if (state === undefined) return '';
  const gauge = (name: string, help: string, value: number): readonly string[] =>
    metric(`tandem_replication_${name}`, 'gauge', help, [['', value]]);
  const counter = (name: string, help: string, value: number): readonly string[] =>
    metric(`tandem_replication_${name}_total`, 'counter', help, [['', value]]);
  const takenOver = Object.entries(replication.takenOver).map(
    ([reason, calls]) => [labels({ reason }), calls] as const,
  );
  const lines = [
    ...gauge('connected', 'Whether calls are written to Redis', state.isConnected ? 1 : 0),
    ...gauge('backlog', 'Changes of calls that wait to be written', state.waiting),
    ...gauge('lag_seconds', 'How long the oldest of them has been waiting', state.lagMs / 1_000),
    ...gauge('foreign_calls', 'Calls of other nodes that are kept ready', state.foreign),
    ...counter('writes', 'Changes of calls that were written', replication.writes),
    ...counter('errors', 'Requests that Redis did not carry out', replication.errors),
    ...counter('refused', 'Changes not written because another node has the call', replication.refused),
    ...counter('connections', 'How often Redis was connected', replication.connections),
    ...metric(
      'tandem_replication_taken_over_total',
      'counter',
      'Calls taken over from other nodes, or from before a restart, by reason',
      takenOver,
    ),
    ...counter('take_overs_failed', 'Calls that could not be taken over', replication.takeOversFailed),
    ...counter('unreadable', 'Records of calls that could not be read', replication.unreadable),
    ...counter('given_up', 'Calls that other nodes have taken over from this one', replication.givenUp),
  ];
  return [...lines, ''].join('\n');
}
