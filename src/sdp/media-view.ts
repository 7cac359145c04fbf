import { type NetworkAddress, parseConnection, parseRtcp, type RtcpAttribute } from './address.js';
import { attributeName, decimalUpTo } from './attributes.js';
import { rtcpBandwidth } from './bandwidth.js';
import { type CodecRun, runOf } from './codec-run.js';
import { type CryptoAttribute, parseCrypto } from './crypto.js';
import { type Direction, narrowerDirection, parseDirection } from './direction.js';
import { type Fingerprint, formatFingerprint, parseFingerprint, parseSetup, type Setup } from './dtls.js';
import { type Extmap, parseExtmap } from './extmap.js';
import { type IceAttributes, iceAttributes } from './ice.js';
import type { Line, MediaDescription } from './model.js';
import { type PayloadFormat, payloadFormats } from './payloads.js';
import type { SessionView } from './session-view.js';

/** One media description, read together with what the session part says for it. */
export type MediaView = {
  readonly media: MediaDescription;
  /** Absent: not RTP over UDP, to be relayed as opaque packets or not at all. */
  readonly profile: RtpProfile | undefined;
  /** Own `c=`, else that of the session. */
  readonly address: NetworkAddress;
  /** The address stands in the media section itself. */
  readonly ownAddress: boolean;
  readonly direction: Direction;
  /** The direction attributes of this section as they came in; empty if it relies on the session or default. */
  readonly directionLines: readonly Line[];
  readonly rtcp: RtcpAttribute | undefined;
  /** `a=rtcp-mux`, or `a=rtcp` naming the RTP port itself. */
  readonly rtcpMux: boolean;
  /** In the order of the `m=` line; empty unless RTP. */
  readonly payloads: readonly PayloadFormat[];
  readonly ptimeMs: number | undefined;
  readonly maxPtimeMs: number | undefined;
  readonly mid: string | undefined;
  readonly label: string | undefined;
  readonly bundleOnly: boolean;
  readonly extmaps: readonly Extmap[];
  readonly extmapAllowMixed: boolean;
  readonly crypto: readonly CryptoAttribute[];
  readonly fingerprint: Fingerprint | undefined;
  readonly setup: Setup | undefined;
  readonly tlsId: string | undefined;
  readonly ice: IceAttributes;
  /** `i=` of the section. */
  readonly title: Line | undefined;
  readonly bandwidth: readonly Line[];
  /** Bits per second for RTCP, if that is said. */
  readonly rtcpBandwidthBps: number | undefined;
  /**
   * Attributes nobody here understands, in order. Without RTP these include what only RTP gives a meaning to, and
   * `setup`, `fingerprint`, `tls-id`, `crypto`: the parties speak through us about a protocol we do not know.
   */
  readonly other: readonly Line[];
  /** What the session part says of DTLS for such a section. */
  readonly inherited: readonly Line[];
};

export type ViewedMedia =
  | { readonly ok: true; readonly view: MediaView }
  | { readonly ok: false; readonly reason: string };

export type RtpProfile = (typeof RTP_PROFILES)[number];

const RTP_PROFILES = [
  'RTP/AVP',
  'RTP/AVPF',
  'RTP/SAVP',
  'RTP/SAVPF',
  'UDP/TLS/RTP/SAVP',
  'UDP/TLS/RTP/SAVPF',
] as const;

export function rtpProfile(protocol: string): RtpProfile | undefined {
  const spelled = protocol.toUpperCase();
  return RTP_PROFILES.find((profile) => profile === spelled);
}

export function viewMedia(media: MediaDescription, session: SessionView): ViewedMedia {
  const profile = rtpProfile(media.protocol);
  if ((media.portCount ?? 1) > MAX_PORTS) return { ok: false, reason: 'too many ports in one m= line' };

  let connection: NetworkAddress | undefined;
  let title: Line | undefined;
  const bandwidth: Line[] = [];
  const attributes = emptyDraft(profile !== undefined);
  const { lines } = media;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at];
    switch (line?.type) {
      case 'a': {
        const run = profile === undefined ? undefined : runOf(media.formats, lines, at);
        if (run) at += run.lines.length - 1;
        readLines(attributes, line, run);
        break;
      }
      case 'c':
        connection ??= parseConnection(line.value);
        break;
      case 'b':
        bandwidth.push(line);
        break;
      case 'i':
        title ??= line;
        break;
    }
  }

  const address = connection ?? session.connection;
  if (address === undefined) return { ok: false, reason: INCOMPLETE };
  const payloads = profile === undefined ? [] : payloadsOf(media, attributes);
  // A rejected section may name anything: its formats are only repeated.
  if (payloads === undefined && media.port !== 0) return { ok: false, reason: INCOMPLETE };

  const rtcp = (media.portCount ?? 1) > 1 ? undefined : attributes.rtcp;
  const rtcpOnRtpPort =
    rtcp !== undefined &&
    media.port !== 0 &&
    rtcp.port === media.port &&
    (rtcp.address === undefined || rtcp.address.address === address.address);
  const view: MediaView = {
    media,
    profile,
    address,
    ownAddress: connection !== undefined,
    direction: attributes.direction ?? session.direction ?? 'sendrecv',
    directionLines: attributes.directionLines,
    rtcp,
    rtcpMux: attributes.rtcpMux || rtcpOnRtpPort,
    payloads: payloads ?? [],
    ptimeMs: attributes.ptimeMs,
    maxPtimeMs: attributes.maxPtimeMs,
    mid: attributes.mid,
    label: attributes.label,
    bundleOnly: attributes.bundleOnly,
    extmaps: profile === undefined ? [] : withShared(attributes.extmaps, session.extmaps),
    extmapAllowMixed: attributes.extmapAllowMixed || session.extmapAllowMixed,
    crypto: attributes.crypto,
    fingerprint: attributes.fingerprint ?? session.fingerprint,
    setup: attributes.setup ?? session.setup,
    tlsId: attributes.tlsId ?? session.tlsId,
    ice: iceAttributes(attributes.iceLines, session.ice),
    title,
    bandwidth,
    rtcpBandwidthBps: rtcpBandwidth(bandwidth, session.bandwidth),
    other: attributes.other,
    inherited: profile === undefined ? inheritedKeys(media, attributes, session) : NOTHING,
  };
  return { ok: true, view };
}

function inheritedKeys({ protocol }: MediaDescription, own: Draft, session: SessionView): readonly Line[] {
  if (!/\bD?TLS\b/i.test(protocol) || own.fingerprint !== undefined) return NOTHING;
  const lines: Line[] = [];
  const add = (value: string) => lines.push({ type: 'a', value });
  if (session.setup !== undefined && own.setup === undefined) add(`setup:${session.setup}`);
  if (session.fingerprint !== undefined) add(`fingerprint:${formatFingerprint(session.fingerprint)}`);
  if (session.tlsId !== undefined && own.tlsId === undefined) add(`tls-id:${session.tlsId}`);
  return lines;
}

/** The section's own count first. */
function withShared(own: readonly Extmap[], shared: readonly Extmap[]): readonly Extmap[] {
  if (shared.length === 0) return own;
  const isOther = ({ id, uri }: Extmap) => !own.some((extmap) => extmap.id === id || extmap.uri === uri);
  return [...shared.filter(isOther), ...own];
}

/** What the attributes of one section come to; the first of a kind counts where only one can. */
type Draft = {
  readonly isRtp: boolean;
  direction: Direction | undefined;
  rtcp: RtcpAttribute | undefined;
  rtcpMux: boolean;
  ptimeMs: number | undefined;
  maxPtimeMs: number | undefined;
  mid: string | undefined;
  label: string | undefined;
  bundleOnly: boolean;
  extmapAllowMixed: boolean;
  fingerprint: Fingerprint | undefined;
  setup: Setup | undefined;
  tlsId: string | undefined;
  readonly directionLines: Line[];
  /** As long as there is nothing else about payload types. */
  run: CodecRun | undefined;
  readonly payloadLines: Line[];
  readonly extmaps: Extmap[];
  readonly crypto: CryptoAttribute[];
  readonly iceLines: Line[];
  readonly other: Line[];
};

function emptyDraft(isRtp: boolean): Draft {
  return {
    isRtp,
    direction: undefined,
    rtcp: undefined,
    rtcpMux: false,
    ptimeMs: undefined,
    maxPtimeMs: undefined,
    mid: undefined,
    label: undefined,
    bundleOnly: false,
    extmapAllowMixed: false,
    fingerprint: undefined,
    setup: undefined,
    tlsId: undefined,
    directionLines: [],
    run: undefined,
    payloadLines: [],
    extmaps: [],
    crypto: [],
    iceLines: [],
    other: [],
  };
}

/** One run that says everything has been read before. */
function payloadsOf({ formats }: MediaDescription, { run, payloadLines }: Draft) {
  return run !== undefined && payloadLines.length === 0
    ? run.payloads
    : payloadFormats(formats, payloadLines);
}

function readLines(draft: Draft, line: Line, run: CodecRun | undefined): void {
  if (run === undefined) readAttribute(draft, line);
  else if (draft.run === undefined && draft.payloadLines.length === 0) draft.run = run;
  else for (const one of run.lines) pushPayloadLine(draft, one);
}

function pushPayloadLine(draft: Draft, line: Line): void {
  if (draft.run !== undefined) {
    draft.payloadLines.push(...draft.run.lines);
    draft.run = undefined;
  }
  draft.payloadLines.push(line);
}

function readAttribute(draft: Draft, line: Line): void {
  const name = attributeName(line);
  const value = line.value.slice(name.length + 1);
  if (readCommon(draft, name, value, line)) return;
  if (draft.isRtp && readRtp(draft, name, value, line)) return;
  if (readSecurity(draft, name, value) && draft.isRtp) return;
  draft.other.push(line);
}

function readCommon(draft: Draft, name: string, value: string, line: Line): boolean {
  switch (name) {
    case 'sendrecv':
    case 'sendonly':
    case 'recvonly':
    case 'inactive':
      draft.direction = narrowerDirection(draft.direction, parseDirection(name));
      draft.directionLines.push(line);
      return true;
    case 'mid':
      draft.mid ??= named(value);
      return true;
    case 'label':
      draft.label ??= named(value);
      return true;
    case 'bundle-only':
      draft.bundleOnly = true;
      return true;
    case 'rtcp':
      draft.rtcp ??= parseRtcp(value);
      return true;
    case 'rtcp-mux':
    // RFC 8858; copied, it would forbid the separate RTCP port of a leg that does not multiplex.
    case 'rtcp-mux-only':
      draft.rtcpMux = true;
      return true;
    case 'ice-ufrag':
    case 'ice-pwd':
    case 'ice-options':
    case 'ice-lite':
    case 'candidate':
    case 'remote-candidates':
    case 'end-of-candidates':
      draft.iceLines.push(line);
      return true;
    default:
      return false;
  }
}

function readRtp(draft: Draft, name: string, value: string, line: Line): boolean {
  switch (name) {
    case 'rtpmap':
    case 'fmtp':
      pushPayloadLine(draft, line);
      return true;
    case 'rtcp-fb':
      if (value.startsWith('*')) return false;
      pushPayloadLine(draft, line);
      return true;
    case 'ptime':
      draft.ptimeMs ??= milliseconds(value);
      return true;
    case 'maxptime':
      draft.maxPtimeMs ??= milliseconds(value);
      return true;
    case 'extmap': {
      const extmap = parseExtmap(value);
      if (extmap) draft.extmaps.push(extmap);
      return true;
    }
    case 'extmap-allow-mixed':
      draft.extmapAllowMixed = true;
      return true;
    default:
      return false;
  }
}

function readSecurity(draft: Draft, name: string, value: string): boolean {
  switch (name) {
    case 'crypto': {
      const crypto = draft.crypto.length < MAX_CRYPTO_LINES ? parseCrypto(value) : undefined;
      if (crypto) draft.crypto.push(crypto);
      return true;
    }
    case 'fingerprint':
      draft.fingerprint ??= parseFingerprint(value);
      return true;
    case 'setup':
      draft.setup ??= parseSetup(value);
      return true;
    case 'tls-id':
      draft.tlsId ??= value;
      return true;
    default:
      return false;
  }
}

function named(value: string): string | undefined {
  return value === '' ? undefined : value;
}

/** `20`, and `20.0` as some gateways write it. */
function milliseconds(text: string): number | undefined {
  const trimmed = text.trim();
  const dot = trimmed.indexOf('.');
  const ms = decimalUpTo(dot < 0 ? trimmed : trimmed.slice(0, dot), 10_000);
  return ms === 0 ? undefined : ms;
}

const NOTHING: readonly Line[] = [];
const INCOMPLETE = 'Incomplete SDP specification';
const MAX_PORTS = 16;
const MAX_CRYPTO_LINES = 32;
