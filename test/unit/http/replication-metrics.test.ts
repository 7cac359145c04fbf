import { expect, test } from 'vitest';
import { replicationMetrics } from '../../../src/http/replication-metrics.js';
import { newCounters } from '../../../src/observability/counters.js';

const STATE = { isConnected: true, waiting: 3, lagMs: 250, foreign: 7 };

test('everything that is counted is told', () => {
  const counters = newCounters();
  counters.replication.writes = 11;
  counters.replication.takenOver.signalling = 2;
  const text = replicationMetrics(counters, STATE);
  const values = text.split('\n').filter((line) => !line.startsWith('#') && line !== '');
  expect(values).toEqual([
    'tandem_replication_connected 1',
    'tandem_replication_backlog 3',
    'tandem_replication_lag_seconds 0.25',
    'tandem_replication_foreign_calls 7',
    'tandem_replication_writes_total 11',
    'tandem_replication_errors_total 0',
    'tandem_replication_refused_total 0',
    'tandem_replication_connections_total 0',
    'tandem_replication_taken_over_total{reason="restart"} 0',
    'tandem_replication_taken_over_total{reason="signalling"} 2',
    'tandem_replication_taken_over_total{reason="operator"} 0',
    'tandem_replication_taken_over_total{reason="address"} 0',
    'tandem_replication_taken_over_total{reason="lease"} 0',
    'tandem_replication_take_overs_failed_total 0',
    'tandem_replication_unreadable_total 0',
    'tandem_replication_given_up_total 0',
  ]);
});

test('a node by itself has none of it', () => {
  expect(replicationMetrics(newCounters(), undefined)).toBe('');
});
