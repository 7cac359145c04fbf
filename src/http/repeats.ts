import type { Status } from '../dataplane/protocol.gen.js';
import { labels, metric } from './metric.js';

/** Which half answered requests, for Prometheus. */
export function repeatMetrics({ repeats }: Status): readonly string[] {
  return [
    ...metric('tandem_patterns', 'gauge', 'Kinds of requests the data plane can answer', [
      ['', repeats.patterns],
    ]),
    ...metric('tandem_requests_total', 'counter', 'Requests on sockets of the data plane, by who answered', [
      [labels({ answered: 'pattern' }), repeats.answered],
      [labels({ answered: 'again' }), repeats.repeated],
      [labels({ answered: 'control' }), repeats.passedOn],
    ]),
  ];
}
