import type { Call } from '../call/call.js';
import { withInterruption } from '../call/taps.js';
import type { Configuration, Event, SessionPlan } from '../dataplane/protocol.gen.js';
import { reconcile } from '../dataplane/reconcile.js';
import type { Events } from '../observability/events.js';
import type { CertificateMaker, Certificates } from './certificates.js';
import { decidedFastPath } from './fast-path.js';
import {
  type CarriedDatagram,
  type DataPlane,
  DataPlaneError,
  type DataPlaneListener,
  type Repetition,
} from './ports.js';
import type { CallRegistry } from './registry.js';
import { Untold } from './untold.js';

export type AttachmentOptions = {
  readonly configuration: Configuration;
  readonly certificates: Certificates;
  readonly registry: CallRegistry;
  readonly events: Events;
  /** The call a listed plan belongs to, with the plan's ports; `undefined` if its memo cannot be read. */
  readonly read: (plan: SessionPlan) => Call | undefined;
  readonly planOf: (call: Call) => SessionPlan;
  /** Takes over a call that was created before this process started. */
  readonly adopt: (call: Call) => void;
  readonly onEvent: (event: Event) => void;
  /** Told of each new connection before anything comes over it. */
  readonly onConnected?: () => void;
  /** Told when calls and data plane agree, after every start of either. */
  readonly onAgreed?: () => void;
  readonly onRepeated?: (repetition: Repetition) => void;
  readonly onDatagram?: (datagram: CarriedDatagram) => void;
  /** Told of a call that could not be brought back and is forgotten. */
  readonly onLost?: (call: Call) => void;
  /** Told instead of going on if the configuration requires a fast path and there never was one. */
  readonly onUnavailable?: (reason: string) => void;
};

/**
 * Brings calls and data plane into agreement whenever a connection comes up: after a start of this process, of the
 * data plane, or of both. Until then nobody may open ports, so that each call finds its own ones free.
 */
export class Attachment implements DataPlaneListener {
  readonly #options: AttachmentOptions;
  #dataPlane: DataPlane | undefined;
  #ready: Gate = newGate();
  #attachedBefore = false;
  #boot = '';
  /** Grows with each connection, so that an attempt knows when it is outdated. */
  #connection = 0;
  /** Reported of calls that are yet to be adopted, say, and would be taken for nobody's. */
  readonly #untold: Untold;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.#untold = new Untold(MAX_UNTOLD, () => options.events.eventsDropped(MAX_UNTOLD));
  }

  /** The data plane's client needs its listener first. */
  use(dataPlane: DataPlane): void {
    this.#dataPlane = dataPlane;
  }

  get isReady(): boolean {
    return this.#ready.open;
  }

  /** The data plane's current start; empty before the first connection. */
  get boot(): string {
    return this.#boot;
  }

  /** Who makes and keeps certificates. */
  get maker(): CertificateMaker {
    return {
      take: (certificates) =>
        this.#required().configure({ ...this.#options.configuration, certificates: [...certificates] }),
      renew: (key, insteadOf) => this.#required().renewCertificate(key, insteadOf),
    };
  }

  /** Resolves at once or as soon as calls and data plane agree; rejects if that takes too long. */
  ready(timeoutMs: number): Promise<void> {
    if (this.#ready.open) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#ready.waiters.add(waiter);
      setTimeout(() => {
        if (this.#ready.waiters.delete(waiter)) reject(new DataPlaneError({ code: 'disconnected' }));
      }, timeoutMs);
    });
  }

  connected(boot: string, sessions: number): void {
    this.#connection += 1;
    this.#boot = boot;
    this.#options.onConnected?.();
    this.#options.events.dataPlaneConnected(boot, sessions);
    this.#close();
    void this.#attach(this.#connection);
  }

  disconnected(reason: string): void {
    this.#connection += 1;
    clearTimeout(this.#retry);
    this.#close();
    if (this.#boot === '') this.#options.events.dataPlaneAwaited(reason);
    else this.#options.events.dataPlaneLost(reason);
  }

  event(event: Event): void {
    if (this.#ready.open) this.#options.onEvent(event);
    else this.#untold.add(event);
  }

  repeated(repetition: Repetition): void {
    this.#options.onRepeated?.(repetition);
  }

  datagram(datagram: CarriedDatagram): void {
    this.#options.onDatagram?.(datagram);
  }

  stop(): void {
    this.#connection += 1;
    clearTimeout(this.#retry);
  }

  /** Never rejects. */
  async #attach(connection: number): Promise<void> {
    const started = performance.now();
    try {
      const outcome = await this.#agree();
      if (connection !== this.#connection) return;
      this.#attachedBefore = true;
      this.#options.onAgreed?.();
      this.#open();
      this.#options.events.recovered({ ...outcome, ms: Math.round(performance.now() - started) });
    } catch (error) {
      if (connection !== this.#connection) return;
      this.#options.events.recoveryFailed(error);
      this.#retry = setTimeout(() => void this.#attach(connection), RETRY_MS);
    }
  }

  async #agree(): Promise<{ adopted: number; reapplied: number; released: number; lost: number }> {
    const { registry, events, read, certificates } = this.#options;
    const dataPlane = this.#required();
    const [, listed] = await Promise.all([certificates.settle(this.maker), dataPlane.list()]);
    const fastPath = this.#requireFastPath(dataPlane);
    if (this.#attachedBefore) fastPath.catch(() => {});
    else await fastPath;
    const { adopt, reapply, release, unreadable } = reconcile(
      listed,
      registry.calls,
      read,
      this.#attachedBefore,
    );
    for (const call of adopt) this.#options.adopt(call);
    for (const callId of unreadable) if (!this.#attachedBefore) events.memoUnreadable(callId);
    const held = new Set(listed.map(({ session }) => session));
    const again = reapply.map((call) => (held.has(call.callId) ? call : withInterruption(call)));
    const reapplied = await inFlight(again, (call) => this.#reapply(call));
    await inFlight(release, (callId) => dataPlane.release(callId));
    const lost = reapplied.filter((kept) => !kept).length;
    return { adopted: adopt.length, reapplied: reapply.length - lost, released: release.length, lost };
  }

  /** A required fast path keeps this node from starting; calls that run already are worth more than it. */
  async #requireFastPath(dataPlane: DataPlane): Promise<void> {
    if (this.#options.configuration.fastPath.mode !== 'require') return;
    const isFirst = !this.#attachedBefore;
    const { state, reason } = await decidedFastPath(dataPlane);
    if (state === 'active') return;
    if (!isFirst) {
      this.#options.events.fastPathLost(reason);
      return;
    }
    this.#options.onUnavailable?.(reason);
    throw new Error(`no fast path: ${reason}`);
  }

  /** Whether the call lives. One that cannot be brought back, say because a port is taken, is lost alone. */
  async #reapply(call: Call): Promise<boolean> {
    const { registry, events, planOf } = this.#options;
    registry.set(call);
    try {
      await this.#required().apply(planOf(call));
      return true;
    } catch (error) {
      if (error instanceof DataPlaneError && CONNECTION_TROUBLE.has(error.detail.code)) throw error;
      // The data plane is ahead, and has told how.
      if (error instanceof DataPlaneError && error.detail.code === 'overtaken') return true;
      events.callLost(call.callId, error);
      registry.remove(call.callId);
      this.#options.onLost?.(call);
      return false;
    }
  }

  #required(): DataPlane {
    if (this.#dataPlane === undefined) throw new Error('the attachment has no data plane yet');
    return this.#dataPlane;
  }

  #open(): void {
    this.#ready.open = true;
    for (const waiter of this.#ready.waiters) waiter.resolve();
    this.#ready.waiters.clear();
    for (const event of this.#untold.take()) this.#options.onEvent(event);
  }

  #close(): void {
    this.#untold.take();
    if (this.#ready.open) this.#ready = newGate();
  }
}

/** Many at once, so that nobody waits for round trips, but not so many that their time limit counts the queue. */
async function inFlight<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += WINDOW) {
    results.push(...(await Promise.all(items.slice(start, start + WINDOW).map(run))));
  }
  return results;
}

type Gate = { open: boolean; readonly waiters: Set<{ resolve: () => void; reject: (error: Error) => void }> };

function newGate(): Gate {
  return { open: false, waiters: new Set() };
}

const CONNECTION_TROUBLE: ReadonlySet<string> = new Set(['disconnected', 'timeout']);
const RETRY_MS = 200;
const MAX_UNTOLD = 10_000;
const WINDOW = 256;
