import type { Call } from '../call/call.js';
import type { Client, SubscribeCommand, SubscriptionCommand } from '../command/command.js';
import type { Reply } from '../command/reply.js';
import type { Facts } from '../negotiation/facts.js';
import type { Step } from '../negotiation/negotiate.js';
import { answerSubscription, endSubscription } from '../negotiation/subscription-answer.js';
import { requestSubscription } from '../negotiation/subscription-request.js';
import type { Events } from '../observability/events.js';
import { namesPeers, type PeerRoutesParts, routedFlags } from './peer-routes.js';

export type SubscriptionParts = {
  readonly find: (callId: string) => Call | undefined;
  readonly facts: () => Facts;
  readonly carryOut: (client: Client, step: Step, before: Call | undefined) => Promise<Reply>;
  /** Makes a change that opens no ports, whatever the data plane says to it. */
  readonly insist: (after: Call, before: Call) => Promise<void>;
  readonly peerRoutes: () => PeerRoutesParts;
  readonly events: Pick<Events, 'commandWarning'>;
};

/** Lets others listen to calls. */
export class Subscriptions {
  readonly #parts: SubscriptionParts;

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
  }

  /** Whoever calls has the call's turn. */
  async handle(command: SubscriptionCommand, client: Client): Promise<Reply> {
    const { find, facts, carryOut, insist, events } = this.#parts;
    const before = find(command.callId);
    switch (command.kind) {
      case 'subscribe request':
        return this.#request(command, client);
      case 'subscribe answer': {
        const step = answerSubscription(before, command, facts());
        if (step.kind === 'failure') return step;
        for (const warning of step.warnings) events.commandWarning(command.callId, warning);
        const done = await carryOut(client, step, before);
        return done.kind === 'sdp' ? { kind: 'done' } : done;
      }
      case 'unsubscribe': {
        const ended = endSubscription(before, command);
        if (ended.kind === 'failure') return ended;
        if (before !== undefined) await insist(ended.call, before);
        return { kind: 'done' };
      }
    }
  }

  async #request(command: SubscribeCommand, client: Client): Promise<Reply> {
    const { find, facts, carryOut, peerRoutes, events } = this.#parts;
    const flags = namesPeers(command) ? await routedFlags(command, peerRoutes()) : command.flags;
    const before = find(command.callId);
    const asked = requestSubscription(before, { ...command, flags }, facts());
    if (asked.kind === 'failure') return asked;
    for (const warning of asked.step.warnings) events.commandWarning(command.callId, warning);
    const done = await carryOut(client, asked.step, before);
    return done.kind === 'sdp' ? { ...asked.reply, sdp: done.sdp } : done;
  }
}
