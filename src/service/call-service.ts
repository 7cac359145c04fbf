import type { Call } from '../call/call.js';
import { endNotice, lastPacketMsAgo, type Notice } from '../call/notice.js';
import { ofParties } from '../call/subscriptions.js';
import { noticesOf } from '../call/pairs.js';
import type { RelayOutcomes } from '../call/relays.js';
import { describeCall } from '../call/statistics.js';
import type {
  AnswerCommand,
  CliCommand,
  Client,
  Command,
  MediaControlCommand,
  OfferCommand,
  QueryCommand,
} from '../command/command.js';
import { failure, type Reply } from '../command/reply.js';
import type { BoundLocal, Event, SessionStats } from '../dataplane/protocol.gen.js';
import { controlMedia } from '../negotiation/control.js';
import type { CallDefaults, Facts, InterfaceFacts } from '../negotiation/facts.js';
import { complete, negotiateAnswer, negotiateOffer, type Step } from '../negotiation/negotiate.js';
import type { Counters, EndReason } from '../observability/counters.js';
import { Patterns, type RepeatedStep } from '../pattern/patterns.js';
import { Repeat } from '../pattern/repeat.js';
import { Admission, type AdmissionParts } from './admission.js';
import { Connections } from './connections.js';
import { Departures } from './departures.js';
import { dataPlaneFailure, unsupportedCommand } from './failures.js';
import { Keeper, type KeeperParts } from './keeper.js';
import { MediaEvents } from './media-events.js';
import { type NodeParts, NodeReport } from './node-statistics.js';
import { type RepetitionParts, Repetitions } from './repetitions.js';
import { PairService, type PairServiceParts } from './pair-service.js';
import { DataPlaneError, type Notifier, type PairHandler, type Random } from './ports.js';
import type { RecordingFiles } from './recording-files.js';
import { Recordings } from './recordings.js';
import { namesPeers, type PeerRoutesParts, routedOffer } from './peer-routes.js';
import { callOf } from './registry.js';
import { Relays } from './relays.js';
import { Subscriptions } from './subscriptions.js';
import { type TakeoverParts, Takeovers } from './takeovers.js';

/** What new calls, and calls at their next message, go by. */
export type CallRules = { readonly defaults: CallDefaults; readonly maxSessions: number | null };

export type CallServiceParts = KeeperParts &
  CallRules & {
    readonly counters: Counters;
    readonly random: Random;
    readonly interfaces: readonly InterfaceFacts[];
    readonly notifier: Notifier;
    /** What the data plane can do now. */
    readonly protection: () => Pick<Facts, 'capabilities' | 'certificate'>;
  } & Pick<NodeParts, 'intervals'> &
  Pick<PairServiceParts, 'routes' | 'pairRules' | 'cpuSeconds'> & {
    /** `null` or absent: nothing can be recorded. */
    readonly recordingFiles?: RecordingFiles | null;
    /** Absent: there may be any load. */
    readonly load?: AdmissionParts['load'];
    readonly repetitions?: Pick<RepetitionParts, 'reply' | 'answered'>;
    /** Absent: there are no other nodes. */
    readonly foreignCalls?: () => number;
    readonly inherits?: Pick<TakeoverParts, 'inheritance' | 'snapshots'> | undefined;
  };

/** The command line is the operator's (`control/cli`). */
export type CallCommand = Exclude<Command, CliCommand>;

/** Carries commands out: negotiation, data plane and registry meet here and nowhere else. */
export class CallService {
  readonly #parts: CallServiceParts;
  readonly #keeper: Keeper;
  readonly #media: MediaEvents;
  readonly #pairs: PairService;
  readonly recordings: Recordings;
  readonly #patterns = new Patterns(() => this.repetitions.forget());
  /** What the data plane does in this one's place. */
  readonly repetitions: Repetitions;
  readonly #relays = new Relays();
  readonly #subscriptions: Subscriptions;
  readonly #connections: Connections;
  readonly node: NodeReport;
  readonly #admission: Admission;
  readonly #departures: Departures;
  /** `undefined`: there are no other nodes. */
  readonly takeovers: Takeovers | undefined;
  #hasSwept = false;
  #hasForeign = false;
  #defaults: CallDefaults;

  constructor(parts: CallServiceParts) {
    this.#parts = parts;
    this.#defaults = parts.defaults;
    this.#admission = new Admission({ ...parts, load: parts.load ?? NO_LOAD });
    this.node = new NodeReport(parts);
    this.#keeper = new Keeper(
      parts,
      (callId) => this.#inBackground(callId, () => this.#departures.due(callId)),
      (call, reason, media) => this.#ended(call, reason, media),
    );
    this.#media = new MediaEvents(
      {
        ...parts,
        longestKeyGapMs: () => this.#defaults.longestKeyGapMs,
        record: (command) => this.recordings.command(command),
      },
      this.#keeper,
    );
    this.repetitions = new Repetitions({
      ...(parts.repetitions ?? NO_REPETITIONS),
      dataPlane: parts.dataPlane,
      attachment: parts.attachment,
      registry: parts.registry,
      events: parts.events,
      store: (call, before) => this.#keeper.store(call, before),
      ended: (call, media) => this.#keeper.forget(call, media),
      now: parts.clock.now,
    });
    this.#departures = new Departures(parts, this.#keeper, this.repetitions);
    this.recordings = new Recordings({
      files: parts.recordingFiles ?? null,
      keeper: this.#keeper,
      events: parts.events,
      clock: parts.clock,
      facts: () => this.#facts(),
    });
    this.takeovers =
      parts.inherits &&
      new Takeovers({
        ...parts.inherits,
        ...{ keeper: this.#keeper, registry: parts.registry, events: parts.events, clock: parts.clock },
        adopt: (call) => this.adopt(call),
      });
    this.#subscriptions = new Subscriptions({
      events: parts.events,
      find: (callId) => this.#keeper.find(callId),
      facts: () => this.#facts(),
      carryOut: (client, step, before) => this.#carryOut(client, step, before),
      peerRoutes: () => this.#peerRoutes(),
      insist: (after, before) => this.#keeper.insist(after, before),
    });
    this.#connections = new Connections({
      events: parts.events,
      random: parts.random,
      keeper: this.#keeper,
      recordings: this.recordings,
      admission: this.#admission,
      facts: () => this.#facts(),
      carryOut: (client, step, before) => this.#carryOut(client, step, before),
      peerRoutes: () => this.#peerRoutes(),
    });
    this.#pairs = new PairService(
      { ...parts, admission: this.#admission, facts: () => this.#facts(), recordings: this.recordings },
      this.#keeper,
    );
  }

  async handle(command: CallCommand, client: Client): Promise<Reply> {
    const reply = await this.#execute(command, client);
    if (reply.kind === 'failure') this.#parts.events.commandRefused(command, reply);
    return reply;
  }

  /** For the protocol that knows no SDP. */
  readonly handlePair: PairHandler = async (command, client) => {
    if ('callId' in command && this.takeovers?.has(command.callId))
      await this.takeovers.before(command.callId, () => {});
    return this.#pairs.handle(command, client);
  };

  /** Takes in what the data plane reports, in turn with the call's commands. */
  handleEvent(event: Event): void {
    if (event.kind === 'relay') this.#relays.note(event);
    this.#inBackground(event.session, () => this.#media.handle(event));
  }

  /** Refuses calls that do not exist yet; the others go on. */
  drain(on: boolean): void {
    this.#admission.drain(on);
    this.loadChanged();
  }

  adjust({ defaults, maxSessions }: CallRules): void {
    this.#defaults = defaults;
    this.#admission.limit(maxSessions);
    this.repetitions.forget();
    this.loadChanged();
  }

  /** What the data plane does by itself it does without asking whether there is room. */
  loadChanged(): void {
    // It does not know which calls are other nodes', either.
    this.repetitions.pause(this.#admission.isStrict || this.#hasForeign);
  }

  /** There are calls of other nodes, or none any more. */
  foreignChanged(hasForeign: boolean): void {
    this.#hasForeign = hasForeign;
    this.loadChanged();
  }

  get draining(): boolean {
    return this.#admission.draining;
  }

  /** Calls, and offers about to become some. */
  get calls(): number {
    return this.#admission.calls;
  }

  /** Tells of a call that could not be brought back. */
  lost(call: Call): void {
    const now = this.#parts.clock.now();
    const notice = endNotice(call, 'lost', now, null);
    this.#parts.keepDetails?.(call, 'lost', null, now);
    this.#parts.notifier.tell(notice);
    this.#tellTargets(call, notice);
    this.recordings.ended(call, null);
  }

  /** Takes over a call that was created before this process started. */
  adopt(call: Call): void {
    this.#keeper.store(call, undefined);
    this.recordings.adopt(call);
  }

  /** Calls and data plane agree: whose recordings go on is known now. */
  agreed(): void {
    if (this.#hasSwept) return;
    this.#hasSwept = true;
    this.recordings.sweep().catch((error: unknown) => {
      this.#parts.events.recordingTextFailed('tmp', error);
    });
  }

  /** Ends a call at once, for an operator. */
  end(callId: string): Promise<boolean> {
    return this.#parts.registry.run(callId, async () => {
      const call = this.#keeper.find(callId);
      if (call !== undefined) await this.#keeper.end(call, 'forced');
      return call !== undefined;
    });
  }

  /** Leaves a call to other nodes; `first` is run in its turn. False: there is no such call any more. */
  surrender(callId: string, first: () => void): Promise<boolean> {
    return this.#parts.registry.run(callId, async () => {
      const call = this.#keeper.find(callId);
      if (call === undefined) return false;
      first();
      this.recordings.ended(call, await this.#keeper.surrender(callId));
      return true;
    });
  }

  /** Forgets the timers. Calls stay in the data plane. */
  close(): void {
    this.#keeper.close();
  }

  #execute(command: CallCommand, client: Client): Promise<Reply> | Reply {
    switch (command.kind) {
      case 'ping':
        return { kind: 'pong' };
      case 'offer':
      case 'answer':
        return this.#inTurn(command.callId, () => this.#routed(command, client));
      case 'delete':
        return this.#inTurn(command.callId, () => this.#departures.delete(command, client));
      case 'query':
        return this.takeovers?.look(command) ?? this.#inTurn(command.callId, () => this.#query(command));
      case 'media control':
        return this.#inTurn(command.callId, () => this.#controlMedia(command));
      case 'recording':
        return this.#inTurn(command.callId, () => this.recordings.command(command));
      case 'subscribe request':
      case 'subscribe answer':
      case 'unsubscribe':
        return this.#inTurn(command.callId, () => this.#subscriptions.handle(command, client));
      case 'publish':
      case 'create':
      case 'create answer':
      case 'connect':
      case 'mesh': {
        const { callId, named } = this.#connections.named(command);
        return this.#inTurn(callId, () => this.#connections.handle(named, client));
      }
      case 'list':
        return { kind: 'calls', callIds: first(this.#parts.registry.callIds, command.limit) };
      case 'statistics':
        return this.node.read();
      case 'unsupported':
        return unsupportedCommand(command.name);
    }
  }

  /** Whoever asks for a call of another node brings it here. */
  #inTurn<T>(callId: string, task: () => Promise<T> | T): Promise<T> {
    return this.takeovers?.has(callId)
      ? this.takeovers.before(callId, task)
      : this.#parts.registry.run(callId, task);
  }

  #routed(command: OfferCommand | AnswerCommand, client: Client): Promise<Reply> | Reply {
    if (command.kind === 'answer' || !namesPeers(command)) return this.#negotiate(command, client);
    return routedOffer(command, this.#peerRoutes()).then((offer) => this.#negotiate(offer, client));
  }

  #peerRoutes(): PeerRoutesParts {
    const { events, interfaces, routes } = this.#parts;
    return { routes, interfaces, warn: events.commandWarning };
  }

  #negotiate(command: OfferCommand | AnswerCommand, client: Client): Promise<Reply> | Reply {
    const before = this.#parts.registry.held(command.callId);
    const isNew = before === undefined && command.kind === 'offer';
    const refusal = isNew ? this.#admission.refusal(command.callId) : undefined;
    if (refusal === undefined) return this.#renegotiate(command, client, before);
    const { supportsLoadLimit } = command.kind === 'offer' ? command : { supportsLoadLimit: false };
    return supportsLoadLimit ? { kind: 'loadLimit', message: refusal.detail } : refusal.failure;
  }

  #renegotiate(
    command: OfferCommand | AnswerCommand,
    client: Client,
    held: Call | Repeat | undefined,
  ): Promise<Reply> | Reply {
    const facts = this.#facts();
    const repeated = held instanceof Repeat || held === undefined ? held : null;
    const pattern = repeated === null ? undefined : this.#patterns.of(command, client, repeated, facts);
    if (pattern?.kind === 'repeated') {
      this.repetitions.handOver(pattern, command, repeated ?? undefined);
      return this.#carryOut(client, pattern, held);
    }
    const before = held && callOf(held);
    const negotiated =
      command.kind === 'offer'
        ? negotiateOffer(before, command, client, facts)
        : negotiateAnswer(before, command, client, facts);
    switch (negotiated.kind) {
      case 'unchanged':
        return { kind: 'sdp', sdp: negotiated.sdp };
      case 'done':
      case 'failure':
        return negotiated;
      case 'changed':
        if (before === undefined) throw new Error('a call changed that does not exist');
        return this.#change(negotiated.call, before);
      case 'step':
        pattern?.learn(negotiated);
        for (const warning of negotiated.warnings) this.#parts.events.commandWarning(command.callId, warning);
        return this.recordings.carryOut(negotiated, command, held && callOf(held), (step) =>
          this.#carryOut(client, step, held),
        );
    }
  }

  async #carryOut(
    client: Client,
    step: Step | RepeatedStep,
    before: Call | Repeat | undefined,
  ): Promise<Reply> {
    const isNew = before === undefined;
    if (isNew) this.#admission.arrives();
    const relays = step.kind === 'step' ? this.#relays.expect(step.plan) : undefined;
    let bound: readonly BoundLocal[] | DataPlaneError;
    let outcomes: RelayOutcomes | undefined;
    try {
      bound = await this.#keeper.apply(step.plan, before);
      if (!(bound instanceof DataPlaneError)) outcomes = await relays?.outcomes;
    } finally {
      relays?.cancel();
      if (isNew) this.#admission.arrived();
    }
    if (bound instanceof DataPlaneError) return dataPlaneFailure(bound);
    const { call, sdp } = step.kind === 'step' ? complete(step, bound, outcomes) : step.complete(bound);
    this.#keeper.store(call, before);
    if (isNew) this.#parts.events.callCreated(call.callId, client);
    return { kind: 'sdp', sdp };
  }

  async #change(after: Call, before: Call): Promise<Reply> {
    const refused = await this.#keeper.change(after, before);
    return refused === undefined ? { kind: 'done' } : dataPlaneFailure(refused);
  }

  async #controlMedia(command: MediaControlCommand): Promise<Reply> {
    const { events } = this.#parts;
    const before = this.#keeper.find(command.callId);
    if (before === undefined) return failure('unknownCall', 'Unknown call-ID');
    const facts = this.#facts();
    const changed = controlMedia(before, command, facts);
    if (changed.kind === 'failure') return changed;
    if (command.action === 'start forwarding' && facts.defaults.forwardTo === null)
      events.commandWarning(command.callId, NO_LISTENER);
    return this.recordings.change(changed.call, before);
  }

  async #query(command: QueryCommand): Promise<Reply> {
    const call = this.#keeper.find(command.callId);
    if (call === undefined) return failure('unknownCall', 'Unknown call-id');
    const media = await this.#keeper.stats(command.callId);
    return { kind: 'statistics', statistics: describeCall(call, media, command, this.#parts.clock.now()) };
  }

  /** Programs outside hear of a call that ended otherwise than by its client, each of them once. */
  #ended(call: Call, reason: EndReason, media: SessionStats | null): void {
    this.recordings.ended(call, media);
    const isTimeout = reason !== 'deleted' && reason !== 'forced';
    this.#pairs.counts.callEnded(call, isTimeout, media);
    if (reason === 'deleted') return;
    const lastMsAgo = lastPacketMsAgo(ofParties(call, media));
    const notice = endNotice(call, reason, this.#parts.clock.now(), lastMsAgo);
    // Whoever has deleted a call waits for no word of its end.
    if (call.deleteAtMs === undefined) this.#parts.notifier.tell(notice);
    if (isTimeout) this.#tellTargets(call, notice);
  }

  #tellTargets(call: Call, notice: Notice): void {
    for (const { target, tag } of noticesOf(call)) this.#parts.notifier.tellEnd(target, tag, notice);
  }

  #facts(): Facts {
    const { clock, random, interfaces, counters, protection } = this.#parts;
    const defaults = this.#defaults;
    return { now: clock.now(), random, interfaces, turn: counters.callsCreated, defaults, ...protection() };
  }

  /** For what nobody waits for: a defect in it must not end the process silently, nor the call's queue. */
  #inBackground(callId: string, task: () => Promise<void>): void {
    this.#parts.registry.run(callId, task).catch((error: unknown) => {
      this.#parts.events.taskFailed(callId, error);
    });
  }
}

function first(callIds: Iterable<string>, limit: number): readonly string[] {
  const found: string[] = [];
  for (const callId of callIds) {
    if (found.length >= limit) break;
    found.push(callId);
  }
  return found;
}

const NO_LOAD = { exceeded: [] };
const NO_REPETITIONS = { reply: null, answered: () => {} };
const NO_LISTENER = 'start forwarding: recording.forwardTo names nobody, nothing is forwarded';
