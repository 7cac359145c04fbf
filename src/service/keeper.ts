import type { Call } from '../call/call.js';
import { nextDeadline } from '../call/lifecycle.js';
import { placesOf } from '../call/places.js';
import { ofParties } from '../call/subscriptions.js';
import type { BoundLocal, SessionPlan, SessionStats } from '../dataplane/protocol.gen.js';
import { fittingPlan } from '../negotiation/negotiate.js';
import { planOf } from '../negotiation/plan.js';
import type { Pattern } from '../pattern/pattern.js';
import { Repeat } from '../pattern/repeat.js';
import type { EndReason } from '../observability/counters.js';
import type { Events } from '../observability/events.js';
import type { Attachment } from './attachment.js';
import { Deadlines } from './deadlines.js';
import { outcomeUnknown } from './failures.js';
import {
  type Clock,
  type DataPlane,
  DataPlaneError,
  type DetailRecorder,
  type WrittenPlan,
} from './ports.js';
import { callOf, type CallRegistry } from './registry.js';

type Places = ReturnType<typeof placesOf>;

export type KeeperParts = {
  readonly dataPlane: DataPlane;
  readonly attachment: Attachment;
  readonly registry: CallRegistry;
  readonly events: Events;
  readonly clock: Clock;
  /** Absent: no records are kept. */
  readonly keepDetails?: DetailRecorder;
};

/** Keeps each call, its session in the data plane and its deadline in step. */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #deadlines: Deadlines;
  /** Repeats of a pattern do not differ in that. */
  readonly #places = new WeakMap<Pattern, Places>();
  readonly #ended: (call: Call, reason: EndReason, media: SessionStats | null) => void;

  /** `due` is told when a call may have come to a deadline, `ended` when it is over. */
  constructor(
    parts: KeeperParts,
    due: (callId: string) => void,
    ended: (call: Call, reason: EndReason, media: SessionStats | null) => void = () => {},
  ) {
    this.#parts = parts;
    this.#ended = ended;
    this.#deadlines = new Deadlines(parts.clock.now, due);
  }

  find(callId: string): Call | undefined {
    return this.#parts.registry.find(callId);
  }

  /** Stores the call and watches its deadline. */
  store(held: Call | Repeat, before: Call | Repeat | undefined): void {
    this.#parts.registry.set(held);
    if (held instanceof Repeat && !held.pattern.hasDeadline) return;
    const call = callOf(held);
    const deadline = nextDeadline(call);
    if (deadline === undefined || (before !== undefined && nextDeadline(callOf(before)) === deadline)) return;
    this.#deadlines.add(deadline, call.callId);
  }

  /** Makes a change that opens no ports. If it is refused, everything stays as it was. */
  async change(call: Call, before: Call, plan = planOf(call)): Promise<DataPlaneError | undefined> {
    const applied = await this.apply(plan, before);
    if (applied instanceof DataPlaneError) return applied;
    this.store(call, before);
    return undefined;
  }

  /** Makes a change that opens no ports and must happen, whatever the data plane says to it. */
  async insist(wanted: Call, before: Call): Promise<void> {
    const { call, plan } = fittingPlan(wanted) ?? { call: wanted, plan: undefined };
    const refused = await this.change(call, before, plan);
    if (refused !== undefined) this.#storeAhead(call, before);
  }

  /**
   * Applies a plan once calls and data plane agree. A plan that was under way when the connection broke is sent
   * again: applying twice is the same as applying once.
   */
  async apply(
    plan: SessionPlan | WrittenPlan,
    before: Call | Repeat | undefined,
  ): Promise<readonly BoundLocal[] | DataPlaneError> {
    const { attachment, dataPlane, events } = this.#parts;
    const patienceEndsMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        if (!attachment.isReady) await attachment.ready(patienceEndsMs - performance.now());
        return await dataPlane.apply(plan);
      } catch (error) {
        if (!(error instanceof DataPlaneError)) throw error;
        // What this was decided from is no longer so: whoever has the call's turn decides again.
        if (error.detail.code === 'overtaken') throw error;
        if (error.detail.code === 'disconnected' && performance.now() < patienceEndsMs) continue;
        events.applyFailed(plan.session, error);
        if (outcomeUnknown(error)) this.#takeBack(plan, before);
        else if (error.detail.code === 'stalePlan' && before !== undefined) {
          this.store({ ...callOf(before), revision: error.detail.current }, before);
        }
        return error;
      }
    }
  }

  /** Forgets the call and ends its session. */
  async end(call: Call, reason: EndReason): Promise<SessionStats | null> {
    const media = await this.endUntold(call, reason);
    this.#ended(call, reason, media);
    return media;
  }

  /** The same for a call whose end nobody else is told of. */
  async endUntold(held: Call | Repeat, reason: EndReason): Promise<SessionStats | null> {
    this.#parts.registry.remove(held.callId);
    const media = await this.release(held.callId);
    this.#over(held, reason, media);
    return media;
  }

  /** Leaves the call to somebody else. */
  async surrender(callId: string): Promise<SessionStats | null> {
    const { events, registry } = this.#parts;
    registry.remove(callId);
    events.callLeft(callId);
    return this.release(callId);
  }

  /** Forgets a call whose session the data plane has ended, as a client wanted. */
  forget(held: Call | Repeat, media: SessionStats): void {
    this.#parts.registry.remove(held.callId);
    this.#over(held, 'deleted', media);
  }

  async release(callId: string): Promise<SessionStats | null> {
    try {
      return await this.#parts.dataPlane.release(callId);
    } catch (error) {
      // When the connection is back, sessions nobody knows are released.
      this.#parts.events.releaseFailed(callId, error);
      return null;
    }
  }

  /** `null` if the data plane does not answer, or has no such session. */
  async stats(callId: string): Promise<SessionStats | null> {
    try {
      const [stats] = await this.#parts.dataPlane.stats([callId]);
      return stats ?? null;
    } catch (error) {
      if (error instanceof DataPlaneError) return null;
      throw error;
    }
  }

  close(): void {
    this.#deadlines.close();
  }

  #over(held: Call | Repeat, reason: EndReason, media: SessionStats | null): void {
    const { events, clock, keepDetails } = this.#parts;
    const endedMs = clock.now();
    const ofThem = held instanceof Repeat ? media : ofParties(held, media);
    events.callEnded(held, reason, endedMs, ofThem);
    if (ofThem?.streams.some(({ ingress }) => ingress.length > 0))
      events.qualityMeasured(this.#placesOf(held), ofThem);
    keepDetails?.(callOf(held), reason, media, endedMs);
  }

  #placesOf(held: Call | Repeat): Places {
    if (!(held instanceof Repeat)) return placesOf(held);
    const known = this.#places.get(held.pattern) ?? placesOf(held.call());
    this.#places.set(held.pattern, known);
    return known;
  }

  /**
   * Stores a change the data plane did not take, for what must happen all the same: the end of something. The data
   * plane is told once more, after what took the change back; else it learns of it when the connection comes back.
   */
  #storeAhead(call: Call, before: Call): void {
    const { dataPlane, attachment } = this.#parts;
    const revision = Math.max(call.revision, (this.find(call.callId)?.revision ?? 0) + 1);
    const ahead = { ...call, revision };
    this.store(ahead, before);
    if (attachment.isReady) dataPlane.apply(planOf(ahead)).catch(() => {});
  }

  /** Undoes a plan that may have been carried out. Without a connection, attaching compares revisions instead. */
  #takeBack(plan: SessionPlan | WrittenPlan, before: Call | Repeat | undefined): void {
    const { dataPlane, attachment } = this.#parts;
    if (before !== undefined) {
      const restored = { ...callOf(before), revision: plan.revision + 1 };
      this.store(restored, before);
      if (attachment.isReady) dataPlane.apply(planOf(restored)).catch(() => {});
    } else if (attachment.isReady) {
      dataPlane.release(plan.session).catch(() => {});
    }
  }
}

/** Less than the two seconds in which a SIP proxy repeats a command twice. */
const PATIENCE_MS = 1_500;
