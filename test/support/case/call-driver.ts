import type { Call } from '../../../src/call/call.js';
import { deleteParty, expire } from '../../../src/call/lifecycle.js';
import type { Client, Command } from '../../../src/command/command.js';
import type { CommandFailure } from '../../../src/command/reply.js';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { connectParties, meshParties } from '../../../src/negotiation/connect.js';
import { controlMedia } from '../../../src/negotiation/control.js';
import { answerCreation, negotiateCreation } from '../../../src/negotiation/create.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import {
  complete,
  type Negotiated,
  negotiateAnswer,
  negotiateOffer,
} from '../../../src/negotiation/negotiate.js';
import { negotiatePublication } from '../../../src/negotiation/publish.js';
import { controlRecording } from '../../../src/negotiation/recording.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { answerSubscription } from '../../../src/negotiation/subscription-answer.js';
import { requestSubscription } from '../../../src/negotiation/subscription-request.js';
import { decodeCall, withPorts } from '../../../src/store/call-codec.js';
import { FakeDataPlane, withBoundPorts } from './fake-data-plane.js';
import { checkPlan } from './plan-rules.js';

/** What a command came to. */
export type Outcome =
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'done'; readonly result: string; readonly sdp?: string };

/** Carries out commands on one call, as the service does, with a data plane that only gives out ports. */
export class CallDriver {
  readonly #dataPlane = new FakeDataPlane();
  readonly #facts: Facts;
  #now: number;
  #call: Call | undefined;
  #plan: SessionPlan | undefined;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#now = facts.now;
  }

  /** The plan as the data plane has it, ports included. */
  get plan(): SessionPlan | undefined {
    return this.#plan;
  }

  execute(command: Command | CommandFailure): Outcome {
    const facts = { ...this.#facts, now: this.#now };
    switch (command.kind) {
      case 'offer':
        return this.#negotiated(negotiateOffer(this.#call, command, CLIENT, facts));
      case 'answer':
        return this.#negotiated(negotiateAnswer(this.#call, command, CLIENT, facts));
      case 'delete': {
        const deletion = this.#call ? deleteParty(this.#call, command, this.#now) : NOT_FOUND;
        return this.#changed(deletion.kind, 'call' in deletion ? deletion.call : undefined);
      }
      case 'media control': {
        if (this.#call === undefined) return { kind: 'refused', message: 'Unknown call-ID' };
        const controlled = controlMedia(this.#call, command, facts);
        if (controlled.kind === 'failure') return { kind: 'refused', message: controlled.message };
        return this.#changed('changed', controlled.call);
      }
      case 'recording': {
        if (this.#call === undefined) return { kind: 'refused', message: 'Unknown call-id' };
        const controlled = controlRecording(this.#call, command, facts);
        if (controlled.kind === 'failure') return { kind: 'refused', message: controlled.message };
        if (controlled.call === this.#call) return { kind: 'done', result: 'unchanged' };
        return this.#changed('changed', controlled.call);
      }
      case 'publish':
        return this.#negotiated(negotiatePublication(this.#call, { ...NAMES, ...command }, CLIENT, facts));
      case 'create':
        return this.#negotiated(negotiateCreation(this.#call, { ...NAMES, ...command }, CLIENT, facts));
      case 'create answer':
        return this.#negotiated(answerCreation(this.#call, command, facts));
      case 'connect':
        return this.#negotiated(connectParties(this.#call, command, facts));
      case 'mesh':
        return this.#negotiated(meshParties(this.#call, command, facts));
      case 'subscribe request': {
        const asked = requestSubscription(this.#call, command, facts);
        return this.#negotiated(asked.kind === 'failure' ? asked : asked.step);
      }
      case 'subscribe answer':
        return this.#negotiated(answerSubscription(this.#call, command, facts));
      case 'failure':
        return { kind: 'refused', message: command.message };
      default:
        throw new Error(`${command.kind} is not for cases`);
    }
  }

  /** Lets time pass. */
  wait(seconds: number): Outcome {
    this.#now += seconds * 1000;
    if (this.#call === undefined) return { kind: 'done', result: 'nothing' };
    const expiry = expire(this.#call, this.#now);
    return this.#changed(expiry.kind, 'call' in expiry ? expiry.call : undefined);
  }

  /** The control plane loses its memory and has only what the data plane kept for it. */
  restart(): void {
    if (this.#plan === undefined || this.#call === undefined) return;
    const remembered = decodeCall(this.#plan.memo);
    if (remembered === undefined) throw new Error('the memo cannot be read');
    this.#call = withPorts(remembered, this.#plan);
  }

  #negotiated(outcome: Negotiated): Outcome {
    switch (outcome.kind) {
      case 'failure':
        return { kind: 'refused', message: outcome.message };
      case 'done':
        return { kind: 'done', result: 'done' };
      case 'changed':
        return this.#changed('done', outcome.call);
      case 'unchanged':
        return { kind: 'done', result: 'unchanged', sdp: outcome.sdp };
      case 'step': {
        const bound = this.#dataPlane.apply(outcome.plan);
        const { call, sdp } = complete(outcome, bound);
        this.#accept(call, withBoundPorts(outcome.plan, bound));
        return { kind: 'done', result: 'step', ...(sdp !== '' && { sdp }) };
      }
    }
  }

  #changed(result: string, call: Call | undefined): Outcome {
    if (call) {
      const plan = planOf(call);
      this.#accept(call, withBoundPorts(plan, this.#dataPlane.apply(plan)));
    } else if (result === 'call') {
      this.#call = undefined;
      this.#plan = undefined;
    }
    return { kind: 'done', result };
  }

  #accept(call: Call, plan: SessionPlan): void {
    checkPlan(plan, this.#plan);
    this.#call = call;
    this.#plan = plan;
  }
}

const CLIENT: Client = { address: '192.0.2.1', port: 5060, protocol: 'ng' };

/** Of parties whose client does not name them. */
const NAMES = { callId: 'call@example.org', fromTag: 'drawn' };
const NOT_FOUND = { kind: 'notFound' } as const;
