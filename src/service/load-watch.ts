import { LOAD_LIMITS, type LoadLimit, type LoadLimits } from '../command/load.js';
import type { Events } from '../observability/events.js';
import type { CpuTimes, HostLoad } from './host-load.js';
import { type Clock, type DataPlane, DataPlaneError } from './ports.js';

export type LoadWatchParts = {
  readonly limits: LoadLimits;
  readonly host: HostLoad;
  readonly dataPlane: Pick<DataPlane, 'status'>;
  readonly clock: Clock;
  readonly events: Pick<Events, 'loadUnknown' | 'loadExceeded' | 'loadAllowed'>;
  /** Told when the node begins to have too much load, and when it has no longer. */
  readonly changed: () => void;
};

/** Looks once a second whether the node has more load than it may. Only what has a limit is measured. */
export class LoadWatch {
  readonly #parts: LoadWatchParts;
  #limits: LoadLimits;
  /** Absent: not measured, or not to be had. */
  #measured: Measured = {};
  #exceeded: readonly LoadLimit[] = [];
  #cpu: CpuTimes | undefined;
  #sent: Sent | undefined;
  /** What could not be read, and was told of. */
  readonly #unknown = new Set<LoadLimit>();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  constructor(parts: LoadWatchParts) {
    this.#parts = parts;
    this.#limits = parts.limits;
  }

  /** What new calls are refused for. */
  get exceeded(): readonly LoadLimit[] {
    return this.#exceeded;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), INTERVAL_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Other limits hold at once for what was measured last. */
  adjust(limits: LoadLimits): void {
    this.#limits = limits;
    for (const limit of LOAD_LIMITS) if (limits[limit] === null) this.#forget(limit);
    this.#judge();
  }

  /** Never rejects. */
  async look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (const limit of LOAD_LIMITS) if (this.#limits[limit] !== null) await this.#measure(limit);
      this.#judge();
    } finally {
      this.#busy = false;
    }
  }

  async #measure(limit: LoadLimit): Promise<void> {
    try {
      const value = await this.#read(limit);
      // It may have been lifted meanwhile.
      if (this.#limits[limit] === null) return;
      this.#measured = { ...this.#measured, [limit]: value };
      this.#unknown.delete(limit);
    } catch (error) {
      this.#forget(limit);
      // That the data plane is away is told elsewhere.
      if (this.#unknown.has(limit) || error instanceof DataPlaneError) return;
      this.#unknown.add(limit);
      this.#parts.events.loadUnknown(limit, error);
    }
  }

  #read(limit: LoadLimit): Promise<number | undefined> {
    switch (limit) {
      case 'loadAverage':
        return this.#parts.host.loadAverage();
      case 'cpuPercent':
        return this.#cpuPercent();
      case 'bytesPerSecond':
        return this.#bytesPerSecond();
    }
  }

  async #cpuPercent(): Promise<number | undefined> {
    const before = this.#cpu;
    const now = await this.#parts.host.cpuTimes();
    this.#cpu = now;
    if (before === undefined) return undefined;
    const busy = now.busy - before.busy;
    const all = busy + now.idle - before.idle;
    return busy < 0 || all <= 0 ? undefined : (100 * busy) / all;
  }

  /** What the data plane sends, the kernel's part included. */
  async #bytesPerSecond(): Promise<number | undefined> {
    const before = this.#sent;
    const { counters } = await this.#parts.dataPlane.status();
    const now = { bytes: counters.sentBytes, atMs: this.#parts.clock.now() };
    this.#sent = now;
    // Another one than before has counted from zero.
    if (before === undefined || now.bytes < before.bytes || now.atMs <= before.atMs) return undefined;
    return ((now.bytes - before.bytes) * 1000) / (now.atMs - before.atMs);
  }

  #forget(limit: LoadLimit): void {
    const { [limit]: _, ...others } = this.#measured;
    this.#measured = others;
    if (limit === 'cpuPercent') this.#cpu = undefined;
    if (limit === 'bytesPerSecond') this.#sent = undefined;
  }

  #judge(): void {
    const before = this.#exceeded;
    this.#exceeded = LOAD_LIMITS.filter((limit) => this.#isExceeded(limit));
    for (const limit of LOAD_LIMITS) this.#tell(limit, before.includes(limit));
    if (before.length > 0 !== this.#exceeded.length > 0) this.#parts.changed();
  }

  #tell(limit: LoadLimit, wasExceeded: boolean): void {
    const { events } = this.#parts;
    const isExceeded = this.#exceeded.includes(limit);
    if (isExceeded === wasExceeded) return;
    const [value, allowed] = [this.#measured[limit], this.#limits[limit]];
    if (isExceeded) events.loadExceeded(limit, value, allowed);
    else events.loadAllowed(limit, value, allowed);
  }

  #isExceeded(limit: LoadLimit): boolean {
    const [value, allowed] = [this.#measured[limit], this.#limits[limit]];
    return value !== undefined && allowed !== null && value > allowed;
  }
}

type Measured = { readonly [limit in LoadLimit]?: number | undefined };
type Sent = { readonly bytes: number; readonly atMs: number };

const INTERVAL_MS = 1_000;
