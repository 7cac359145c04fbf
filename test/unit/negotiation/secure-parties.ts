import fc from 'fast-check';
import { expect } from 'vitest';
import type { MediaFlags } from '../../../src/command/flags.js';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { StreamPlan } from '../../../src/dataplane/protocol.gen.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { decodeCall, encodeCall } from '../../../src/store/call-codec.js';
import { type Conversation, FACTS, portOf, sdp } from './sample.js';

/** What kind of telephone a party is. */
export type Kind = 'plain' | 'sdes' | 'optional' | 'browser' | 'browser with tls-id';

export const kinds = fc.constantFrom<Kind>('plain', 'sdes', 'optional', 'browser', 'browser with tls-id');

/** A telephone: answers and offers with what it has, and checks nothing. */
export class Party {
  readonly name: 'alice' | 'bob';
  readonly kind: Kind;
  readonly keys = new Set<string>();
  #ice = 0;
  #certificate = 0;
  #key = 0;
  #role: 'active' | 'passive' = 'passive';
  /** Its next offer insists on its role. */
  #insists = false;

  constructor(name: 'alice' | 'bob', kind: Kind) {
    this.name = name;
    this.kind = kind;
  }

  get isBrowser(): boolean {
    return this.kind === 'browser' || this.kind === 'browser with tls-id';
  }

  change(what: 'ICE' | 'certificate' | 'key' | 'role'): void {
    if (what === 'ICE') this.#ice += 1;
    if (what === 'certificate') {
      this.#certificate += 1;
      // We begin new associations if the party leaves us the choice.
      if (!this.#insists) this.#role = 'passive';
    }
    if (what === 'key') this.#key += 1;
    if (what === 'role') {
      this.#role = this.#role === 'active' ? 'passive' : 'active';
      this.#insists = true;
    }
  }

  /** What the proxy is told about a message to this party. */
  flagsTowards(): Partial<MediaFlags> {
    if (this.kind === 'plain') return { transportProtocol: 'RTP/AVP', ice: 'remove' };
    if (this.kind === 'optional')
      return { ice: 'remove', osrtp: new Set(['offer', 'accept-rfc']), dtls: 'off' };
    if (this.kind === 'sdes') return { transportProtocol: 'RTP/SAVP', ice: 'remove', dtls: 'off' };
    const sdes = { ...DEFAULT_FLAGS.sdes, off: true };
    return { transportProtocol: 'UDP/TLS/RTP/SAVPF', ice: 'force', sdes };
  }

  body(direction: string, offered: string | undefined): string {
    const host = this.name === 'alice' ? '198.51.100.10' : '198.51.100.20';
    const profile = this.isBrowser ? 'UDP/TLS/RTP/SAVPF' : this.kind === 'sdes' ? 'RTP/SAVP' : 'RTP/AVP';
    const lines = ['v=0', `o=x 1 1 IN IP4 ${host}`, 's=-', `c=IN IP4 ${host}`, 't=0 0'];
    lines.push(`m=audio 4000 ${profile} 0`, `a=${direction}`, ...this.#cryptoLines(offered));
    if (this.isBrowser) lines.push(...this.#browserLines(host, offered !== undefined));
    return sdp(...lines);
  }

  #cryptoLines(offered: string | undefined): string[] {
    if (this.kind !== 'sdes' && this.kind !== 'optional') return [];
    const key = Buffer.alloc(30, `${this.name}-${this.#key}-`).toString('base64');
    if (offered === undefined) {
      this.keys.add(key);
      return [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}`];
    }
    const tag = /a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80 /.exec(offered)?.[1];
    if (tag === undefined) return [];
    this.keys.add(key);
    return [`a=crypto:${tag} AES_CM_128_HMAC_SHA1_80 inline:${key}`];
  }

  #browserLines(host: string, isAnswer: boolean): string[] {
    const byte = (this.#certificate + (this.name === 'alice' ? 16 : 96)).toString(16).padStart(2, '0');
    const setup = isAnswer || this.#insists ? this.#role : 'actpass';
    this.#insists = false;
    const lines = [
      `a=setup:${setup}`,
      `a=fingerprint:sha-256 ${Array(32).fill(byte).join(':')}`,
      `a=ice-ufrag:${this.name}${this.#ice}`,
      `a=ice-pwd:${this.name}-password-number-${this.#ice}`.padEnd(40, 'x'),
      `a=candidate:1 1 UDP 2130706431 ${host} 4000 typ host`,
    ];
    // RFC 8842 §4: another certificate or role is another association, and has another name.
    if (this.kind === 'browser with tls-id') lines.push(`a=tls-id:${this.#role.padEnd(30, '0')}${byte}`);
    return lines;
  }
}

/** What a party was told, and what the data plane does towards it. */
export type Told = {
  readonly ufrag: string | undefined;
  readonly tlsId: string | undefined;
  readonly keys: readonly string[];
  readonly port: number;
  readonly stream: StreamPlan;
};

/** What a party knows after a message. */
export function told({ call }: Conversation, tag: string, body: string): Told {
  const id = call?.legs.find((leg) => leg.tag === tag)?.streams[0]?.id;
  const stream = call && planOf(call).streams.find((candidate) => candidate.id === id);
  if (stream === undefined) throw new Error(`${tag} has no stream`);
  return {
    ufrag: /a=ice-ufrag:(\S+)/.exec(body)?.[1],
    tlsId: /a=tls-id:(\S+)/.exec(body)?.[1],
    keys: [...body.matchAll(/inline:(\S+)/g)].map(([, key]) => key ?? ''),
    port: portOf(body),
    stream,
  };
}

/** The control plane loses its memory and reads the call from the data plane. */
export function forgetAndRead(conversation: Conversation): void {
  const { call } = conversation;
  if (call === undefined) return;
  const read = decodeCall(encodeCall(call));
  expect(read && planOf(read)).toEqual(planOf(call));
  // Ports are not in the memo; the plan lists them.
  const ports = new Map(call.legs.flatMap(({ streams }) => streams.map(({ id, locals }) => [id, locals])));
  const legs = read?.legs.map((leg) => ({
    ...leg,
    streams: leg.streams.map((stream) => ({ ...stream, locals: ports.get(stream.id) ?? stream.locals })),
  }));
  if (read && legs) conversation.call = { ...read, legs };
}

export function secureFacts(): Facts {
  let state = 7;
  const next = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return (state >>> 16) % 256;
  };
  return {
    ...FACTS,
    random: { bytes: (count) => Uint8Array.from({ length: count }, next) },
    capabilities: new Set(['srtp', 'ice']),
    certificate: {
      id: 'A1',
      former: [],
      fingerprints: [{ hash: 'sha-256', value: Array(32).fill('A1').join(':') }],
    },
  };
}

export function sendKey({ security }: StreamPlan): string | undefined {
  if (security.kind !== 'sdes') return undefined;
  const bytes = [security.send.keyBase64, security.send.saltBase64].map((text) =>
    Buffer.from(text, 'base64'),
  );
  return Buffer.concat(bytes).toString('base64');
}

export function association({ stream }: Told): number {
  return stream.security.kind === 'dtls' ? stream.security.association : 0;
}

export function role({ stream }: Told): string | undefined {
  return stream.security.kind === 'dtls' ? stream.security.role : undefined;
}
