import type { FamilyCounts } from '../call/families.js';
import type { ControlStatistics } from '../command/reply.js';
import type { GraphiteConfig } from '../config/schema.js';
import type { Status } from '../dataplane/protocol.gen.js';
import type { IntervalMeter } from '../observability/intervals.js';
import type { NodeTotals } from '../service/node-statistics.js';
import type { Clock, DataPlane } from '../service/ports.js';
import { graphiteText, graphiteValues } from './lines.js';
import { GraphiteSender, type SenderParts } from './sender.js';

export type ExporterParts = {
  readonly prefix: string;
  readonly sender: Pick<GraphiteSender, 'send' | 'close'>;
  readonly intervals: Pick<IntervalMeter, 'last'>;
  readonly dataPlane: Pick<DataPlane, 'status'>;
  readonly clock: Clock;
  readonly totals: (status: Status | undefined) => NodeTotals;
  readonly families: () => FamilyCounts;
  readonly controls: () => readonly ControlStatistics[];
};

/** Undefined: nobody wants to know. */
export function openGraphite(
  { server, prefix, timeoutSeconds }: GraphiteConfig,
  { events, ...parts }: Omit<ExporterParts, 'prefix' | 'sender'> & Pick<SenderParts, 'events'>,
): GraphiteExporter | undefined {
  if (server === null) return undefined;
  const sender = new GraphiteSender({ ...server, timeoutMs: timeoutSeconds * 1000, events });
  sender.start();
  return new GraphiteExporter({ ...parts, prefix, sender });
}

/** Tells of each interval once, when it is over. */
export class GraphiteExporter {
  readonly #parts: ExporterParts;
  #before: NodeTotals | undefined;
  /** When the data plane answered the last time. */
  #relayed: NodeTotals | undefined;
  #isBusy = false;

  constructor(parts: ExporterParts) {
    this.#parts = parts;
  }

  close(): void {
    this.#parts.sender.close();
  }

  /** What the data plane has counted so far is no news. */
  attached(status: Status): void {
    this.#relayed ??= this.#parts.totals(status);
  }

  /** Never rejects. While the data plane does not answer, nothing is told of what it counts. */
  async intervalOver(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    const { clock, controls, dataPlane, families, intervals, prefix, sender, totals } = this.#parts;
    const status = await dataPlane.status().catch(() => undefined);
    this.#isBusy = false;
    const now = {
      atMs: clock.now(),
      totals: totals(status),
      families: families(),
      interval: intervals.last,
      controls: controls(),
      isWhole: status !== undefined,
    };
    const formerly = { node: this.#before, relayed: this.#relayed };
    sender.send(graphiteText(prefix, now.atMs, graphiteValues(formerly, now)));
    this.#before = now.totals;
    if (status !== undefined) this.#relayed = now.totals;
  }
}
