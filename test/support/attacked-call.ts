import { type Attack, Attacker, INJECTED, packetOf, type Victim } from './attacker.js';
import { DtlsPeer } from './dtls-peer.js';
import { at, sdpOf } from './loopback-call.js';
import { until } from './netns-until.js';
import type { NgDictionary, NgValue } from './oracle-ng-client.js';
import { audioSdp, mediaAddress, RtpPeer } from './rtp-peer.js';
import { keyOf, SrtpContext, SrtpKey } from './srtp.js';
import { freePort, type Tandem } from './tandem.js';

/** How the media of a call is protected: towards its caller with DTLS, else towards both alike. */
export type Protection = 'RTP' | 'SRTP with SDES' | 'SRTP with DTLS' | 'SRTP passed on';

/** What attackers have achieved. */
export type Harm = {
  /** What a party heard that was not, or not for the first time, the other one's. */
  readonly injected: number;
  /** What reached a party and was turned away by it: it was not authentic. */
  readonly refused: number;
  /** Packets of a party that reached an attacker. */
  readonly bled: number;
};

export const NO_HARM: Harm = { injected: 0, refused: 0, bled: 0 };

const HOST = '127.0.0.1';

/** A call with an attacker on either side, who sends to the ports of that side's party. */
export class AttackedCall {
  readonly callId: string;
  readonly #tandem: Tandem;
  readonly #protection: Protection;
  readonly #learning: string;
  readonly #keys = { caller: new SrtpKey(), callee: new SrtpKey() };
  readonly #dtls: DtlsPeer | undefined;
  #callerAt = { address: HOST, port: 0 };
  #caller: RtpPeer | undefined;
  #callee: RtpPeer | undefined;
  #attackers: readonly Attacker[] = [];
  #version = 0;
  #offered = '';
  #answered = '';
  #tag = {};

  constructor(tandem: Tandem, protection: Protection, learning: string, name = learning) {
    this.callId = `${protection}: ${name}`;
    this.#tandem = tandem;
    this.#protection = protection;
    this.#learning = learning;
    this.#dtls = protection === 'SRTP with DTLS' ? new DtlsPeer() : undefined;
  }

  get caller(): RtpPeer {
    if (this.#caller === undefined) throw new Error('the caller has not been set up');
    return this.#caller;
  }

  get callee(): RtpPeer {
    if (this.#callee === undefined) throw new Error('the callee has not been set up');
    return this.#callee;
  }

  get attackers(): readonly Attacker[] {
    return this.#attackers;
  }

  async offer(direction = 'sendrecv'): Promise<void> {
    this.#version += 1;
    this.#callee ??= await RtpPeer.open();
    // A handshake is made by a program that wants the port to itself.
    if (this.#dtls !== undefined) this.#callerAt.port ||= await freePort(HOST);
    else if (this.#caller === undefined) {
      this.#caller = await RtpPeer.open();
      this.#callerAt = this.#caller;
    }
    this.#offered = await sdpOf(this.#tandem.ng, {
      command: 'offer',
      ...this.#dialogue(),
      ...this.#tag,
      'transport-protocol': this.#protection === 'RTP' ? 'RTP/AVP' : 'RTP/SAVP',
      'rtcp-mux': ['demux'],
      sdp: audioSdp(this.#callerAt, { version: this.#version, direction, ...this.#callerLines() }),
    });
    this.callee.aim(this.#offered);
    if (this.#attackers.length === 0) {
      this.#attackers = [await Attacker.open(this.#callerAt.port), await Attacker.open(this.callee.port)];
    }
  }

  async answer(direction = 'sendrecv'): Promise<void> {
    this.#tag = { 'to-tag': 'callee' };
    const lines = this.#protection === 'RTP' ? [] : [this.#keys.callee.line()];
    const profile = this.#protection === 'RTP' ? 'RTP/AVP' : 'RTP/SAVP';
    this.#answered = await sdpOf(this.#tandem.ng, {
      command: 'answer',
      ...this.#dialogue(),
      ...this.#tag,
      sdp: this.callee.sdp({ version: this.#version, direction, profile, lines }),
    });
    this.#caller?.aim(this.#answered);
  }

  /** The parties take up their keys; with DTLS they are made now. */
  async secure(): Promise<void> {
    if (this.#protection === 'RTP') return;
    const { caller, callee } = this.#keys;
    this.callee.protection = {
      send: new SrtpContext(callee.bytes),
      receive: new SrtpContext(keyOf(this.#offered)),
    };
    if (this.#dtls === undefined) {
      const receive = new SrtpContext(keyOf(this.#answered));
      this.caller.protection = { send: new SrtpContext(caller.bytes), receive };
      return;
    }
    const { address, port } = mediaAddress(this.#answered);
    const protection = await this.#dtls.connect(`${HOST}:${this.#callerAt.port}`, `${address}:${port}`);
    this.#caller = await RtpPeer.open(HOST, this.#callerAt.port);
    this.#caller.protection = protection;
    this.#caller.aim(this.#answered);
  }

  /** Both attackers send everything, `times` over; with `talking`, the parties speak in between. */
  async attacked(times: number, talking: 'talking' | 'silent'): Promise<void> {
    const before = this.#heard();
    for (let round = 0; round < times; round++) {
      if (talking === 'talking') {
        this.caller.send();
        this.callee.send();
      }
      await this.#spray();
    }
    if (talking === 'talking') await this.#hear(before, times);
  }

  /** The attacker on the caller's side sends one packet of a kind. */
  async attackedBy(kind: Attack): Promise<void> {
    await this.#attackers[0]?.send(kind, mediaAddress(this.#answered), this.caller);
  }

  /** Somebody who can claim the caller's address sends one packet of a kind. */
  saysInTheNameOfTheCaller(kind: Attack): void {
    this.caller.sendRaw(packetOf(kind, this.caller));
  }

  /** The parties talk until it is settled where they are. */
  async isLearned(): Promise<void> {
    this.caller.talk();
    this.callee.talk();
    await until(`${this.callId}: both parties to be learned`, async () => {
      const reply = await this.#tandem.ng.command({ command: 'query', 'call-id': this.callId });
      return flagsOf(reply, 'caller').includes('confirmed') && flagsOf(reply, 'callee').includes('confirmed')
        ? true
        : undefined;
    });
    this.caller.stopTalking();
    this.callee.stopTalking();
  }

  /** Both hear so many packets more. */
  async talks(packets = 5): Promise<void> {
    const before = this.#heard();
    this.caller.send(packets);
    this.callee.send(packets);
    await this.#hear(before, packets);
  }

  /** What has been done since this was asked last. */
  harm(): Harm {
    const parties = [this.#caller, this.callee].flatMap((party) => party ?? []);
    const injected = injectedTo(this.#caller, this.callee) + injectedTo(this.callee, this.#caller);
    const refused = parties.reduce((sum, party) => sum + party.refused, 0);
    const bled = this.#attackers.reduce((sum, attacker) => sum + attacker.bled, 0);
    for (const party of parties) party.refused = 0;
    for (const attacker of this.#attackers) attacker.received.length = 0;
    return { injected, refused, bled };
  }

  #dialogue() {
    const flags = this.#protection === 'SRTP passed on' ? [] : ['recrypt'];
    return { 'call-id': this.callId, 'from-tag': 'caller', 'endpoint-learning': this.#learning, flags };
  }

  #callerLines(): { readonly profile: string; readonly lines: readonly string[] } {
    if (this.#dtls !== undefined) {
      const lines = ['a=rtcp-mux', 'a=setup:active', `a=fingerprint:${this.#dtls.fingerprint}`];
      return { profile: 'UDP/TLS/RTP/SAVP', lines };
    }
    return this.#protection === 'RTP'
      ? { profile: 'RTP/AVP', lines: [] }
      : { profile: 'RTP/SAVP', lines: [this.#keys.caller.line()] };
  }

  async #spray(): Promise<void> {
    const [atCaller, atCallee] = this.#attackers;
    const caller: Victim = this.#caller ?? { ssrc: 0, lastSent: Buffer.alloc(0) };
    if (this.#answered !== '') await atCaller?.spray(mediaAddress(this.#answered), caller);
    await atCallee?.spray(mediaAddress(this.#offered), this.callee);
  }

  #heard(): readonly [number, number] {
    return [genuine(this.#caller, this.#callee).length, genuine(this.#callee, this.#caller).length];
  }

  async #hear([atCaller, atCallee]: readonly [number, number], packets: number): Promise<void> {
    await until(`both to hear ${packets} packets more`, () => {
      const [caller, callee] = this.#heard();
      return caller >= atCaller + packets && callee >= atCallee + packets ? true : undefined;
    });
  }
}

/** Of the RTP stream of a party. */
function flagsOf(reply: NgDictionary, tag: string): readonly NgValue[] {
  const medias = at(reply, 'tags', tag, 'medias');
  const streams = Array.isArray(medias) ? at(medias[0], 'streams') : undefined;
  const flags = Array.isArray(streams) ? at(streams[0], 'flags') : undefined;
  return Array.isArray(flags) ? flags : [];
}

type Heard = RtpPeer['received'][number];

function isOf(speaker: RtpPeer | undefined): (packet: Heard) => boolean {
  return ({ ssrc, payload }) =>
    ssrc === speaker?.ssrc && payload.length === 160 && !payload.includes(INJECTED);
}

/** Packets of the speaker, each once. */
function genuine(listener: RtpPeer | undefined, speaker: RtpPeer | undefined): readonly Heard[] {
  const heard = listener?.received.filter(isOf(speaker)) ?? [];
  return [...new Map(heard.map((packet) => [packet.sequence, packet])).values()];
}

/** All else. Forgets what it has counted. */
function injectedTo(listener: RtpPeer | undefined, speaker: RtpPeer | undefined): number {
  if (listener === undefined) return 0;
  const own = genuine(listener, speaker);
  const { rtcpReceived, muxedRtcp } = listener;
  const injected = listener.received.length - own.length + rtcpReceived.length + muxedRtcp.length;
  listener.received.splice(0, listener.received.length, ...own);
  rtcpReceived.length = 0;
  muxedRtcp.length = 0;
  return injected;
}
