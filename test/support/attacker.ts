import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { onTestFinished } from 'vitest';
import { rtcp } from './rtcp.js';
import { loopbackAddress } from './tandem.js';

/** What an attacker knows of the party it plays. */
export type Victim = { readonly ssrc: number; readonly lastSent: Buffer };

type Target = { readonly address: string; readonly port: number };

/** A host that is no party of any call. It sends what it can think of, and keeps what comes back. */
export class Attacker {
  readonly address: string;
  readonly received: Buffer[] = [];
  readonly #socket: Socket;
  #sequence = 40_000;

  private constructor(address: string, socket: Socket) {
    this.address = address;
    this.#socket = socket;
    socket.on('message', (datagram) => this.received.push(datagram));
    onTestFinished(() => {
      socket.close();
    });
  }

  /** At the port number of the party it plays, which makes it as likely a source as a stranger can be. */
  static async open(port: number): Promise<Attacker> {
    const address = loopbackAddress();
    const socket = createSocket('udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, address, resolve);
    });
    // From now on: that nobody listens where it sends to.
    socket.on('error', () => {});
    return new Attacker(address, socket);
  }

  /** Media of anybody that came here. */
  get bled(): number {
    return this.received.filter(([first = 0]) => first >= 128 && first <= 191).length;
  }

  /** Where its packets come from. */
  get source(): string {
    return `${this.address}:${this.#socket.address().port}`;
  }

  /** One of everything, to a media port and to the port above it. */
  async spray(to: Target, victim: Victim): Promise<void> {
    for (const kind of ATTACKS) {
      await this.send(kind, to, victim);
      await this.send(kind, { ...to, port: to.port + 1 }, victim);
    }
  }

  /** One packet. */
  send(kind: Attack, to: Target, victim: Victim): Promise<void> {
    this.#sequence += 1;
    const datagram = packetOf(kind, victim, this.#sequence);
    return new Promise((resolve) => this.#socket.send(datagram, to.port, to.address, () => resolve()));
  }
}

/** What a packet of an attacker holds. */
export const INJECTED = 0x66;

const PACKETS = {
  'a minimal RTP packet': (_: Victim, sequence: number) => rtp(0x1234_5678, sequence, 0),
  'RTP of a source of its own': (_: Victim, sequence: number) => rtp(0x1234_5678, sequence, 160),
  'RTP of the source it plays': ({ ssrc }: Victim, sequence: number) => rtp(ssrc, sequence, 160),
  'RTP with a tag that is made up': ({ ssrc }: Victim, sequence: number) =>
    Buffer.concat([rtp(ssrc, sequence, 160), randomBytes(10)]),
  'what was overheard': ({ lastSent }) => lastSent,
  'what was overheard, with a bit turned': ({ lastSent }) => turned(lastSent),
  'a receiver report': ({ ssrc }) => rtcp(201, 0, ssrc),
  'a sender report': ({ ssrc }) => rtcp(200, 0, ssrc, 0, 0, 0, 0, 0),
  'a good-bye': ({ ssrc }) => rtcp(203, 1, ssrc),
  'RTCP of four bytes': () => Buffer.from([0x80, 0xc9, 0, 1]),
  'a connectivity check': () => stun(0x0001),
  'an answer to a connectivity check': () => stun(0x0101),
  'a ClientHello without encryption': () => record(22, clientHello()),
  'a fatal alert': () => record(21, Buffer.from([2, 40])),
  'closing an association': () => record(21, Buffer.from([1, 0])),
  'noise that looks like DTLS': () => record(23, randomBytes(60)),
  noise: () => Buffer.concat([Buffer.from([0xff]), randomBytes(40)]),
  nothing: () => Buffer.alloc(0),
} satisfies Record<string, (victim: Victim, sequence: number) => Buffer>;

export type Attack = keyof typeof PACKETS;

export function packetOf(kind: Attack, victim: Victim, sequence = 40_000): Buffer {
  return PACKETS[kind](victim, sequence);
}

type Speech = 'RTP' | 'SRTP with SDES' | 'SRTP with DTLS';

/** What each comes to from an address that is not the party's, once the party is known. */
export function causeFromElsewhere(kind: Attack, protection: Speech): string {
  return isMedia(kind) || (protection === 'SRTP with DTLS' && isHandshake(kind)) ? 'foreign' : 'malformed';
}

/** The same where media is SRTP, from the party's own address; `undefined`: nothing to tell of, as parties do it themselves. */
export function causeInTheNameOfAParty(kind: Attack, protection: Speech): string | undefined {
  // Repetitions are seen before their tags are.
  if (isMedia(kind)) return kind.startsWith('what was overheard') ? undefined : 'notAuthentic';
  const isRefused = isHandshake(kind) && kind !== 'a ClientHello without encryption';
  return protection === 'SRTP with DTLS' && isRefused ? 'handshake' : undefined;
}

function isMedia(kind: Attack): boolean {
  const [first = 0] = packetOf(kind, { ssrc: 0, lastSent: rtp(0, 0, 160) });
  return first >> 6 === 2 && kind !== 'RTCP of four bytes';
}

function isHandshake(kind: Attack): boolean {
  const [first = 0] = packetOf(kind, { ssrc: 0, lastSent: Buffer.alloc(0) });
  return first >= 20 && first <= 63;
}

/** What is in the clear in a handshake, and ends those of others that believe it. */
export function forgedInHandshake(): readonly Buffer[] {
  const kinds = ['a fatal alert', 'closing an association', 'noise that looks like DTLS'] as const;
  return [...kinds.map((kind) => PACKETS[kind]()), record(20, Buffer.from([1]))];
}

export const ATTACKS = Object.keys(PACKETS) as readonly Attack[];

function rtp(ssrc: number, sequence: number, payloadBytes: number): Buffer {
  const packet = Buffer.alloc(12 + payloadBytes, INJECTED);
  packet.writeUInt16BE(0x8000, 0);
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE(sequence * 160, 4);
  packet.writeUInt32BE(ssrc, 8);
  return packet;
}

function turned(packet: Buffer): Buffer {
  const copy = Buffer.from(packet);
  const at = Math.min(20, copy.length - 1);
  if (at >= 0) copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** Asks for the nomination of its pair, and proves nothing. */
function stun(type: number): Buffer {
  const useCandidate = Buffer.from([0, 0x25, 0, 0]);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(useCandidate.length, 2);
  header.writeUInt32BE(0x2112_a442, 4);
  randomBytes(12).copy(header, 8);
  return Buffer.concat([header, useCandidate]);
}

/** DTLS 1.2, with TLS_NULL_WITH_NULL_NULL for the only cipher. */
function clientHello(): Buffer {
  const body = Buffer.concat([
    Buffer.from([0xfe, 0xfd]),
    randomBytes(32),
    Buffer.from([0, 0]),
    Buffer.from([0, 2, 0, 0]),
    Buffer.from([1, 0]),
  ]);
  const header = Buffer.alloc(12);
  header.writeUInt8(1, 0);
  header.writeUIntBE(body.length, 1, 3);
  header.writeUIntBE(body.length, 9, 3);
  return Buffer.concat([header, body]);
}

function record(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt8(type, 0);
  header.writeUInt16BE(0xfefd, 1);
  header.writeUInt16BE(body.length, 11);
  return Buffer.concat([header, body]);
}
