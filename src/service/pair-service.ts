import type { Call, KeyWatch } from '../call/call.js';
import { withKeyWatch } from '../call/keys.js';
import { findPair, opposite, streamOf } from '../call/pairs.js';
import type { Client } from '../command/command.js';
import type {
  PairCommand,
  PairDeleteCommand,
  PairFollowUp,
  PairMediaCommand,
  PairOutcome,
  PairQueryCommand,
  PairReply,
  PairUpdateCommand,
} from '../command/pair.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { describePair } from '../call/pair-statistics.js';
import type { Facts } from '../negotiation/facts.js';
import { detach } from '../sdp/detach.js';
import { deletePairs } from '../negotiation/pair-deletion.js';
import type { PairRules } from '../negotiation/pair-places.js';
import { withPairTap } from '../negotiation/pair-taps.js';
import { changedCall, completePair, type PairStep, updatePair } from '../negotiation/pairs.js';
import { planOf } from '../negotiation/plan.js';
import { withRecording } from '../negotiation/recording.js';
import type { Admission } from './admission.js';
import { dataPlaneFailure } from './failures.js';
import type { Keeper, KeeperParts } from './keeper.js';
import { PairCounts, type PairCountsParts } from './pair-counts.js';
import { DataPlaneError, type Routes } from './ports.js';
import type { Recordings } from './recordings.js';

export type PairServiceParts = KeeperParts &
  PairCountsParts & {
    readonly routes: Routes;
    readonly pairRules: PairRules;
    readonly admission: Pick<Admission, 'during' | 'refusal'>;
    readonly facts: () => Facts;
    readonly recordings: Pick<Recordings, 'prepare' | 'withdraw' | 'change' | 'changed'>;
  };

/** What a follow-up is about: the party that asks, or in an answer the other one. */
type Named = {
  readonly callId: string;
  readonly fromTag: string;
  readonly toTag?: string;
  readonly side?: 'offer' | 'answer';
};

/** Carries out commands about pairs of streams. */
export class PairService {
  readonly #parts: PairServiceParts;
  readonly #keeper: Keeper;
  readonly counts: PairCounts;

  constructor(parts: PairServiceParts, keeper: Keeper) {
    this.#parts = parts;
    this.#keeper = keeper;
    this.counts = new PairCounts(parts);
  }

  async handle(command: PairCommand, client: Client): Promise<PairReply> {
    const reply = await this.#execute(command, client);
    if (reply.kind === 'failure') this.#parts.events.commandRefused(command, reply);
    return reply;
  }

  #execute(command: PairCommand, client: Client): Promise<PairReply> | PairReply {
    const { registry } = this.#parts;
    switch (command.kind) {
      case 'update pair':
        return registry.run(command.callId, () => this.#update(command, client));
      case 'delete pairs':
        return registry.run(command.callId, () => this.#delete(command));
      case 'query pair':
        return registry.run(command.callId, () => this.#query(command));
      case 'pair media':
        return registry.run(command.callId, () => this.#media(command));
      case 'delete all pairs':
        return this.#deleteAll();
      case 'pair counters':
        return this.counts.read();
    }
  }

  async #update(command: PairUpdateCommand, client: Client): Promise<PairReply> {
    const { admission } = this.#parts;
    const before = this.#keeper.find(command.callId);
    if (before !== undefined || command.side === 'answer') return this.#carryOut(command, client, before);
    const refusal = admission.refusal(command.callId);
    if (refusal !== undefined) return refusal.failure;
    return admission.during(() => this.#carryOut(command, client, undefined));
  }

  async #carryOut(command: PairUpdateCommand, client: Client, before: Call | undefined): Promise<PairReply> {
    const end = await this.#routed(command);
    if (end.kind === 'failure') return end;
    const reply = await this.#apply(end, client, before);
    if (reply.kind !== 'port') return reply;
    const after = await this.#followUp(end, end.after, client);
    return { ...reply, after };
  }

  async #apply(command: PairUpdateCommand, client: Client, before: Call | undefined): Promise<PairReply> {
    const { events, facts, pairRules } = this.#parts;
    const updated = updatePair(before, command, client, facts(), pairRules);
    if (updated.kind !== 'step') return updated;
    const step = before === undefined ? await this.#recorded(updated) : updated;
    if (step.kind === 'failure') return step;
    if (command.options.repacketiseMs !== undefined)
      events.commandWarning(command.callId, 'media is not repacketised');
    const bound = await this.#keeper.apply(step.plan, before);
    if (bound instanceof DataPlaneError) {
      this.#parts.recordings.withdraw(step.call, before);
      return dataPlaneFailure(bound);
    }
    const { call, port } = completePair(step, bound, facts());
    this.#keeper.store(call, before);
    this.counts.updated(before, call);
    await this.#parts.recordings.changed(call, before);
    if (before === undefined) events.callCreated(call.callId, client);
    return { ...port, after: [] };
  }

  /** A new call, with its recording if every call has one. */
  async #recorded(step: PairStep): Promise<PairStep | CommandFailure> {
    const facts = this.#parts.facts();
    if (facts.defaults.recording?.everyCall !== true) return step;
    const recorded = withRecording(step.call, 'start', {}, facts);
    if ('kind' in recorded) return recorded;
    const call = await this.#parts.recordings.prepare(recorded, undefined);
    return 'kind' in call ? call : { ...step, call, plan: planOf(call) };
  }

  /** Looks up the address that leads to where the command says. */
  async #routed(command: PairUpdateCommand): Promise<PairUpdateCommand | CommandFailure> {
    const { local } = command.options;
    if (local?.kind !== 'route') return command;
    const address = await this.#parts.routes.sourceTowards(local.towards);
    if (address === undefined) return failure('noRoute', `no route to ${local.towards}`);
    return { ...command, options: { ...command.options, local: { kind: 'address', address } } };
  }

  async #delete(command: PairDeleteCommand): Promise<PairReply> {
    const refused = await this.#deletePairs(command.callId, command);
    return refused ?? { kind: 'done' };
  }

  async #deletePairs(
    callId: string,
    named: Pick<PairDeleteCommand, 'fromTag' | 'toTag' | 'weak'>,
  ): Promise<CommandFailure | undefined> {
    const call = this.#keeper.find(callId);
    if (call === undefined) return UNKNOWN;
    const deletion = deletePairs(call, named, this.#parts.facts());
    switch (deletion.kind) {
      case 'notFound':
        return UNKNOWN;
      case 'call':
        await this.#keeper.end(call, 'deleted');
        return undefined;
      case 'changed': {
        // Asked for first: a pair that goes takes its counters along.
        const media = deletion.gone.length === 0 ? null : await this.#keeper.stats(callId);
        await this.#keeper.insist(deletion.call, call);
        this.counts.ended(call, deletion.gone, media);
        return undefined;
      }
    }
  }

  async #query(command: PairQueryCommand): Promise<PairReply> {
    const call = this.#keeper.find(command.callId);
    const found = call && findPair(call, command);
    if (call === undefined || found === undefined) return UNKNOWN;
    const media = await this.#keeper.stats(command.callId);
    const statistics = describePair(call, found, media, this.#parts.clock.now());
    const after = await this.#followUp(command, command.after, undefined);
    return { kind: 'pair statistics', statistics, after };
  }

  /** Nothing can be played yet; what asks to stop it is granted. */
  async #media(command: PairMediaCommand): Promise<PairReply> {
    const call = this.#keeper.find(command.callId);
    if (call === undefined) return UNKNOWN;
    const found = findPair(call, command);
    const { action } = command;
    switch (action.kind) {
      case 'play': {
        if (found === undefined) return UNKNOWN;
        if (action.times === 0) return { kind: 'done' };
        const listed = [found.pair.creator, found.pair.other].some((id) => codecsOf(call, id) !== '');
        if (action.sessionCodecs && !listed) return failure('noCodecs', 'the call has no list of codecs');
        return failure('notPlayed', 'playing is not supported');
      }
      case 'stopPlaying':
        return found === undefined ? UNKNOWN : { kind: 'done' };
      case 'record':
      case 'stopRecording':
      case 'copy': {
        const tapped = withPairTap(call, command, action, this.#parts.facts());
        if (tapped.kind === 'failure') return tapped;
        return tapped.call === call ? { kind: 'done' } : this.#parts.recordings.change(tapped.call, call);
      }
    }
  }

  async #deleteAll(): Promise<PairReply> {
    const { registry } = this.#parts;
    const callIds = [...registry.calls.values()].filter(({ pairs }) => pairs !== undefined);
    for (const { callId } of callIds) {
      await registry.run(callId, async () => {
        const call = this.#keeper.find(callId);
        if (call !== undefined) await this.#keeper.end(call, 'forced');
      });
    }
    return { kind: 'done' };
  }

  /** In order, until one fails. */
  async #followUp(
    named: Named,
    after: readonly PairFollowUp[],
    client: Client | undefined,
  ): Promise<readonly PairOutcome[]> {
    const outcomes: PairOutcome[] = [];
    for (const one of after) {
      const outcome = await this.#followUpOne(named, one, client);
      outcomes.push(outcome);
      if (outcome.kind === 'failed') break;
    }
    return outcomes;
  }

  async #followUpOne(named: Named, one: PairFollowUp, client: Client | undefined): Promise<PairOutcome> {
    const call = this.#keeper.find(named.callId);
    if (call === undefined) return FAILED;
    switch (one.kind) {
      case 'delete': {
        const refused = await this.#deletePairs(named.callId, { ...named, weak: one.weak });
        return refused === undefined ? SILENT : FAILED;
      }
      case 'settings': {
        const { timeoutSeconds, tos } = one;
        const settled = {
          ...call,
          ...(timeoutSeconds !== undefined && { ownTimeoutMs: timeoutSeconds * 1000 }),
          ...(tos !== undefined && { tos }),
        };
        const refused = await this.#keeper.change(changedCall(settled, this.#parts.facts()), call);
        return refused === undefined ? SILENT : FAILED;
      }
      case 'keys': {
        const { kind: _, ...wish } = one;
        const watching = watchKeys(call, named, wish);
        if (watching === undefined) return FAILED;
        const refused = await this.#keeper.change(changedCall(watching, this.#parts.facts()), call);
        return refused === undefined ? SILENT : FAILED;
      }
      case 'answer': {
        if (client === undefined) return FAILED;
        const { callId, fromTag, toTag } = named;
        const tags = { callId, fromTag, ...(toTag !== undefined && { toTag }) };
        const command: PairUpdateCommand = { ...tags, ...one, kind: 'update pair', after: [] };
        const reply = await this.#carryOut(command, client, call);
        return reply.kind === 'port' ? reply : FAILED;
      }
    }
  }
}

/** `undefined`: nobody could be told. */
function watchKeys(call: Call, named: Named, wish: Omit<KeyWatch, 'stream'>): Call | undefined {
  const found = findPair(call, named);
  if (found?.pair.notice === undefined) return undefined;
  const side = named.side === 'answer' ? opposite(found.side) : found.side;
  const tag = detach(wish.tag);
  return withKeyWatch(call, { ...wish, tag, stream: streamOf(found.pair, side) });
}

function codecsOf(call: Call, stream: number): string {
  const found = call.legs.flatMap(({ streams }) => streams).find(({ id }) => id === stream);
  return found?.inForce?.formats ?? '';
}

const UNKNOWN = failure('unknownCall', 'no such session');
const SILENT = { kind: 'silent' } as const;
const FAILED = { kind: 'failed' } as const;
