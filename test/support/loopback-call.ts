import { isDictionary, type NgClient, type NgDictionary } from './oracle-ng-client.js';
import { RtpPeer } from './rtp-peer.js';

/** A call between two peers through the proxy, signalled over ng. */
export class LoopbackCall {
  readonly callId: string;
  readonly caller: RtpPeer;
  readonly callee: RtpPeer;
  #ng: NgClient;
  #version = 1;
  /** The ports the callee and the caller were told. */
  offered = '';
  answered = '';

  private constructor(ng: NgClient, callId: string, caller: RtpPeer, callee: RtpPeer) {
    this.#ng = ng;
    this.callId = callId;
    this.caller = caller;
    this.callee = callee;
  }

  static async setUp(ng: NgClient, callId: string, flags: NgDictionary = {}): Promise<LoopbackCall> {
    const call = new LoopbackCall(ng, callId, await RtpPeer.open(), await RtpPeer.open());
    await call.negotiate(flags);
    return call;
  }

  /** From now on signalled to another proxy. */
  at(ng: NgClient): this {
    this.#ng = ng;
    return this;
  }

  /** An offer of the caller and its answer; again for a re-INVITE. */
  async negotiate(flags: NgDictionary = {}): Promise<void> {
    const version = this.#version++;
    const dialogue = { 'call-id': this.callId, 'from-tag': 'caller', flags: [], ...flags };
    const toTag = version > 1 ? { 'to-tag': 'callee' } : {};
    const offer = { command: 'offer', ...dialogue, ...toTag, sdp: this.caller.sdp({ version }) };
    this.offered = await sdpOf(this.#ng, offer);
    this.callee.aim(this.offered);
    const answer = { command: 'answer', ...dialogue, 'to-tag': 'callee', sdp: this.callee.sdp({ version }) };
    this.answered = await sdpOf(this.#ng, answer);
    this.caller.aim(this.answered);
  }

  query(): Promise<NgDictionary> {
    return this.#ng.command({ command: 'query', 'call-id': this.callId });
  }

  delete(keys: NgDictionary = { 'delete-delay': 0 }): Promise<NgDictionary> {
    return this.#ng.command({ command: 'delete', 'call-id': this.callId, 'from-tag': 'caller', ...keys });
  }

  /** Both hear some packets more. */
  async talks(packets = 5): Promise<void> {
    const [atCaller, atCallee] = [this.caller.received.length, this.callee.received.length];
    this.caller.send(packets);
    this.callee.send(packets);
    await Promise.all([this.caller.hears(atCaller + packets), this.callee.hears(atCallee + packets)]);
  }
}

/** The SDP of a reply that has to be a success. */
export async function sdpOf(ng: NgClient, request: NgDictionary): Promise<string> {
  const reply = await ng.command(request);
  if (reply.result !== 'ok' || typeof reply.sdp !== 'string')
    throw new Error(`refused: ${JSON.stringify(reply)}`);
  return reply.sdp;
}

/** Walks into a reply. */
export function at(reply: NgDictionary, ...path: readonly string[]): unknown {
  let value: unknown = reply;
  for (const key of path) {
    const dictionary = value as NgDictionary | undefined;
    value = isDictionary(dictionary) ? dictionary[key] : undefined;
  }
  return value;
}
