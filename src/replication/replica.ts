import type { Call } from '../call/call.js';
import type { StreamSnapshot } from '../dataplane/protocol.gen.js';
import type { Events } from '../observability/events.js';
import type { Clock } from '../service/ports.js';
import { decodeCall, encodeCall } from '../store/call-codec.js';
import { encodeSnapshot, type InheritedSnapshot, inheritedSnapshot } from '../store/snapshot-record.js';
import { Follower } from './follower.js';
import { ForeignCalls } from './foreign-calls.js';
import { Heartbeat } from './heartbeat.js';
import { Pause, type PauseRules } from './pause.js';
import { Progress } from './progress.js';
import { Restoration } from './restoration.js';
import type { Seal } from './seal.js';
import { Renewal } from './renewal.js';
import { settle, type SettlementParts, sweep } from './settlement.js';
import type { CallStore, Holder, Stored, StoreListener, Write } from './store.js';
import { type CallContent, WriteBehind } from './write-behind.js';

export type ReplicaParts = PauseRules & {
  readonly openStore: (listener: StoreListener) => CallStore;
  readonly node: string;
  readonly keyspace: number;
  readonly follow: 'all' | readonly number[];
  readonly leaseMs: number;
  readonly connectTimeoutMs: number;
  readonly expireMs: number;
  readonly seal: Seal;
  readonly clock: Clock;
  readonly events: Events;
  /** The start of the data plane. */
  readonly boot: () => string;
  /** The start of this host. */
  readonly host: string;
  readonly calls: { readonly callIds: Iterable<string>; find(callId: string): Call | undefined };
  readonly snapshotOf: (callId: string) => readonly StreamSnapshot[] | undefined;
  /** Forgets a call that is another node's. */
  readonly surrender: (callId: string) => Promise<void>;
  /** Goes on with calls of this node from before its restart. */
  readonly restore: (callIds: readonly string[]) => Promise<void>;
  /** There are calls of others, or none any more. */
  readonly foreignChanged: (calls: number) => void;
  /** To be looked at after each beat. */
  readonly beaten: () => void;
};

export type Inherited = { readonly call: Call } & InheritedSnapshot;

/** This node's calls as other nodes know them, and theirs as this one does. */
export class Replica {
  readonly #parts: ReplicaParts;
  readonly #store: CallStore;
  readonly #pause: Pause;
  readonly #writer: WriteBehind;
  readonly #follower: Follower;
  readonly #heartbeat: Heartbeat;
  readonly #progress: Progress;
  readonly #restoration: Restoration;
  /** Calls the data plane had when this process began; until it is known whose they are. */
  readonly #adopted = new Set<string>();
  readonly foreign: ForeignCalls;
  readonly renewal: Renewal;
  /** Whose calls are kept; `all`, or keyspaces. */
  #follow: ReadonlySet<number> | 'all';
  #connection = 0;
  #isConnected = false;
  #isAttached = false;
  #hasSettled = false;
  #isSettled = false;
  #following: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #timers: NodeJS.Timeout[] = [];
  readonly #leaving = new Set<string>();
  readonly #begun = deferred();
  readonly #connectedOnce = deferred();
  /** Why there is no connection. */
  #trouble = 'no answer';

  constructor(parts: ReplicaParts) {
    const { node, events, clock } = parts;
    this.#parts = parts;
    this.#follow = parts.follow === 'all' ? 'all' : new Set(parts.follow);
    this.foreign = new ForeignCalls(parts.foreignChanged);
    this.#pause = new Pause(parts);
    this.#store = parts.openStore({
      connected: () => this.#connected(),
      disconnected: (reason) => this.#disconnected(reason),
    });
    this.#writer = new WriteBehind({
      store: this.#store,
      contentOf: (callId, withRecord) => this.#contentOf(callId, withRecord),
      pause: this.#pause,
      clock,
      events: {
        written: events.replicaWritten,
        failed: events.replicaFailed,
        recovered: events.replicaRecovered,
      },
      refused: (callId, owner, epoch) => {
        events.replicaRefused(callId, owner, epoch);
        void this.#parts.surrender(callId);
      },
      endsMissed: () => void this.#sweep(),
    });
    this.#follower = new Follower({
      store: this.#store,
      node,
      foreign: this.foreign,
      follows: (keyspace) => this.#follow === 'all' || this.#follow.has(keyspace),
      takenElsewhere: (callId, holder) => this.#takenElsewhere(callId, holder),
      clock,
      complete: () => events.foreignKnown(this.foreign.size),
    });
    this.renewal = new Renewal({
      store: this.#store,
      node,
      foreign: this.foreign,
      isOpen: () => this.#isSettled,
      now: clock.now,
    });
    this.#heartbeat = new Heartbeat({
      store: this.#store,
      node,
      note: () => this.#note,
      leaseMs: parts.leaseMs,
      clock,
      silent: events.nodeSilent,
    });
    this.#progress = new Progress(clock);
    this.#restoration = new Restoration({
      store: this.#store,
      node,
      foreign: this.foreign,
      restore: parts.restore,
    });
  }

  start(): void {
    const { leaseMs, expireMs } = this.#parts;
    this.#timers = [
      setInterval(() => void this.#followOthers(), FOLLOW_MS),
      setInterval(() => void this.#beat(), leaseMs / 3),
      setInterval(() => this.#writer.refresh(expireMs / 3), Math.min(REFRESH_MS, expireMs / 6)),
    ];
  }

  /** Writes what waits, as far as that can be done soon. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#retry);
    await Promise.race([this.#writer.settled(), elapsed(LAST_WRITES_MS)]);
    this.#writer.close();
    this.#store.close();
  }

  /** Calls and data plane agree for the first time: what is stored can be compared with what there is. */
  attached(): void {
    if (this.#isAttached) return;
    this.#isAttached = true;
    for (const callId of this.#parts.calls.callIds) this.#adopted.add(callId);
    this.#begin();
  }

  /** Resolves when the calls from before a restart are back and those of others known, or when that is not to be waited for. */
  async begun(): Promise<void> {
    if ((await this.reached()) === undefined) await Promise.race([this.#begun.promise, elapsed(RESTORE_MS)]);
  }

  /** Resolves with what is wrong if there is no connection in time. */
  async reached(): Promise<string | undefined> {
    const isThere = this.#connectedOnce.promise.then(() => true);
    const patience = elapsed(this.#parts.connectTimeoutMs + CONNECT_MARGIN_MS);
    return (await Promise.race([isThere, patience])) === true ? undefined : this.#trouble;
  }

  changed(callId: string): void {
    const foreign = this.foreign.size > 0 ? this.foreign.get(callId) : undefined;
    if (foreign !== undefined) {
      this.foreign.remove(callId);
      this.#writer.own(callId, foreign.epoch + 1);
    }
    this.#writer.changed(callId);
  }

  removed(callId: string): void {
    this.#adopted.delete(callId);
    if (this.#leaving.delete(callId)) this.#writer.disown(callId);
    else this.#writer.ended(callId);
  }

  /** The call is about to be forgotten here, and goes on elsewhere. */
  leave(callId: string): void {
    this.#leaving.add(callId);
  }

  /** What the data plane said of its protected calls. */
  saved(sessions: ReadonlyMap<string, readonly StreamSnapshot[]>): void {
    for (const callId of this.#progress.due(sessions)) {
      if (this.#parts.calls.find(callId) !== undefined) this.#writer.advanced(callId);
    }
  }

  /** A call of another node, to go on with or to look at; `undefined`: it cannot be read. */
  inherited(callId: string): Inherited | undefined {
    const stored = this.foreign.get(callId);
    if (stored === undefined) return undefined;
    const { seal, clock } = this.#parts;
    const record = seal.open(stored.record, callId);
    const call = record === undefined ? undefined : decodeCall(record);
    if (call === undefined || call.callId !== callId) return undefined;
    const saved = stored.snapshot && (seal.open(stored.snapshot, callId) ?? '');
    return { call, ...inheritedSnapshot(saved, clock.now()) };
  }

  /** Gives a stored call up for good: it is over, or of no use. */
  discard(callId: string): void {
    const stored = this.foreign.get(callId);
    if (stored === undefined) return;
    this.foreign.remove(callId);
    this.#parts.events.callLeft(callId);
    this.#writer.endStored(callId, stored.epoch + 1);
  }

  /** The call's node lives, as far as is known. */
  isHeld(callId: string): boolean {
    const owner = this.foreign.get(callId)?.owner;
    return owner !== undefined && owner !== this.#parts.node && this.#heartbeat.silentMs(owner) === 0;
  }

  silentMs(node: string): number {
    return this.#heartbeat.silentMs(node);
  }

  /** Writes calls as they are now, to be left to others; those that are written. */
  async laidDown(callIds: readonly string[]): Promise<readonly Stored[]> {
    if (!this.#isSettled || this.#writer.isDisabled) return [];
    const { node, keyspace } = this.#parts;
    const writes = callIds.flatMap((callId) => this.#layingDown(callId));
    const outcomes = await this.#store.write(writes).catch((error: unknown) => {
      this.#parts.events.replicaUnsettled(error);
      return [];
    });
    return writes.flatMap(({ callId, record, snapshot }, index): readonly Stored[] => {
      const outcome = outcomes[index];
      if (outcome?.kind === 'written')
        return [{ callId, owner: node, epoch: outcome.epoch, keyspace, record, snapshot }];
      // It may be written and the answer lost: it goes on here, and is to be stored so.
      this.#writer.changed(callId);
      return [];
    });
  }

  #layingDown(callId: string): readonly (Extract<Write, { kind: 'call' }> & { readonly record: Buffer })[] {
    const { record, ...rest } = this.#contentOf(callId, true) ?? {};
    if (record === undefined) return [];
    const known = this.#writer.epochOf(callId);
    const at = { callId, epoch: known ?? 1, order: this.#writer.nextOrder(), isNew: known === undefined };
    return [{ kind: 'call', ...at, record, ...rest, isLaidDown: true }];
  }

  /** A call that is laid down is about to be forgotten here. */
  layDown(stored: Stored): void {
    this.leave(stored.callId);
    this.foreign.set(stored, this.#parts.clock.now());
  }

  get keyspaces(): readonly number[] | 'all' {
    return this.#follow === 'all' ? 'all' : [...this.#follow];
  }

  /** False: it is followed already, or was not. */
  followKeyspace(keyspace: number, on: boolean): boolean {
    const followed = this.#follow === 'all' ? new Set<number>() : new Set(this.#follow);
    if (this.#follow === 'all' && on) return false;
    if (on ? followed.has(keyspace) : !followed.delete(keyspace)) return false;
    if (on) followed.add(keyspace);
    this.#follow = followed;
    this.#follower.restart();
    return true;
  }

  get pauseRules(): PauseRules {
    return this.#pause.rules;
  }

  adjust(rules: PauseRules): void {
    this.#pause.adjust(rules);
  }

  disable(isDisabled: boolean): void {
    this.#writer.disable(isDisabled);
  }

  get state() {
    return {
      isConnected: this.#isSettled,
      waiting: this.#writer.waiting,
      lagMs: this.#writer.lagMs(),
      foreign: this.foreign.size,
    };
  }

  get #note() {
    const { keyspace, boot, host } = this.#parts;
    return { keyspace, boot: this.#restoration.former ?? boot(), host };
  }

  #connected(): void {
    this.#connection += 1;
    this.#isConnected = true;
    this.#connectedOnce.resolve();
    this.#begin();
  }

  #disconnected(reason: string): void {
    const { events } = this.#parts;
    if (this.#isConnected) events.replicaDisconnected(reason);
    else if (this.#connection === 0 && this.#trouble !== reason) events.replicaAwaited(reason);
    this.#trouble = reason;
    this.#isConnected = false;
    this.#isSettled = false;
    clearTimeout(this.#retry);
    this.#writer.open(false);
  }

  #begin(): void {
    if (!this.#isConnected || !this.#isAttached) return;
    clearTimeout(this.#retry);
    const connection = this.#connection;
    this.#settle(connection).catch((error: unknown) => {
      this.#parts.events.replicaUnsettled(error);
      this.#begun.resolve();
      if (connection === this.#connection && this.#isConnected)
        this.#retry = setTimeout(() => this.#begin(), RETRY_MS);
    });
  }

  async #settle(connection: number): Promise<void> {
    const { calls, events } = this.#parts;
    await settle(this.#settlement, !this.#hasSettled);
    if (connection !== this.#connection || !this.#isConnected) return;
    this.#hasSettled = true;
    this.#adopted.clear();
    this.#isSettled = true;
    this.#heartbeat.connected();
    const own = [...calls.callIds];
    for (const callId of own) this.#writer.changed(callId);
    this.#writer.open(true);
    this.#follower.restart();
    events.replicaConnected(own.length);
    const followed = this.#followOthers();
    await this.#restoration.run();
    await followed;
    this.#begun.resolve();
    await this.#store.announce(this.#note, this.#parts.leaseMs);
  }

  get #settlement(): SettlementParts {
    const { node, leaseMs, calls, surrender, clock } = this.#parts;
    return {
      store: this.#store,
      node,
      leaseMs,
      note: () => this.#note,
      ownCalls: () => calls.callIds,
      isAdopted: (callId) => this.#adopted.has(callId),
      isOwn: (callId) => calls.find(callId) !== undefined || this.#writer.isWaiting(callId),
      foreign: this.foreign,
      restoration: this.#restoration,
      writer: this.#writer,
      surrender,
      now: clock.now,
    };
  }

  async #sweep(): Promise<void> {
    if (!this.#isSettled) return;
    await sweep(this.#settlement).catch(this.#parts.events.replicaUnsettled);
  }

  async #followOthers(): Promise<void> {
    if (!this.#isSettled) return;
    this.#following ??= this.#follower
      .round()
      // What was missed is read when the store answers again.
      .catch((error: unknown) => void (this.#isSettled && this.#parts.events.replicaUnsettled(error)))
      .finally(() => {
        this.#following = undefined;
      });
    await this.#following;
  }

  async #beat(): Promise<void> {
    const { clock, expireMs, beaten, events } = this.#parts;
    if (!this.#isSettled) return;
    try {
      await this.#heartbeat.beat();
      await this.#restoration.finish();
    } catch (error) {
      if (this.#isSettled) events.replicaUnsettled(error);
      return;
    }
    this.foreign.keepOnly((_, { seenMs }) => clock.now() - seenMs < expireMs);
    beaten();
  }

  #takenElsewhere(callId: string, { epoch }: Holder): void {
    const { calls, surrender } = this.#parts;
    const own = this.#writer.epochOf(callId);
    if (own === undefined || own >= epoch || calls.find(callId) === undefined) return;
    void surrender(callId);
  }

  #contentOf(callId: string, withRecord: boolean): CallContent | undefined {
    const { calls, seal, snapshotOf } = this.#parts;
    const call = calls.find(callId);
    if (call === undefined) return undefined;
    const streams = snapshotOf(callId);
    const snapshot = streams && encodeSnapshot(streams, this.#progress.paceOf(callId));
    return {
      signalledMs: call.lastSignalMs,
      ...(withRecord && { record: seal.seal(encodeCall(call), callId) }),
      ...(snapshot !== undefined && { snapshot: seal.seal(snapshot, callId) }),
    };
  }
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settled) => {
    resolve = settled;
  });
  return { promise, resolve: () => resolve() };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

/** How often it is asked for changes of others: what a takeover may lack, beside what was never written. */
const FOLLOW_MS = 100;
const REFRESH_MS = 60_000;
const RETRY_MS = 500;
const LAST_WRITES_MS = 1_000;
/** New calls wait so long for those from before a restart, whose ports they might be given. */
const RESTORE_MS = 10_000;
const CONNECT_MARGIN_MS = 500;
