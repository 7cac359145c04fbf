import type { SessionPlan, SessionSnapshot, StreamSnapshot } from '../dataplane/protocol.gen.js';
import { type DataPlane, DataPlaneError } from './ports.js';

export type SnapshotsParts = {
  readonly dataPlane: Pick<DataPlane, 'snapshots'>;
  /** Calls and data plane agree: what it tells of its sessions is complete. */
  readonly isReady: () => boolean;
  readonly taken: (sessions: ReadonlyMap<string, readonly StreamSnapshot[]>) => void;
  readonly failed: (error: unknown) => void;
};

/**
 * What it takes to continue protected calls after a crash of the data plane: keys that came from handshakes, and how
 * far keys are used. Taken again and again, held in memory, and handed back with the plans.
 */
export class Snapshots {
  readonly #parts: SnapshotsParts;
  #sessions = new Map<string, readonly StreamSnapshot[]>();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  constructor(parts: SnapshotsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.take(), INTERVAL_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** `undefined`: the call is not protected, or not yet. */
  find(callId: string): readonly StreamSnapshot[] | undefined {
    return this.#sessions.get(callId);
  }

  /** What was saved of a call by another node, until the data plane says more. */
  inherit(callId: string, streams: readonly StreamSnapshot[]): void {
    this.#sessions.set(callId, streams);
  }

  /** A plan for a data plane that may know nothing of the session any more. */
  resumed(plan: SessionPlan): SessionPlan {
    const known = this.#sessions.get(plan.session);
    if (known === undefined) return plan;
    const streams = plan.streams.map((stream) => ({
      ...stream,
      snapshot: known.find((snapshot) => snapshot.stream === stream.id) ?? null,
    }));
    return { ...plan, streams };
  }

  /** Never rejects. If the data plane is away, or was in between, the last complete round stays. */
  async take(): Promise<void> {
    const { dataPlane, isReady, taken: told, failed } = this.#parts;
    if (this.#busy || !isReady()) return;
    this.#busy = true;
    try {
      const taken = await dataPlane.snapshots();
      if (!isReady()) return;
      this.#sessions = new Map(taken.map(entry));
      told(this.#sessions);
    } catch (error) {
      if (!(error instanceof DataPlaneError)) failed(error);
    } finally {
      this.#busy = false;
    }
  }
}

function entry({ session, streams }: SessionSnapshot): [string, readonly StreamSnapshot[]] {
  return [session, streams];
}

const INTERVAL_MS = 1_000;
