import type { Call } from '../call/call.js';
import { expire } from '../call/lifecycle.js';
import { describeCall } from '../call/statistics.js';
import { withInterruption } from '../call/taps.js';
import type { QueryCommand } from '../command/command.js';
import type { Reply } from '../command/reply.js';
import type { SessionPlan, StreamSnapshot } from '../dataplane/protocol.gen.js';
import { planOf } from '../negotiation/plan.js';
import type { Events } from '../observability/events.js';
import type { TakeOverReason } from '../observability/replication.js';
import type { Keeper } from './keeper.js';
import { type Clock, DataPlaneError } from './ports.js';
import type { CallRegistry } from './registry.js';
import type { Snapshots } from './snapshots.js';

type Inherited = {
  readonly call: Call;
  readonly snapshot: readonly StreamSnapshot[] | undefined;
  /** The snapshot is too old to go on sending behind it: nobody knows how far keys have been used. */
  readonly isOutrun: boolean;
};

/** Calls of other nodes as they are kept here. */
export type Inheritance = {
  has(callId: string): boolean;
  ownerOf(callId: string): string;
  /** `undefined`: it cannot be read. */
  read(callId: string): Inherited | undefined;
  /** Its node lives. */
  isHeld(callId: string): boolean;
  /** Grows when it changes hands. */
  epochOf(callId: string): number;
  /** Keeps it as it is stored now, if that is to be known in a moment. */
  renew(callId: string): Promise<void>;
  /** What is kept of it: another thing when it is another state of the call. */
  kept(callId: string): object | undefined;
  /** It is of no use to anybody. */
  discard(callId: string): void;
};

export type TakeoverParts = {
  readonly inheritance: Inheritance;
  readonly keeper: Pick<Keeper, 'apply' | 'release'>;
  readonly registry: Pick<CallRegistry, 'run'>;
  readonly snapshots: Pick<Snapshots, 'inherit' | 'resumed'>;
  /** Goes on with a call this process did not make. */
  readonly adopt: (call: Call) => void;
  readonly events: Pick<
    Events,
    'callTaken' | 'recordUnreadable' | 'takeOverFailed' | 'takenOver' | 'taskFailed'
  >;
  readonly clock: Clock;
};

/** Goes on with calls of other nodes: the same ports, keys and addresses. */
export class Takeovers {
  readonly #parts: TakeoverParts;
  /** What nobody can go on with, however often it is tried. */
  readonly #hopeless = new WeakSet<object>();

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
  }

  has(callId: string): boolean {
    return this.#parts.inheritance.has(callId);
  }

  /** Runs `task` in the call's turn, when the call is this node's if it can be. */
  before<T>(callId: string, task: () => Promise<T> | T): Promise<T> {
    return this.#parts.registry.run(callId, async () => {
      await this.take(callId, 'signalling');
      return task();
    });
  }

  /** Answers for a call of a node that lives, which a look is no reason to take it from. */
  look(query: QueryCommand): Reply | undefined {
    const { inheritance, clock } = this.#parts;
    if (!inheritance.has(query.callId) || !inheritance.isHeld(query.callId)) return undefined;
    const call = this.#read(query.callId)?.call;
    if (call === undefined) return undefined;
    return { kind: 'statistics', statistics: describeCall(call, null, query, clock.now()) };
  }

  /** Whoever calls has the call's turn. A call that cannot be taken over stays where it is. */
  async take(callId: string, reason: TakeOverReason): Promise<Taken> {
    const { inheritance } = this.#parts;
    const known = inheritance.epochOf(callId);
    // Before the answer to the first command all was read just now.
    if (reason !== 'restart' && inheritance.has(callId)) await inheritance.renew(callId);
    for (let attempt = 1; attempt <= MOST_ATTEMPTS && inheritance.has(callId); attempt += 1) {
      // Another node that has waited for the silent one was faster.
      if (reason === 'lease' && inheritance.epochOf(callId) !== known) return 'gone';
      const taken = await this.#takeAsKnown(callId, reason);
      if (taken !== 'changed') return taken;
    }
    return inheritance.has(callId) ? 'failed' : 'gone';
  }

  async #takeAsKnown(callId: string, reason: TakeOverReason): Promise<Taken | 'changed'> {
    const { inheritance, keeper, snapshots, adopt, events } = this.#parts;
    const epoch = inheritance.epochOf(callId);
    const inherited = this.#read(callId);
    if (inherited === undefined) {
      events.recordUnreadable(callId);
      return 'unreadable';
    }
    const { call, plan, snapshot, isOutrun, isOver } = inherited;
    if (isOver) {
      inheritance.discard(callId);
      return 'over';
    }
    if (isOutrun) {
      this.#giveUp(callId);
      events.takeOverFailed(callId, 'snapshot-too-old');
      return 'failed';
    }
    if (snapshot !== undefined) snapshots.inherit(callId, snapshot);
    const bound = await keeper.apply(snapshots.resumed(plan), undefined);
    if (bound instanceof DataPlaneError) {
      events.takeOverFailed(callId, bound.detail.code);
      return 'failed';
    }
    if (!inheritance.has(callId) || inheritance.epochOf(callId) !== epoch) {
      // It has ended meanwhile, or somebody else has gone on with it.
      await keeper.release(callId);
      return 'changed';
    }
    events.callTaken(callId, inheritance.ownerOf(callId), reason);
    adopt(call);
    return 'taken';
  }

  /** Takes over many, several at a time; what nobody can go on with is left. Never rejects. */
  async takeAll(callIds: readonly string[], reason: TakeOverReason): Promise<void> {
    const { events } = this.#parts;
    const started = performance.now();
    const counts: Record<Taken, number> = { taken: 0, failed: 0, unreadable: 0, over: 0, gone: 0 };
    const due = callIds.filter((callId) => !this.#isHopeless(callId));
    const waiting = due.values();
    const work = async (): Promise<void> => {
      for (const callId of waiting) counts[await this.#takeOneOf(callId, reason)] += 1;
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    const { gone, ...told } = counts;
    if (due.length > gone) events.takenOver({ reason, ...told, ms: Math.round(performance.now() - started) });
  }

  /** One call that cannot be taken over is no reason to leave the others. */
  async #takeOneOf(callId: string, reason: TakeOverReason): Promise<Taken> {
    const { registry, events } = this.#parts;
    try {
      return await registry.run(callId, () => this.take(callId, reason));
    } catch (error) {
      if (error instanceof DataPlaneError) events.takeOverFailed(callId, error.detail.code);
      else events.taskFailed(callId, error);
      return 'failed';
    }
  }

  #isHopeless(callId: string): boolean {
    const kept = this.#parts.inheritance.kept(callId);
    return kept !== undefined && this.#hopeless.has(kept);
  }

  /** What can be decoded and cannot be planned is as unreadable as what is no call at all. */
  #read(callId: string): Readable | undefined {
    const { inheritance, clock } = this.#parts;
    try {
      const inherited = inheritance.read(callId);
      if (inherited !== undefined) {
        const call = withInterruption(inherited.call);
        const isOver = expire(call, clock.now()).kind === 'call';
        return { ...inherited, call, plan: planOf(call), isOver };
      }
    } catch {
      // As if there were nothing.
    }
    this.#giveUp(callId);
    return undefined;
  }

  #giveUp(callId: string): void {
    const kept = this.#parts.inheritance.kept(callId);
    if (kept !== undefined) this.#hopeless.add(kept);
  }
}

type Readable = Inherited & { readonly plan: SessionPlan; readonly isOver: boolean };

export type Taken = 'taken' | 'failed' | 'unreadable' | 'over' | 'gone';

const AT_A_TIME = 64;
/** Each time the call has changed hands meanwhile. */
const MOST_ATTEMPTS = 3;
