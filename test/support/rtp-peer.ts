import { createSocket, type Socket } from 'node:dgram';
import { onTestFinished } from 'vitest';
import { until } from './netns-until.js';
import type { SrtpContext } from './srtp.js';

export type SdpOptions = {
  readonly direction?: string;
  readonly version?: number;
  readonly profile?: string;
  /** Further lines of the media. */
  readonly lines?: readonly string[];
};

/** A party of a call on loopback: an RTP and an RTCP port, and a sequence of packets to tell apart. */
export class RtpPeer {
  readonly address: string;
  readonly port: number;
  readonly ssrc = Math.floor(Math.random() * 2 ** 32);
  readonly received: { sequence: number; ssrc: number; payload: Buffer; from: string }[] = [];
  /** At the RTCP port. */
  readonly rtcpReceived: Buffer[] = [];
  /** At the RTP port (RFC 5761), as it came. */
  readonly muxedRtcp: Buffer[] = [];
  /** Packets that were not what this peer understands. */
  refused = 0;
  /** Its last media packet on the wire, for whoever listens in. */
  lastSent: Buffer = Buffer.alloc(0);
  /** SRTP; absent: plain RTP. */
  protection: { readonly send: SrtpContext; readonly receive: SrtpContext } | undefined;
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  #sequence = 0;
  #offset = 0;
  #remote: { address: string; port: number } | undefined;
  #sending: NodeJS.Timeout | undefined;

  private constructor(rtp: Socket, rtcp: Socket) {
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    ({ address: this.address, port: this.port } = rtp.address());
    rtp.on('message', (datagram, { address, port }) => {
      if (isRtcp(datagram)) {
        this.muxedRtcp.push(datagram);
        return;
      }
      if (this.protection !== undefined && isFlight(datagram)) return;
      const packet = this.protection === undefined ? datagram : this.protection.receive.open(datagram);
      if (packet === undefined) {
        this.refused += 1;
        return;
      }
      this.received.push({
        sequence: packet.readUInt16BE(2),
        ssrc: packet.readUInt32BE(8),
        payload: packet.subarray(12),
        from: `${address}:${port}`,
      });
    });
    rtcp.on('message', (packet) => this.rtcpReceived.push(packet));
    onTestFinished(() => {
      clearInterval(this.#sending);
      rtp.close();
      rtcp.close();
    });
  }

  /** At a given RTP port, RTCP may be anywhere. */
  static async open(address = '127.0.0.1', at?: number): Promise<RtpPeer> {
    if (at !== undefined) return new RtpPeer(await bind(address, at), await bind(address, 0));
    for (;;) {
      const rtp = await bind(address, 0);
      const { port } = rtp.address();
      const rtcp = port % 2 === 0 ? await bind(address, port + 1).catch(() => undefined) : undefined;
      if (rtcp !== undefined) return new RtpPeer(rtp, rtcp);
      rtp.close();
    }
  }

  /** An SDP body with one audio stream at this peer. */
  sdp(options: SdpOptions = {}): string {
    return audioSdp(this, options);
  }

  /** Sends to where the SDP says. */
  aim(sdp: string): void {
    this.#remote = mediaAddress(sdp);
  }

  /** Packets sent so far. */
  get sent(): number {
    return this.#sequence;
  }

  /** Goes on with this sequence number, as if the packets before had been lost. */
  continueAt(sequence: number): void {
    this.#offset = sequence - this.#sequence - 1;
  }

  send(count = 1): void {
    for (let index = 0; index < count; index++) {
      this.#sequence += 1;
      const packet = Buffer.alloc(12 + 160, 0xd5);
      packet[0] = 0x80;
      packet[1] = 0;
      packet.writeUInt16BE((this.#sequence + this.#offset) & 0xffff, 2);
      packet.writeUInt32BE(this.#sequence * 160, 4);
      packet.writeUInt32BE(this.ssrc, 8);
      this.lastSent = this.protection?.send.protect(packet) ?? packet;
      this.#transmit(this.#rtp, this.lastSent, 0);
    }
  }

  /** Any datagram to the RTP port (0) or the RTCP port (1) of the other side. */
  sendRaw(packet: Buffer, offset: 0 | 1 = 0): void {
    this.#transmit(offset === 0 ? this.#rtp : this.#rtcp, packet, offset);
  }

  /** 50 packets a second until `stopTalking`. */
  talk(): void {
    this.#sending ??= setInterval(() => this.send(), 20);
  }

  stopTalking(): void {
    clearInterval(this.#sending);
    this.#sending = undefined;
  }

  async hears(count: number): Promise<void> {
    await until(`${count} packets (${this.received.length} so far)`, () =>
      this.received.length >= count ? true : undefined,
    );
  }

  #transmit(socket: Socket, packet: Buffer, offset: number): void {
    if (this.#remote === undefined) throw new Error('the peer was aimed at nothing');
    socket.send(packet, this.#remote.port + offset, this.#remote.address);
  }
}

/**
 * Of a handshake that has been made for this peer, by a program that saw a flight again for having waited too long for the
 * next one: the answer comes again as well. A ClientHello is no answer.
 */
function isFlight([type = 0, ...rest]: Buffer): boolean {
  const [changeCipherSpec, handshake, clientHello] = [20, 22, 1];
  return type === changeCipherSpec || (type === handshake && rest[12] !== clientHello);
}

/** RFC 5761 §4: by the packet type, which SRTCP leaves readable. */
function isRtcp(datagram: Buffer): boolean {
  const [first = 0, type = 0] = datagram;
  return first >> 6 === 2 && type >= 192 && type <= 223;
}

/** An SDP body with one audio stream at this address. */
export function audioSdp(
  { address, port }: { readonly address: string; readonly port: number },
  { direction = 'sendrecv', version = 1, profile = 'RTP/AVP', lines = [] }: SdpOptions,
): string {
  return [
    'v=0',
    `o=- 1 ${version} IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    `m=audio ${port} ${profile} 0`,
    'a=rtpmap:0 PCMU/8000',
    `a=${direction}`,
    ...lines,
    '',
  ].join('\r\n');
}

/** Address and port of the first stream. */
export function mediaAddress(sdp: string): { address: string; port: number } {
  const address = /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1];
  const port = /^m=\S+ (\d+)/m.exec(sdp)?.[1];
  if (address === undefined || port === undefined) throw new Error(`no media address in ${sdp}`);
  return { address, port: Number(port) };
}

function bind(address: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.removeListener('error', reject);
      // The other side's port may be closed already.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}
