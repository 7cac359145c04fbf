import { randomUUID } from 'node:crypto';
import type { NgClient } from '../control/ng/client.js';
import { type Dictionary, text } from '../control/ng/value.js';
import { command } from './commands.js';
import { Endpoint, mediaAddress } from './endpoint.js';
import { type Party, partyOf } from './party.js';

/** A call of two telephones whose signalling went through a SIP proxy, as Tandem sees it. */
export class DemoCall {
  readonly #ng: NgClient;
  readonly #keys: { readonly 'call-id': string; readonly 'from-tag': string };
  readonly #caller: Endpoint;
  readonly #callee: Endpoint;

  /** Opens both telephones and places the call. */
  static async place(ng: NgClient): Promise<DemoCall> {
    const here = ng.localAddress;
    const caller = await Endpoint.open(CALLER, here, 440, { loseEvery: 100, jitterMs: 12 });
    const callee = await Endpoint.open(CALLEE, here, 660, { loseEvery: 0, jitterMs: 0 });
    const call = new DemoCall(ng, caller, callee);
    try {
      await call.#connect(here);
    } catch (error) {
      call.close();
      throw error;
    }
    return call;
  }

  private constructor(ng: NgClient, caller: Endpoint, callee: Endpoint) {
    this.#ng = ng;
    this.#caller = caller;
    this.#callee = callee;
    this.#keys = { 'call-id': `demo-${randomUUID()}`, 'from-tag': `${CALLER}-tag` };
  }

  async #connect(here: string): Promise<void> {
    const offer = await command(this.#ng, 'offer', {
      ...this.#keys,
      sdp: this.#caller.sdp(PRIVATE_ADDRESS),
      label: CALLER,
      flags: ['trust-address'],
      replace: ['origin'],
    });
    const answer = await command(this.#ng, 'answer', {
      ...this.#keys,
      'to-tag': `${CALLEE}-tag`,
      sdp: this.#callee.sdp(here),
      label: CALLEE,
      flags: ['trust-address'],
      replace: ['origin'],
    });
    this.#caller.talkTo(mediaAddress(text(answer.get('sdp')) ?? ''));
    this.#callee.talkTo(mediaAddress(text(offer.get('sdp')) ?? ''));
  }

  async parties(): Promise<readonly Party[]> {
    return partiesOf(await command(this.#ng, 'query', this.#keys));
  }

  /** Ends the call; resolves with its last statistics. */
  async hangUp(): Promise<readonly Party[]> {
    this.#caller.hangUp();
    this.#callee.hangUp();
    const { 'call-id': callId } = this.#keys;
    return partiesOf(await command(this.#ng, 'delete', { 'call-id': callId, 'delete delay': 0 }));
  }

  /** Packets each telephone heard of the other. */
  get heard(): string {
    return `${CALLER} heard ${this.#caller.heard} packets, ${CALLEE} heard ${this.#callee.heard}`;
  }

  /** Undefined if each heard the other. */
  get silence(): string | undefined {
    const deaf = [this.#caller, this.#callee].filter(({ heard }) => heard === 0).map(({ name }) => name);
    return deaf.length === 0 ? undefined : `${deaf.join(' and ')} heard nothing`;
  }

  close(): void {
    this.#caller.close();
    this.#callee.close();
  }
}

function partiesOf(statistics: Dictionary): readonly Party[] {
  return [CALLER, CALLEE].map((name) => partyOf(statistics, name)).filter((party) => party !== undefined);
}

const CALLER = 'Alice';
const CALLEE = 'Bob';

/** What Alice puts into her SDP, as a telephone behind NAT does: nobody can send there. */
export const PRIVATE_ADDRESS = '192.168.77.20';
