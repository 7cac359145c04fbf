import type { Call } from '../call/call.js';
import type { AnswerCommand, Client, OfferCommand } from '../command/command.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { BoundLocal, SessionPlan } from '../dataplane/protocol.gen.js';
import type { Facts } from './facts.js';

/** A negotiation that waits for its ports: apply `plan`, then `complete`. */
export type Step = {
  readonly kind: 'step';
  readonly call: Call;
  readonly plan: SessionPlan;
  /** The SDP for the receiver, with marks where ports go. */
  readonly receiver: { readonly template: string };
  /** What the client asked for and did not get, for the log. */
  readonly warnings: readonly string[];
};

export type Negotiated =
  | Step
  /** The SDP passes as it is (`loop-protect`). */
  | { readonly kind: 'unchanged'; readonly sdp: string }
  /** Nothing to change and nothing to return (`fragment`). */
  | { readonly kind: 'done' }
  | CommandFailure;

export function negotiateOffer(
  call: Call | undefined,
  command: OfferCommand,
  client: Client,
  facts: Facts,
): Negotiated {
  void call, void command, void client, void facts;
  return failure('unsupported', 'not yet');
}

export function negotiateAnswer(
  call: Call | undefined,
  command: AnswerCommand,
  client: Client,
  facts: Facts,
): Negotiated {
  void call, void command, void client, void facts;
  return failure('unsupported', 'not yet');
}

export function complete(step: Step, bound: readonly BoundLocal[]): { readonly call: Call; readonly sdp: string } {
  void bound;
  return { call: step.call, sdp: '' };
}
