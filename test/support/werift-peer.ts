import { onTestFinished } from 'vitest';
import {
  MediaStreamTrack,
  type PeerConfig,
  RTCPeerConnection,
  RtpHeader,
  RtpPacket,
  useOPUS,
  usePCMU,
  useVP8,
} from 'werift';

export type WeriftOptions = Partial<Pick<PeerConfig, 'iceLite' | 'bundlePolicy'>> & {
  /** With a section for video, which stays silent. */
  readonly video?: boolean;
  /** Its only address. */
  readonly host?: string;
};

/**
 * A WebRTC endpoint of another make (werift): ICE full or lite, DTLS-SRTP, audio both ways. It hears only sources that its
 * peer has named in `a=ssrc`.
 */
export class WeriftPeer {
  readonly #connection: RTCPeerConnection;
  readonly #track = new MediaStreamTrack({ kind: 'audio' });
  readonly #talking: NodeJS.Timeout;
  readonly #host: string | undefined;
  #sequence = 0;
  heard = 0;

  constructor({ iceLite = false, bundlePolicy = 'max-compat', video = false, host }: WeriftOptions = {}) {
    this.#host = host;
    this.#connection = new RTCPeerConnection({
      iceLite,
      bundlePolicy,
      iceServers: [],
      iceUseIpv6: host?.includes(':') ?? false,
      // Beside its other ones, all of one priority (RFC 8445 §5.1.2.1 wants them distinct): of two pairs that it
      // nominates, it and Tandem may take different ones.
      iceAdditionalHostAddresses: [host ?? '127.0.0.1'],
      codecs: { audio: [usePCMU(), useOPUS()], video: [useVP8()] },
    });
    this.#connection.addTransceiver(this.#track, { direction: 'sendrecv' });
    if (video)
      this.#connection.addTransceiver(new MediaStreamTrack({ kind: 'video' }), { direction: 'sendrecv' });
    this.#connection.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe(({ payload }) => {
        if (payload.some((octet) => octet !== SILENCE)) this.heard += 1;
      });
    });
    this.#talking = setInterval(() => this.#talk(), 20);
    onTestFinished(async () => {
      clearInterval(this.#talking);
      await this.#connection.close();
    });
  }

  async offer(): Promise<string> {
    await this.#connection.setLocalDescription(await this.#connection.createOffer());
    return this.#sdp();
  }

  async answerTo(sdp: string): Promise<string> {
    await this.#connection.setRemoteDescription({ type: 'offer', sdp: this.#reachable(legible(sdp)) });
    await this.#connection.setLocalDescription(await this.#connection.createAnswer());
    return this.#sdp();
  }

  async accept(sdp: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: this.#reachable(legible(sdp)) });
  }

  /** What it is in the handshakes of its transports. */
  get dtlsRoles(): readonly string[] {
    return this.#connection.dtlsTransports.map(({ role }) => role);
  }

  get isConnected(): boolean {
    return this.#connection.connectionState === 'connected';
  }

  #sdp(): string {
    const { sdp } = this.#connection.localDescription ?? {};
    if (sdp === undefined) throw new Error('werift has no description');
    return this.#reachable(sdp);
  }

  /** Without the candidates that are not on its only address's host. */
  #reachable(sdp: string): string {
    const host = this.#host;
    if (host === undefined) return sdp;
    return sdp.replaceAll(/^a=candidate:.*\r\n/gm, (line) => (line.includes(` ${host} `) ? line : ''));
  }

  #talk(): void {
    if (!this.isConnected) return;
    this.#sequence += 1;
    const [sequenceNumber, timestamp] = [this.#sequence & 0xffff, this.#sequence * 160];
    const header = new RtpHeader({ payloadType: 0, sequenceNumber, timestamp, marker: false });
    this.#track.writeRtp(new RtpPacket(header, Buffer.alloc(160, TONE)));
  }
}

/** RFC 3605 allows `a=rtcp` to have no address; werift 0.24 does not. */
function legible(sdp: string): string {
  return sdp.replaceAll(/^a=rtcp:(\d+)\r?$/gm, 'a=rtcp:$1 IN IP4 0.0.0.0\r');
}

/** Of PCMU. */
const SILENCE = 0xff;
const TONE = 0x2a;
