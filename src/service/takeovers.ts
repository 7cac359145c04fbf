import type { Call } from '../call/call.js';
import { expire } from '../call/lifecycle.js';
import { describeCall } from '../call/statistics.js';
import { withInterruption } from '../call/taps.js';
import type { QueryCommand } from '../command/command.js';
import type { Reply } from '../command/reply.js';
import type { StreamSnapshot } from '../dataplane/protocol.gen.js';
import { planOf } from '../negotiation/plan.js';
import type { Events } from '../observability/events.js';
import type { TakeOverReason } from '../observability/replication.js';
import type { Keeper } from './keeper.js';
import { type Clock, DataPlaneError } from './ports.js';
import type { CallRegistry } from './registry.js';
import type { Snapshots } from './snapshots.js';

/** Calls of other nodes as they are kept here. */
export type Inheritance = {
  has(callId: string): boolean;
  ownerOf(callId: string): string;
  /** `undefined`: it cannot be read. */
  read(
    callId: string,
  ): { readonly call: Call; readonly snapshot: readonly StreamSnapshot[] | undefined } | undefined;
  /** Its node lives. */
  isHeld(callId: string): boolean;
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
  readonly events: Pick<Events, 'callTaken' | 'recordUnreadable' | 'takeOverFailed' | 'takenOver'>;
  readonly clock: Clock;
};

/** Goes on with calls of other nodes: the same ports, keys and addresses. */
export class Takeovers {
  readonly #parts: TakeoverParts;

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
    const call = inheritance.read(query.callId)?.call;
    if (call === undefined) return undefined;
    return { kind: 'statistics', statistics: describeCall(call, null, query, clock.now()) };
  }

  /** Whoever calls has the call's turn. A call that cannot be taken over stays where it is. */
  async take(callId: string, reason: TakeOverReason): Promise<Taken> {
    const { inheritance, keeper, snapshots, adopt, events, clock } = this.#parts;
    if (!inheritance.has(callId)) return 'gone';
    const inherited = inheritance.read(callId);
    if (inherited === undefined) {
      events.recordUnreadable(callId);
      return 'unreadable';
    }
    const call = withInterruption(inherited.call);
    if (expire(call, clock.now()).kind === 'call') {
      inheritance.discard(callId);
      return 'over';
    }
    if (inherited.snapshot !== undefined) snapshots.inherit(callId, inherited.snapshot);
    const bound = await keeper.apply(snapshots.resumed(planOf(call)), undefined);
    if (bound instanceof DataPlaneError) {
      events.takeOverFailed(callId, bound.detail.code);
      return 'failed';
    }
    if (!inheritance.has(callId)) {
      // It has ended meanwhile.
      await keeper.release(callId);
      return 'gone';
    }
    events.callTaken(callId, inheritance.ownerOf(callId), reason);
    adopt(call);
    return 'taken';
  }

  /** Takes over many, several at a time. */
  async takeAll(callIds: readonly string[], reason: TakeOverReason): Promise<void> {
    const { registry, events } = this.#parts;
    const started = performance.now();
    const counts: Record<Taken, number> = { taken: 0, failed: 0, unreadable: 0, over: 0, gone: 0 };
    const waiting = callIds.values();
    const work = async (): Promise<void> => {
      for (const callId of waiting) counts[await registry.run(callId, () => this.take(callId, reason))] += 1;
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
    const { gone, ...told } = counts;
    if (callIds.length > gone)
      events.takenOver({ reason, ...told, ms: Math.round(performance.now() - started) });
  }
}

export type Taken = 'taken' | 'failed' | 'unreadable' | 'over' | 'gone';

const AT_A_TIME = 64;
