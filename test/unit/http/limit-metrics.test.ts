import { expect, test } from 'vitest';
import { limitMetrics } from '../../../src/http/limit-metrics.js';

test('metrics tell which limits of load are exceeded, and how many calls were refused for each', () => {
  const callsOverloading = { cpuPercent: 0, loadAverage: 3, bytesPerSecond: 1 };
  expect(limitMetrics({ callsOverloading }, ['loadAverage'])).toBe(
    [
      '# HELP tandem_limit_exceeded Whether there is more load than allowed, by limit',
      '# TYPE tandem_limit_exceeded gauge',
      'tandem_limit_exceeded{limit="cpuPercent"} 0',
      'tandem_limit_exceeded{limit="loadAverage"} 1',
      'tandem_limit_exceeded{limit="bytesPerSecond"} 0',
      '# HELP tandem_calls_overloading_total Calls refused because of load, by limit',
      '# TYPE tandem_calls_overloading_total counter',
      'tandem_calls_overloading_total{limit="cpuPercent"} 0',
      'tandem_calls_overloading_total{limit="loadAverage"} 3',
      'tandem_calls_overloading_total{limit="bytesPerSecond"} 1',
      '',
    ].join('\n'),
  );
});
