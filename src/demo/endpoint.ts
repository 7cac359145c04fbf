import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { Receiver } from './receiver.js';
import { ntpMiddleOf, writeReport } from './rtcp-report.js';
import { SAMPLES_PER_FRAME, toneFrames } from './tone.js';

/** What the network does to the packets an endpoint sends. */
export type Impairment = {
  /** Every so many packets one gets lost; 0: none. */
  readonly loseEvery: number;
  /** Packets are late by up to this. */
  readonly jitterMs: number;
};

/** A telephone: an RTP and an RTCP socket, a tone to send, and reports on what it hears. */
export class Endpoint {
  readonly name: string;
  readonly port: number;
  readonly #rtp: Socket;
  readonly #rtcp: Socket;
  readonly #frames: readonly Buffer[];
  readonly #impairment: Impairment;
  readonly #ssrc = Math.floor(Math.random() * 2 ** 32);
  readonly #firstSequence = Math.floor(Math.random() * 2 ** 15);
  readonly #receiver = new Receiver();
  readonly #timers: NodeJS.Timeout[] = [];
  #lastReport: { ntpMiddle: number; atMs: number } | undefined;
  #frame = 0;
  #sent = 0;

  static async open(
    name: string,
    address: string,
    toneHz: number,
    impairment: Impairment,
  ): Promise<Endpoint> {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const rtp = await bind(address, 0);
      const { port } = rtp.address();
      const rtcp = port % 2 === 0 ? await bind(address, port + 1).catch(() => undefined) : undefined;
      if (rtcp !== undefined) return new Endpoint(name, rtp, rtcp, toneFrames(toneHz), impairment);
      rtp.close();
    }
    throw new Error(`no two free ports next to each other on ${address}`);
  }

  private constructor(
    name: string,
    rtp: Socket,
    rtcp: Socket,
    frames: readonly Buffer[],
    impairment: Impairment,
  ) {
    this.name = name;
    this.port = rtp.address().port;
    this.#rtp = rtp;
    this.#rtcp = rtcp;
    this.#frames = frames;
    this.#impairment = impairment;
    rtp.on('message', (packet) => {
      if (packet.length >= 12) this.#receiver.count(packet, performance.now());
    });
    rtcp.on('message', (compound) => {
      const ntpMiddle = ntpMiddleOf(compound);
      if (ntpMiddle !== undefined) this.#lastReport = { ntpMiddle, atMs: performance.now() };
    });
  }

  /** Packets that arrived here. */
  get heard(): number {
    return this.#receiver.received;
  }

  /** An SDP body that names this address; it need not be the true one. */
  sdp(address: string): string {
    const family = isIPv6(address) ? 'IP6' : 'IP4';
    return [
      'v=0',
      `o=${this.name.toLowerCase()} 1 1 IN ${family} ${address}`,
      's=-',
      `c=IN ${family} ${address}`,
      't=0 0',
      `m=audio ${this.port} RTP/AVP 0`,
      'a=rtpmap:0 PCMU/8000',
      'a=sendrecv',
      '',
    ].join('\r\n');
  }

  /** Talks to the address of the other side's SDP until `hangUp`. */
  talkTo(remote: { readonly address: string; readonly port: number }): void {
    const startedMs = performance.now();
    const speak = () => {
      while (performance.now() - startedMs >= this.#frame * FRAME_MS) this.#sendFrame(remote);
    };
    const report = () => this.#sendReport(remote);
    this.#timers.push(setInterval(speak, FRAME_MS / 2), setInterval(report, REPORT_INTERVAL_MS));
  }

  hangUp(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  close(): void {
    this.hangUp();
    this.#rtp.close();
    this.#rtcp.close();
  }

  #sendFrame(remote: { address: string; port: number }): void {
    const frame = this.#frame;
    this.#frame += 1;
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header.writeUInt16BE((this.#firstSequence + frame) & 0xffff, 2);
    header.writeUInt32BE((frame * SAMPLES_PER_FRAME) >>> 0, 4);
    header.writeUInt32BE(this.#ssrc, 8);
    const { loseEvery, jitterMs } = this.#impairment;
    if (loseEvery > 0 && frame % loseEvery === loseEvery - 1) return;
    this.#sent += 1;
    const packet = Buffer.concat([header, this.#frames[frame % this.#frames.length] ?? Buffer.alloc(0)]);
    const send = () => transmit(this.#rtp, packet, remote.port, remote.address);
    if (jitterMs === 0) send();
    else this.#timers.push(setTimeout(send, Math.random() * jitterMs));
  }

  #sendReport(remote: { address: string; port: number }): void {
    const block = this.#receiver.report();
    const last = this.#lastReport;
    const report = writeReport({
      ssrc: this.#ssrc,
      cname: `${this.name}@demo`,
      nowMs: Date.now(),
      rtpTimestamp: this.#frame * SAMPLES_PER_FRAME,
      packets: this.#sent,
      octets: this.#sent * SAMPLES_PER_FRAME,
      ...(block && { block }),
      ...(last && { lastReport: { ntpMiddle: last.ntpMiddle, delayMs: performance.now() - last.atMs } }),
    });
    transmit(this.#rtcp, report, remote.port + 1, remote.address);
  }
}

/** Where an SDP body wants its first stream. */
export function mediaAddress(sdp: string): { address: string; port: number } {
  const address = /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1];
  const port = /^m=audio (\d+)/m.exec(sdp)?.[1];
  if (address === undefined || port === undefined) throw new Error(`there is no media address in\n${sdp}`);
  return { address, port: Number(port) };
}

async function bind(address: string, port: number): Promise<Socket> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.bind(port, address);
  try {
    await once(socket, 'listening');
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.on('error', () => {});
  return socket;
}

function transmit(socket: Socket, packet: Buffer, port: number, address: string): void {
  try {
    socket.send(packet, port, address, () => {});
  } catch {
    // A late packet after the end of the call.
  }
}

const FRAME_MS = 20;
const REPORT_INTERVAL_MS = 2000;
