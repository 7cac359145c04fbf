import type { Clock } from '../service/ports.js';
import type { Pause } from './pause.js';
import type { CallStore, Outcome, Write } from './store.js';

export type WriteBehindParts = {
  readonly store: Pick<CallStore, 'write'>;
  /** What there is to write of a call; `undefined`: it is over. */
  readonly contentOf: (callId: string, withRecord: boolean) => CallContent | undefined;
  readonly pause: Pause;
  readonly clock: Clock;
  readonly events: {
    written(calls: number): void;
    failed(reason: string, calls: number): void;
    recovered(waiting: number): void;
  };
  /** Somebody else has the call. */
  readonly refused: (callId: string, owner: string, epoch: number) => void;
  /** Ends that were not written are to be made up for. */
  readonly endsMissed: () => void;
};

/** What is absent stays as it is stored. */
export type CallContent = {
  /** The last signalling of the call. */
  readonly signalledMs: number;
  readonly record?: Buffer;
  readonly snapshot?: Buffer;
};

/**
 * Writes calls to the store, later: each as it is when its turn comes, some at a time, one batch after the other. What waits is
 * bounded by the calls there are; ends that cannot be written are made up for by a look at what is stored.
 */
export class WriteBehind {
  readonly #parts: WriteBehindParts;
  readonly #waiting = new Map<string, Waiting>();
  /** Calls that were written, or are to be taken from others. */
  readonly #owned = new Map<string, Owned>();
  #order: number;
  #isOpen = false;
  #isDisabled = false;
  #isWriting = false;
  #flushing: Promise<void> | undefined;
  #hasMissedEnds = false;
  /** On their way to the store. */
  readonly #inFlight = new Set<string>();
  /** Those of them that were given away meanwhile. */
  readonly #disowned = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: WriteBehindParts) {
    this.#parts = parts;
    // Greater than those of an earlier process, and exact as a number.
    this.#order = parts.clock.now() * 1_000;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get isDisabled(): boolean {
    return this.#isDisabled;
  }

  /** How long the oldest change has been waiting. */
  lagMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { sinceMs } of this.#waiting.values()) oldest = Math.min(oldest, sinceMs);
    return Math.max(0, this.#parts.clock.now() - Math.min(oldest, this.#parts.clock.now()));
  }

  /** With a connection to the store, or without one. */
  open(isOpen: boolean): void {
    this.#isOpen = isOpen;
    if (isOpen) this.#parts.pause.succeeded();
    this.#arm();
  }

  /** Nothing is written until it is enabled again. */
  disable(isDisabled: boolean): void {
    this.#isDisabled = isDisabled;
    this.#arm();
  }

  /** There is something new to be written of a call. */
  changed(callId: string): void {
    this.#want(callId, 'record');
  }

  /** The same of what its protection has come to. */
  advanced(callId: string): void {
    if (!this.#waiting.has(callId)) this.#want(callId, 'snapshot');
  }

  ended(callId: string): void {
    if (!this.#owned.has(callId) && !this.#isWriting) {
      // Nothing of it was ever written.
      this.#waiting.delete(callId);
      return;
    }
    if (this.#isOpen && !this.#isDisabled && !this.#parts.pause.isTroubled) {
      this.#want(callId, 'end');
      return;
    }
    this.#waiting.delete(callId);
    this.#owned.delete(callId);
    this.#hasMissedEnds = true;
  }

  /** `undefined`: nothing was ever written of the call, and nobody else is known to have had it. */
  epochOf(callId: string): number | undefined {
    return this.#owned.get(callId)?.epoch;
  }

  /** The call is this node's under this epoch. */
  own(callId: string, epoch: number): void {
    this.#disowned.delete(callId);
    this.#owned.set(callId, { epoch, writtenMs: 0 });
  }

  /** Of a write of this node that is the latest of all so far. */
  nextOrder(): number {
    this.#order += 1;
    return this.#order;
  }

  /** Ends a call that is stored under this epoch, and is not there any more. */
  endStored(callId: string, epoch: number): void {
    this.own(callId, epoch);
    this.#want(callId, 'end');
  }

  /** The call is somebody else's: nothing of it is written. */
  disown(callId: string): void {
    this.#owned.delete(callId);
    this.#waiting.delete(callId);
    if (this.#inFlight.has(callId)) this.#disowned.add(callId);
  }

  isWaiting(callId: string): boolean {
    return this.#waiting.has(callId);
  }

  /** What is stored of calls not written for so long is written again, before the store forgets it. */
  refresh(olderThanMs: number): void {
    const before = this.#parts.clock.now() - olderThanMs;
    for (const [callId, { writtenMs }] of this.#owned) if (writtenMs < before) this.changed(callId);
  }

  /** Until everything is written, or nothing more can be. */
  async settled(): Promise<void> {
    while ((this.#waiting.size > 0 || this.#isWriting) && this.#mayWrite()) {
      if (this.#flushing === undefined) this.#begin();
      await this.#flushing;
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#isOpen = false;
  }

  #want(callId: string, what: Waiting['what']): void {
    const sinceMs = this.#waiting.get(callId)?.sinceMs ?? this.#parts.clock.now();
    this.#waiting.set(callId, { what, sinceMs });
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#flushing !== undefined || !this.#hasWork) return;
    if (!this.#isOpen || this.#isDisabled) return;
    const { pause, clock } = this.#parts;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (this.#flushing === undefined) this.#begin();
      },
      Math.max(GATHERING_MS, pause.remaining(clock.now())),
    );
  }

  #begin(): void {
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined;
      this.#arm();
    });
  }

  async #flush(): Promise<void> {
    this.#isWriting = true;
    while (this.#hasWork && this.#mayWrite() && (await this.#writeBatch()));
    this.#isWriting = false;
  }

  get #hasWork(): boolean {
    return this.#waiting.size > 0 || this.#hasMissedEnds;
  }

  #mayWrite(): boolean {
    const { pause, clock } = this.#parts;
    return this.#isOpen && !this.#isDisabled && pause.remaining(clock.now()) === 0;
  }

  /** False if there is no use in going on at once. Never rejects. */
  async #writeBatch(): Promise<boolean> {
    const { store, clock, pause, events } = this.#parts;
    const batch = this.#nextBatch();
    const writes = batch.map(({ write }) => write);
    // Nothing to be written: it is only to be told that ends were missed.
    const outcomes = writes.length === 0 ? [] : await store.write(writes).catch(failedAll(writes));
    let failure: string | undefined;
    let written = 0;
    for (const [index, { write, waiting }] of batch.entries()) {
      this.#inFlight.delete(write.callId);
      if (this.#disowned.delete(write.callId)) continue;
      const outcome = outcomes[index] ?? { kind: 'failed', reason: 'no answer' };
      if (outcome.kind === 'failed') {
        failure ??= outcome.reason;
        this.#putBack(write.callId, waiting);
      } else if (outcome.kind === 'stale') {
        this.#order = Math.max(this.#order, outcome.order);
        this.#putBack(write.callId, waiting);
      } else {
        written += 1;
        this.#settle(write, outcome);
      }
    }
    if (written > 0) events.written(written);
    if (failure !== undefined) {
      events.failed(failure, batch.length - written);
      pause.failed(clock.now());
      return false;
    }
    if (batch.length > 0) {
      const wasTroubled = pause.isTroubled;
      pause.succeeded();
      if (wasTroubled) events.recovered(this.#waiting.size);
    }
    if (this.#hasMissedEnds) {
      this.#hasMissedEnds = false;
      this.#parts.endsMissed();
    }
    return true;
  }

  /** A call that cannot be encoded is left out, until it changes. */
  #nextBatch(): readonly Sent[] {
    const batch: Sent[] = [];
    for (const [callId, waiting] of [...first(this.#waiting, BATCH)]) {
      this.#waiting.delete(callId);
      try {
        batch.push({ write: this.#writeOf(callId, waiting.what), waiting });
        this.#inFlight.add(callId);
      } catch (error) {
        this.#parts.events.failed(error instanceof Error ? error.message : String(error), 1);
      }
    }
    return batch;
  }

  #writeOf(callId: string, what: Waiting['what']): Write {
    const owned = this.#owned.get(callId);
    const epoch = owned?.epoch ?? 1;
    const isNew = owned === undefined;
    // Though one of its name has ended, there may be another.
    const content = this.#parts.contentOf(callId, isNew || what !== 'snapshot');
    if (content === undefined) return { kind: 'end', callId, epoch };
    return { kind: 'call', callId, epoch, order: this.nextOrder(), isNew, ...content };
  }

  #putBack(callId: string, { what, sinceMs }: Waiting): void {
    const newer = this.#waiting.get(callId)?.what ?? what;
    this.#waiting.set(callId, { what: STRENGTH[newer] > STRENGTH[what] ? newer : what, sinceMs });
  }

  #settle(write: Write, outcome: Extract<Outcome, { kind: 'written' | 'refused' }>): void {
    const { callId } = write;
    if (outcome.kind === 'refused') {
      if (write.kind === 'call' && write.isNew) this.#claim(write, outcome);
      else this.#giveUp(callId, outcome);
    } else if (write.kind === 'end') {
      if (!this.#waiting.has(callId)) this.#owned.delete(callId);
    } else {
      this.#owned.set(callId, { epoch: outcome.epoch, writtenMs: this.#parts.clock.now() });
    }
  }

  /**
   * Signalling has come to two nodes before either could say that the call was there: it is of the one that it came to last. Not of
   * one that was cut off with the call's first message and has only heard of the others now.
   */
  #claim({ callId, signalledMs = 0 }: CallWrite, holder: Refusal): void {
    if (this.#waiting.get(callId)?.what === 'end' || this.#isOver(callId)) {
      // Short, and never known to anybody: what is stored is another's.
      this.#waiting.delete(callId);
      this.#owned.delete(callId);
    } else if (signalledMs <= holder.signalledMs) this.#giveUp(callId, holder);
    else {
      this.own(callId, holder.epoch + 1);
      this.#want(callId, 'record');
    }
  }

  #giveUp(callId: string, { owner, epoch }: Refusal): void {
    this.disown(callId);
    this.#parts.refused(callId, owner, epoch);
  }

  #isOver(callId: string): boolean {
    try {
      return this.#parts.contentOf(callId, false) === undefined;
    } catch {
      return false;
    }
  }
}

type CallWrite = Extract<Write, { kind: 'call' }>;
type Refusal = Extract<Outcome, { kind: 'refused' }>;
type Sent = { readonly write: Write; readonly waiting: Waiting };
type Waiting = { readonly what: 'record' | 'snapshot' | 'end'; readonly sinceMs: number };
type Owned = { readonly epoch: number; readonly writtenMs: number };

function failedAll(writes: readonly Write[]): (error: unknown) => readonly Outcome[] {
  return (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    return writes.map(() => ({ kind: 'failed', reason }));
  };
}

function* first<K, V>(map: ReadonlyMap<K, V>, count: number): Iterable<[K, V]> {
  let taken = 0;
  for (const entry of map) {
    if (taken++ >= count) return;
    yield entry;
  }
}

/** Of what is to be written of one call the greatest is. */
const STRENGTH = { snapshot: 0, record: 1, end: 2 };
/** What comes soon after each other is written once: an offer's call and the addresses that are learned at once. */
const GATHERING_MS = 5;
/** Encoding one call takes some tens of microseconds, and signalling waits meanwhile. */
const BATCH = 32;
