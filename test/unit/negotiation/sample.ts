import type { Call } from '../../../src/call/call.js';
import type { AnswerCommand, Client, OfferCommand } from '../../../src/command/command.js';
import { DEFAULT_FLAGS, type MediaFlags } from '../../../src/command/flags.js';
import type { BoundLocal, SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { type Facts, RELAY_ONLY } from '../../../src/negotiation/facts.js';
import {
  complete,
  negotiateAnswer,
  negotiateOffer,
  type Negotiated,
} from '../../../src/negotiation/negotiate.js';

export const FACTS: Facts = {
  now: 1_700_000_000_000,
  random: { bytes: (count) => new Uint8Array(count) },
  interfaces: [
    {
      name: 'default',
      aliases: [],
      addresses: [
        { bind: '10.0.0.5', advertise: '203.0.113.5', family: 'IP4' },
        { bind: '2001:db8::5', advertise: '2001:db8::5', family: 'IP6' },
      ],
    },
    {
      name: 'inside',
      aliases: [],
      addresses: [{ bind: '192.168.7.5', advertise: '192.168.7.5', family: 'IP4' }],
    },
  ],
  turn: 0,
  ...RELAY_ONLY,
  defaults: {
    mediaTimeoutMs: 60_000,
    silentTimeoutMs: 3_600_000,
    offerTimeoutMs: 3_600_000,
    firstPacketTimeoutMs: null,
    finalTimeoutMs: null,
    deleteDelaySeconds: 30,
    tos: 184,
    endpointLearning: 'heuristic',
    strictSource: false,
    sipSource: false,
    rtcpIntervalMs: 5000,
    tellsKeys: false,
    instanceId: '0123456789ab',
    recording: null,
    recordingCodes: {},
    longestKeyGapMs: 2500,
    forwardTo: null,
  },
};

export const CLIENT: Client = { address: '192.0.2.250', port: 5060, protocol: 'ng' };

/** An SDP body; lines are joined with CRLF. */
export function sdp(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n`;
}

/** A body with one audio stream at `198.51.100.<host>:<port>`. */
export function audio(host: number, port: number, ...attributes: readonly string[]): string {
  return sdp(
    'v=0',
    `o=a 1 1 IN IP4 198.51.100.${host}`,
    's=-',
    `c=IN IP4 198.51.100.${host}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0 101`,
    'a=rtpmap:101 telephone-event/8000',
    ...attributes,
  );
}

export type Who = { readonly from?: string; readonly to?: string; readonly branch?: string };

/** One call as a client sees it: offers and answers go in, SDP comes out; ports are given out like a data plane. */
export class Conversation {
  call: Call | undefined;
  plan: SessionPlan | undefined;
  warnings: readonly string[] = [];
  facts: Facts;
  readonly #ports = new Map<number, number>();
  #nextPort = 30_000;

  constructor(facts: Facts = FACTS) {
    this.facts = facts;
  }

  offer(body: string, flags: Partial<MediaFlags> = {}, who: Who = {}): string {
    return this.accept(this.tryOffer(body, flags, who));
  }

  answer(body: string, flags: Partial<MediaFlags> = {}, who: Who = {}): string {
    return this.accept(this.tryAnswer(body, flags, who));
  }

  tryOffer(body: string, flags: Partial<MediaFlags> = {}, who: Who = {}): Negotiated {
    const command: OfferCommand = {
      kind: 'offer',
      callId: 'call@example',
      fromTag: who.from ?? 'alice',
      ...(who.to !== undefined && { toTag: who.to }),
      ...(who.branch !== undefined && { viaBranch: who.branch }),
      sdp: body,
      flags: { ...DEFAULT_FLAGS, ...flags },
      supportsLoadLimit: true,
    };
    return negotiateOffer(this.call, command, CLIENT, this.facts);
  }

  tryAnswer(body: string, flags: Partial<MediaFlags> = {}, who: Who = {}): Negotiated {
    const command: AnswerCommand = {
      kind: 'answer',
      callId: 'call@example',
      fromTag: who.from ?? 'alice',
      toTag: who.to ?? 'bob',
      ...(who.branch !== undefined && { viaBranch: who.branch }),
      sdp: body,
      flags: { ...DEFAULT_FLAGS, ...flags },
    };
    return negotiateAnswer(this.call, command, CLIENT, this.facts);
  }

  /** The ports a data plane would give: the ones it has, new ones for new locals. */
  bind(plan: SessionPlan): BoundLocal[] {
    const bound: BoundLocal[] = [];
    for (const { locals } of plan.streams) {
      for (const { id, port } of locals) {
        const given = port ?? this.#ports.get(id) ?? this.#nextPort;
        if (given === this.#nextPort) this.#nextPort += 2;
        this.#ports.set(id, given);
        bound.push({ local: id, port: given });
      }
    }
    return bound;
  }

  /** Binds the ports of a step and returns the SDP for the receiver. */
  accept(result: Negotiated): string {
    if (result.kind !== 'step') throw new Error(`not negotiated: ${JSON.stringify(result)}`);
    const { call, sdp: text } = complete(result, this.bind(result.plan));
    this.call = call;
    this.plan = result.plan;
    this.warnings = result.warnings;
    return text;
  }
}

/** The port of an `m=` line, counted from 0. */
export function portOf(body: string, line = 0): number {
  const media = body.split('\r\n').filter((text) => text.startsWith('m='))[line];
  return Number(media?.split(' ')[1]);
}
