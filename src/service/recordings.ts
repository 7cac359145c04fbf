import type { Call } from '../call/call.js';
import { legWithTag } from '../call/legs.js';
import { pauseText, sdpText, textTail } from '../call/recording-text.js';
import {
  isLive,
  liveRecording,
  recordingPaths,
  replaceTap,
  type Tap,
  tapsOf,
  withoutTaps,
} from '../call/taps.js';
import type { AnswerCommand, OfferCommand, RecordingCommand } from '../command/command.js';
import { type CommandFailure, failure, type Reply } from '../command/reply.js';
import type { SessionStats, TapStats } from '../dataplane/protocol.gen.js';
import type { Facts } from '../negotiation/facts.js';
import type { Step } from '../negotiation/negotiate.js';
import { planOf } from '../negotiation/plan.js';
import { controlRecording } from '../negotiation/recording.js';
import type { CopyOutcome } from '../observability/counters.js';
import type { Events } from '../observability/events.js';
import { Recent } from '../recent.js';
import { dataPlaneFailure } from './failures.js';
import type { Keeper } from './keeper.js';
import type { Clock } from './ports.js';
import type { RecordingFiles } from './recording-files.js';

/** Whoever speaks in a message whose SDP is put down. */
type Spoken =
  | Pick<OfferCommand, 'kind' | 'callId' | 'fromTag' | 'flags'>
  | Pick<AnswerCommand, 'kind' | 'callId' | 'toTag' | 'flags'>;

export type RecordingsParts = {
  /** `null`: nothing can be recorded. */
  readonly files: RecordingFiles | null;
  readonly keeper: Pick<Keeper, 'find' | 'change' | 'stats'>;
  readonly events: Pick<
    Events,
    | 'copyStarted'
    | 'copyEnded'
    | 'copyAdopted'
    | 'recordingImpossible'
    | 'commandWarning'
    | 'recordingTextFailed'
  >;
  readonly clock: Clock;
  readonly facts: () => Facts;
};

/**
 * What belongs to copies of packets beside the plan that asks for them: the texts beside recordings, and an account of
 * each of them, once. Whoever calls has the call's turn.
 */
export class Recordings {
  readonly #parts: RecordingsParts;
  /** Texts that are not left over from a former life; needed until those were looked for. */
  #own: Set<string> | undefined = new Set();
  /** Files that are written now. */
  readonly #paths = new Set<string>();
  /** Calls whose wish for a recording was answered in the log. */
  readonly #disappointed = new Recent<true>(MOST_DISAPPOINTED);

  constructor(parts: RecordingsParts) {
    this.#parts = parts;
  }

  async command(command: RecordingCommand): Promise<Reply> {
    const { keeper, facts, events } = this.#parts;
    const before = keeper.find(command.callId);
    if (before === undefined) return failure('unknownCall', 'Unknown call-id');
    if (command.action === 'start' && facts().defaults.recording === null) this.#disappoint(command.callId);
    if (command.fromTag !== undefined && (command.metadata !== undefined || command.excludes)) {
      const isKnown = legWithTag(before, command.fromTag) !== undefined;
      if (!isKnown) events.commandWarning(command.callId, 'from-tag of a recording command is unknown');
    }
    const changed = controlRecording(before, command, facts());
    if (changed.kind === 'failure') return changed;
    if (changed.call === before) return { kind: 'done' };
    return this.change(changed.call, before);
  }

  /** Has a step of a negotiation carried out, with what belongs to it if the call is, or is to be, recorded. */
  async carryOut(
    step: Step,
    command: Spoken,
    before: Call | undefined,
    carryOut: (step: Step) => Promise<Reply>,
  ): Promise<Reply> {
    if (step.call.taps === undefined && command.flags.recordCall !== 'on') return carryOut(step);
    const prepared = await this.prepare(step.call, before);
    if ('kind' in prepared) return prepared;
    const changed = prepared === step.call ? step : { ...step, call: prepared, plan: planOf(prepared) };
    const reply = await carryOut(changed).catch((error: unknown) => {
      this.withdraw(prepared, before);
      throw error;
    });
    const after = this.#parts.keeper.find(command.callId);
    if (reply.kind !== 'sdp' || after === undefined) {
      this.withdraw(prepared, before);
      return reply;
    }
    await this.changed(after, before);
    await this.#describe(after, before, command, reply.sdp);
    const recordings = recordingPaths(after);
    return recordings.length === 0 ? reply : { ...reply, recordings };
  }

  /** Makes a change of taps: prepares it, has it carried out, and accounts for what ends. */
  async change(after: Call, before: Call): Promise<CommandFailure | { readonly kind: 'done' }> {
    const prepared = await this.prepare(after, before);
    if ('kind' in prepared) return prepared;
    const refused = await this.#parts.keeper.change(prepared, before).catch((error: unknown) => {
      this.withdraw(prepared, before);
      throw error;
    });
    if (refused !== undefined) {
      this.withdraw(prepared, before);
      return dataPlaneFailure(refused);
    }
    await this.changed(prepared, before);
    return { kind: 'done' };
  }

  /** Makes room for new files, before the data plane writes them. A name that is taken is made longer. */
  async prepare(after: Call, before: Call | undefined): Promise<Call | CommandFailure> {
    let call = after;
    for (const tap of newTaps(after, before)) {
      if (tap.target.kind !== 'pcap') continue;
      const path = await this.#roomFor(tap.target.path, tap);
      if (path === undefined) return failure('badRequest', 'recording destination cannot be used');
      if (path !== tap.target.path) call = replaceTap(call, { ...tap, target: { ...tap.target, path } });
      this.#paths.add(path);
    }
    return call;
  }

  /** What was prepared is not to be. */
  withdraw(after: Call, before: Call | undefined): void {
    for (const { target } of newTaps(after, before))
      if (target.kind === 'pcap') this.#paths.delete(target.path);
  }

  /** Tells of what has begun, waits or goes on; what has stopped goes, once its counts are known. */
  async changed(after: Call, before: Call | undefined): Promise<void> {
    const { events, files, clock } = this.#parts;
    for (const tap of newTaps(after, before)) {
      events.copyStarted(after.callId, tap);
      this.#beginText(tap);
    }
    for (const tap of tapsOf(after)) {
      const old = before && tapsOf(before).find(({ id }) => id === tap.id);
      if (old === undefined || old.state === tap.state || tap.prefix === undefined || !isLive(tap)) continue;
      files?.append(tap.prefix, pauseText(tap.state === 'paused' ? 'paused' : 'resumed', clock.now()));
    }
    await this.#settle(after);
  }

  /** Puts an SDP that was sent on into the text of the call's recording. */
  async #describe(call: Call, before: Call | undefined, command: Spoken, sdp: string): Promise<void> {
    const { files, clock, keeper } = this.#parts;
    const { recordCall } = command.flags;
    const tap = liveRecording(call);
    if (tap?.prefix === undefined) {
      if (recordCall === 'on') this.#disappoint(call.callId);
      return;
    }
    const sender = legWithTag(call, command.kind === 'offer' ? command.fromTag : command.toTag);
    const isNew = before === undefined || liveRecording(before)?.id !== tap.id;
    const packets = isNew ? 0 : (copies(await keeper.stats(call.callId), tap)?.packets ?? 0);
    const remark = {
      mode: command.kind,
      label: sender?.label,
      atMs: clock.now(),
      beforePacket: packets + 1,
      sdp,
    };
    files?.append(tap.prefix, sdpText(remark));
  }

  /** Accounts for all copies of a call that has ended. */
  ended(call: Call, media: SessionStats | null, outcome?: CopyOutcome): void {
    for (const tap of tapsOf(call)) this.#finish(call, tap, copies(media, tap), outcome);
  }

  /** Takes over a call that was created before this process started. */
  adopt(call: Call): void {
    for (const tap of tapsOf(call)) {
      if (tap.target.kind === 'pcap') this.#paths.add(tap.target.path);
      this.#parts.events.copyAdopted(tap);
      this.#beginText(tap);
    }
  }

  /** What a crash has cut off between the end of a call and the end of its text, or together with its call. */
  async sweep(): Promise<void> {
    const { files, events } = this.#parts;
    if (files === null) return;
    const isOwn = (prefix: string): boolean => this.#own?.has(prefix) === true;
    const orphans = await files.orphans(isOwn).finally(() => {
      this.#own = undefined;
    });
    for (const { prefix, path, lastWrittenMs } of orphans) {
      files.finish(
        prefix,
        textTail({ createdMs: lastWrittenMs, endedMs: lastWrittenMs, metadata: undefined }),
      );
      const fileBytes = await files.sizeOf(path);
      events.copyEnded({ purpose: 'recording', outcome: 'interrupted', path, fileBytes, isOrphan: true });
    }
  }

  async #settle(call: Call): Promise<void> {
    const { keeper } = this.#parts;
    const stopped = tapsOf(call).filter((tap) => !isLive(tap));
    if (stopped.length === 0) return;
    const media = await keeper.stats(call.callId);
    const gone = withoutTaps(call, new Set(stopped.map(({ id }) => id)));
    const refused = await keeper.change({ ...gone, revision: call.revision + 1 }, call);
    // Without the data plane they are accounted for when the call ends.
    if (refused !== undefined) return;
    for (const tap of stopped) this.#finish(call, tap, copies(media, tap));
  }

  #finish(call: Call, tap: Tap, counted: TapStats | undefined, outcome = outcomeOf(tap, counted)): void {
    const { clock, events, files } = this.#parts;
    const { purpose, target, prefix, startedMs, interrupted } = tap;
    const endedMs = clock.now();
    const path = target.kind === 'pcap' ? target.path : undefined;
    if (path !== undefined) this.#paths.delete(path);
    if (path !== undefined && tap.state === 'discarded') files?.discard(prefix, path);
    else if (prefix !== undefined) {
      files?.finish(prefix, textTail({ createdMs: call.createdMs, endedMs, metadata: call.metadata }));
    }
    const seconds = Math.max(0, (endedMs - startedMs) / 1000);
    const account = { callId: call.callId, purpose, outcome, path, counted, interrupted, seconds };
    events.copyEnded(account);
  }

  #beginText({ prefix, target }: Tap): void {
    if (prefix === undefined || target.kind !== 'pcap') return;
    this.#own?.add(prefix);
    this.#parts.files?.begin(prefix, target.path);
  }

  /** A disk that stands still holds up nobody who names no file, and others not for long. */
  async #roomFor(path: string, { id, prefix }: Tap): Promise<string | undefined> {
    const { files, events, facts } = this.#parts;
    if (files === null) return undefined;
    const usual = `${facts().defaults.recording?.directory}/pcaps/`;
    // Digits nobody can foresee are in its name: there is no such file.
    const isUsual = prefix !== undefined && path.startsWith(`${usual}${prefix}`);
    try {
      const isKnown = this.#paths.has(path);
      const isFree = isUsual ? !isKnown : await inTime(isFreeBelow(files, path), PATIENCE_MS);
      if (isFree === undefined) return undefined;
      if (isFree && !isKnown) return path;
    } catch (error) {
      events.recordingTextFailed(path, error);
      return undefined;
    }
    const other = prefix?.slice(-RANDOM_DIGITS) ?? `${this.#parts.clock.now()}-${id}`;
    return path.replace(/\.pcap$/, `-${other}.pcap`);
  }

  #disappoint(callId: string): void {
    if (this.#disappointed.get(callId)) return;
    this.#disappointed.set(callId, true);
    this.#parts.events.recordingImpossible(callId, 'no directory for recordings is configured');
  }
}

/** `undefined`: it may not be there. */
async function isFreeBelow(files: RecordingFiles, path: string): Promise<boolean | undefined> {
  return (await files.makeRoom(path)) ? !(await files.isTaken(path)) : undefined;
}

function inTime<T>(work: Promise<T>, patienceMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the disk does not answer')), patienceMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function newTaps(after: Call, before: Call | undefined): readonly Tap[] {
  if (after.taps === undefined) return [];
  const known = new Set(before && tapsOf(before).map(({ id }) => id));
  return after.taps.filter(({ id }) => !known.has(id));
}

function copies(media: SessionStats | null, { id }: Tap): TapStats | undefined {
  return media?.taps?.find((counted) => counted.id === id);
}

function outcomeOf(tap: Tap, counted: TapStats | undefined): CopyOutcome {
  if (tap.state === 'discarded') return 'discarded';
  if (counted === undefined) return 'unknown';
  if (counted.failure !== null) return 'failed';
  if (counted.dropped > 0 || tap.interrupted) return 'incomplete';
  return counted.packets === 0 ? 'empty' : 'complete';
}

const MOST_DISAPPOINTED = 1024;
const RANDOM_DIGITS = 16;
const PATIENCE_MS = 1000;
