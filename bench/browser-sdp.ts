import { createHash } from 'node:crypto';

/**
 * The SDP of a browser with audio, video and a data channel in one bundle, about 8 kB, in the form Chromium writes. No
 * two have the same credentials, fingerprint, ports, sources, message identifiers or number of candidates, and every
 * sixth has another list of codecs. Those of a kind `never seen` have a line that no other has.
 */
export function browserSdp(number: number, kind: 'known' | 'never seen' = 'known'): string {
  const draw = new Draw(number);
  const stream = draw.uuid();
  const session = [
    'v=0',
    `o=- ${draw.digits(19)} 2 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    'a=group:BUNDLE 0 1 2',
    'a=extmap-allow-mixed',
    // In place of a list of codecs nobody else has: whatever the line, it makes a kind of its own.
    ...(kind === 'known' ? [] : [`a=x-kind:${number}`]),
    `a=msid-semantic: WMS ${stream}`,
  ];
  const cname = draw.text(16);
  const shared: Transport = {
    ufrag: draw.text(4),
    password: draw.text(24),
    fingerprint: draw.fingerprint(),
    candidates: 6 + (number % 5),
  };
  const address = `198.51.100.${1 + (number % 250)}`;
  const lines = [
    ...session,
    ...media('audio', AUDIO.map(({ type }) => type).join(' '), address, shared, draw),
    'a=mid:0',
    ...AUDIO_EXTENSIONS.map((uri, index) => `a=extmap:${index + 1} ${uri}`),
    ...source(stream, draw.uuid(), cname, [draw.ssrc()]),
    ...AUDIO.flatMap(({ lines: codec }) => codec),
    ...video(number, stream, cname, { address, shared, draw }),
    ...media('application', 'webrtc-datachannel', address, shared, draw),
    'a=mid:2',
    'a=sctp-port:5000',
    'a=max-message-size:262144',
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

type Transport = {
  readonly ufrag: string;
  readonly password: string;
  readonly fingerprint: string;
  readonly candidates: number;
};

type Context = { readonly address: string; readonly shared: Transport; readonly draw: Draw };

function video(number: number, stream: string, cname: string, { address, shared, draw }: Context): string[] {
  const turn = Math.floor(number / 6) % VIDEO.length;
  const codecs = number % 6 === 0 ? [...VIDEO.slice(turn), ...VIDEO.slice(0, turn)] : VIDEO;
  const [first, second] = [draw.ssrc(), draw.ssrc()];
  return [
    ...media('video', codecs.flatMap(({ type }) => [type, type + 1]).join(' '), address, shared, draw),
    'a=mid:1',
    ...VIDEO_EXTENSIONS.map((uri, index) => `a=extmap:${index + 2} ${uri}`),
    ...source(stream, draw.uuid(), cname, []),
    ...codecs.flatMap(({ type, name, fmtp }) => [
      `a=rtpmap:${type} ${name}/90000`,
      ...FEEDBACK.map((feedback) => `a=rtcp-fb:${type} ${feedback}`),
      ...(fmtp === '' ? [] : [`a=fmtp:${type} ${fmtp}`]),
      `a=rtpmap:${type + 1} rtx/90000`,
      `a=fmtp:${type + 1} apt=${type}`,
    ]),
    `a=ssrc-group:FID ${first} ${second}`,
    ...[first, second].map((ssrc) => `a=ssrc:${ssrc} cname:${cname}`),
  ];
}

function media(type: string, formats: string, address: string, shared: Transport, draw: Draw): string[] {
  const port = 20_000 + draw.below(40_000);
  const protocol = type === 'application' ? 'UDP/DTLS/SCTP' : 'UDP/TLS/RTP/SAVPF';
  const candidates = Array.from({ length: shared.candidates }, (_, at) => {
    const kind =
      at % 3 === 0
        ? 'typ host'
        : `typ ${at % 3 === 1 ? 'srflx' : 'relay'} raddr 192.168.1.${at} rport ${port}`;
    return `a=candidate:${draw.digits(10)} 1 udp ${2_113_937_151 - at} ${at === 0 ? address : `192.0.2.${at}`} ${port + at} ${kind} generation 0 network-id 1`;
  });
  return [
    `m=${type} ${port} ${protocol} ${formats}`,
    `c=IN IP4 ${address}`,
    ...(type === 'application' ? [] : ['a=rtcp:9 IN IP4 0.0.0.0']),
    ...candidates,
    `a=ice-ufrag:${shared.ufrag}`,
    `a=ice-pwd:${shared.password}`,
    'a=ice-options:trickle',
    `a=fingerprint:sha-256 ${shared.fingerprint}`,
    'a=setup:actpass',
  ];
}

function source(stream: string, track: string, cname: string, ssrcs: readonly string[]): string[] {
  return [
    'a=sendrecv',
    `a=msid:${stream} ${track}`,
    'a=rtcp-mux',
    'a=rtcp-rsize',
    ...ssrcs.map((ssrc) => `a=ssrc:${ssrc} cname:${cname}`),
  ];
}

/** Values that follow from a number alone, so that both proxies are sent the same. */
class Draw {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(number: number) {
    const blocks = Array.from({ length: 40 }, (_, block) =>
      createHash('sha256').update(`${number}/${block}`).digest(),
    );
    this.#bytes = Buffer.concat(blocks);
  }

  below(limit: number): number {
    const value = this.#bytes.readUInt32BE(this.#at % (this.#bytes.length - 4));
    this.#at += 4;
    return value % limit;
  }

  ssrc(): string {
    return `${1 + this.below(0xffff_fffe)}`;
  }

  digits(count: number): string {
    return `${1 + this.below(9)}${Array.from({ length: count - 1 }, () => this.below(10)).join('')}`;
  }

  text(count: number): string {
    return Array.from({ length: count }, () => LETTERS[this.below(LETTERS.length)]).join('');
  }

  hex(count: number): string {
    return Array.from({ length: count }, () => this.below(16).toString(16)).join('');
  }

  uuid(): string {
    return [8, 4, 4, 4, 12].map((count) => this.hex(count)).join('-');
  }

  fingerprint(): string {
    return Array.from({ length: 32 }, () => this.hex(2).toUpperCase()).join(':');
  }
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

const AUDIO: readonly { readonly type: number; readonly lines: readonly string[] }[] = [
  {
    type: 111,
    lines: [
      'a=rtpmap:111 opus/48000/2',
      'a=rtcp-fb:111 transport-cc',
      'a=fmtp:111 minptime=10;useinbandfec=1',
    ],
  },
  { type: 63, lines: ['a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111'] },
  { type: 9, lines: ['a=rtpmap:9 G722/8000'] },
  { type: 0, lines: ['a=rtpmap:0 PCMU/8000'] },
  { type: 8, lines: ['a=rtpmap:8 PCMA/8000'] },
  { type: 110, lines: ['a=rtpmap:110 telephone-event/48000'] },
  { type: 126, lines: ['a=rtpmap:126 telephone-event/8000'] },
];

const H264 = 'level-asymmetry-allowed=1;packetization-mode=';

const VIDEO: readonly { readonly type: number; readonly name: string; readonly fmtp: string }[] = [
  { type: 96, name: 'VP8', fmtp: '' },
  { type: 102, name: 'H264', fmtp: `${H264}1;profile-level-id=42001f` },
  { type: 104, name: 'H264', fmtp: `${H264}0;profile-level-id=42001f` },
  { type: 106, name: 'H264', fmtp: `${H264}1;profile-level-id=42e01f` },
  { type: 108, name: 'H264', fmtp: `${H264}0;profile-level-id=42e01f` },
  { type: 114, name: 'H264', fmtp: `${H264}1;profile-level-id=4d001f` },
  { type: 116, name: 'H264', fmtp: `${H264}0;profile-level-id=4d001f` },
  { type: 45, name: 'AV1', fmtp: 'level-idx=5;profile=0;tier=0' },
  { type: 98, name: 'VP9', fmtp: 'profile-id=0' },
  { type: 100, name: 'VP9', fmtp: 'profile-id=2' },
];

const FEEDBACK = ['goog-remb', 'transport-cc', 'ccm fir', 'nack', 'nack pli'];

const AUDIO_EXTENSIONS = [
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'urn:ietf:params:rtp-hdrext:sdes:mid',
];

const VIDEO_EXTENSIONS = [
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'urn:3gpp:video-orientation',
  'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'http://www.webrtc.org/experiments/rtp-hdrext/video-content-type',
  'http://www.webrtc.org/experiments/rtp-hdrext/video-timing',
  'http://www.webrtc.org/experiments/rtp-hdrext/color-space',
  'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
];
