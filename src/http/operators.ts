import type { Status } from '../dataplane/protocol.gen.js';
import type { Drain } from '../service/drain.js';
import { type Answer, json, type Route, type Routes, text } from './answer.js';
import { fastPathReport } from './fast-path.js';
import { statusMetrics } from './status-metrics.js';

export type OperatorParts = {
  readonly drain: Pick<Drain, 'on' | 'remaining' | 'start' | 'stop'>;
  /** Of the data plane; rejects while there is none. */
  readonly status: () => Promise<Status>;
  /** Further metrics, as Prometheus reads them. */
  readonly metrics?: (status: Status) => string;
};

/** For operators and their programs. */
export function operatorRoutes({ drain, status, metrics }: OperatorParts): Routes {
  const drained = (): Answer => json(200, { draining: drain.on, calls: drain.remaining });
  return new Map<string, Route>([
    ['GET /ping', () => text(200, 'pong\n')],
    ['GET /fast-path', async () => json(200, fastPathReport(await status()))],
    [
      'GET /metrics',
      async () => {
        const now = await status();
        return { status: 200, type: PROMETHEUS, body: `${statusMetrics(now)}${metrics?.(now) ?? ''}` };
      },
    ],
    ['GET /drain', drained],
    [
      'POST /drain',
      () => {
        drain.start();
        return drained();
      },
    ],
    [
      'DELETE /drain',
      () => {
        drain.stop();
        return drained();
      },
    ],
  ]);
}

const PROMETHEUS = 'text/plain; version=0.0.4';
