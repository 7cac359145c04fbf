import type { Call } from '../call/call.js';
import type { Client, ConnectionCommand } from '../command/command.js';
import type { CommandFailure, Reply } from '../command/reply.js';
import { connectParties, meshParties } from '../negotiation/connect.js';
import { answerCreation, type NamedCreation, negotiateCreation } from '../negotiation/create.js';
import type { Facts } from '../negotiation/facts.js';
import type { Step } from '../negotiation/negotiate.js';
import { type NamedPublication, negotiatePublication } from '../negotiation/publish.js';
import type { Events } from '../observability/events.js';
import type { Admission } from './admission.js';
import type { Keeper } from './keeper.js';
import { namesPeers, type PeerRoutesParts, routedFlags } from './peer-routes.js';
import type { Random } from './ports.js';
import type { Recordings } from './recordings.js';

export type ConnectionParts = {
  readonly keeper: Pick<Keeper, 'find'>;
  readonly facts: () => Facts;
  readonly carryOut: (client: Client, step: Step, before: Call | undefined) => Promise<Reply>;
  readonly recordings: Pick<Recordings, 'carryOut'>;
  readonly admission: Pick<Admission, 'refusal'>;
  readonly peerRoutes: () => PeerRoutesParts;
  readonly random: Random;
  readonly events: Pick<Events, 'commandWarning'>;
};

/** A command that says which call it is about. */
export type NamedConnection =
  | NamedPublication
  | NamedCreation
  | Exclude<ConnectionCommand, { kind: 'publish' | 'create' }>;

/** Parties without peers, and ways of media that nobody has negotiated. */
export class Connections {
  readonly #parts: ConnectionParts;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** The call the command is about, and the command with the names it left to us. */
  named(command: ConnectionCommand): { readonly callId: string; readonly named: NamedConnection } {
    switch (command.kind) {
      case 'publish':
      case 'create': {
        const { callId = this.#drawn(), fromTag = this.#drawn() } = command;
        return { callId, named: { ...command, callId, fromTag } };
      }
      case 'mesh':
        return { callId: command.callIds[0] ?? '', named: command };
      case 'connect':
      case 'create answer':
        return { callId: command.callId, named: command };
    }
  }

  /** Whoever calls has the call's turn. */
  async handle(command: NamedConnection, client: Client): Promise<Reply> {
    const { facts } = this.#parts;
    switch (command.kind) {
      case 'publish':
      case 'create':
        return this.#admit(command, client);
      case 'create answer':
        return this.#carryOut(command.callId, client, (call) => answerCreation(call, command, facts()));
      case 'connect':
        return this.#carryOut(command.callId, client, (call) => connectParties(call, command, facts()));
      case 'mesh':
        return this.#carryOut(command.callIds[0] ?? '', client, (call) =>
          meshParties(call, command, facts()),
        );
    }
  }

  async #admit(asked: NamedPublication | NamedCreation, client: Client): Promise<Reply> {
    const { keeper, admission, peerRoutes, facts, recordings, carryOut } = this.#parts;
    const isNew = keeper.find(asked.callId) === undefined;
    const refusal = isNew ? admission.refusal(asked.callId) : undefined;
    if (refusal !== undefined) return refusal.failure;
    const flags = namesPeers(asked) ? await routedFlags(asked, peerRoutes()) : asked.flags;
    const before = keeper.find(asked.callId);
    const { callId, fromTag } = asked;
    const step =
      asked.kind === 'publish'
        ? negotiatePublication(before, { ...asked, flags }, client, facts())
        : negotiateCreation(before, { ...asked, flags }, client, facts());
    if (step.kind === 'failure') return step;
    this.#warn(callId, step);
    const speaker = { kind: 'offer', callId, fromTag, flags } as const;
    const done = await recordings.carryOut(step, speaker, before, (prepared) =>
      carryOut(client, prepared, before),
    );
    if (done.kind !== 'sdp') return done;
    const { sdp, recordings: paths } = done;
    return { kind: 'party', callId, fromTag, sdp, ...(paths !== undefined && { recordings: paths }) };
  }

  /** Nothing is told to anybody but that it is done. */
  async #carryOut(
    callId: string,
    client: Client,
    negotiate: (call: Call | undefined) => Step | CommandFailure,
  ): Promise<Reply> {
    const before = this.#parts.keeper.find(callId);
    const step = negotiate(before);
    if (step.kind === 'failure') return step;
    this.#warn(callId, step);
    const done = await this.#parts.carryOut(client, step, before);
    return done.kind === 'sdp' ? { kind: 'done' } : done;
  }

  #warn(callId: string, { warnings }: Step): void {
    for (const warning of warnings) this.#parts.events.commandWarning(callId, warning);
  }

  #drawn(): string {
    return Buffer.from(this.#parts.random.bytes(NAME_BYTES)).toString('hex');
  }
}

/** As many as rtpengine draws for a tag. */
const NAME_BYTES = 32;
