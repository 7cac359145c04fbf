import { attributeName, decimalUpTo } from './attributes.js';
import type { Line } from './model.js';

/** One payload type of an RTP media description, with everything said about it. */
export type PayloadFormat = {
  readonly payloadType: number;
  /** As spelled; empty if the number has neither `a=rtpmap` nor a static assignment. */
  readonly encoding: string;
  /** In Hz; 0 if unknown. */
  readonly clockRate: number;
  readonly channels: number;
  /** Parameters of every `a=fmtp`; more than one line per payload type is rare, but exists. */
  readonly fmtp: readonly string[];
  /** What follows the payload type in `a=rtcp-fb`. */
  readonly rtcpFeedback: readonly string[];
  /** The source had `a=rtpmap`: otherwise the assignment is that of RFC 3551, or unknown. */
  readonly mapped: boolean;
  /** The source wrote the one channel it has (`AMR/8000/1`), as IMS telephones do. */
  readonly namesOneChannel?: true;
};

export type RtpMap = {
  readonly payloadType: number;
  readonly encoding: string;
  readonly clockRate: number;
  readonly channels: number;
};

/**
 * The payload types of an `m=` line with what the `rtpmap`, `fmtp` and `rtcp-fb` attributes say about them.
 * `undefined` if a format is not a payload type. A number listed twice counts once; so does a second `rtpmap`.
 */
export function payloadFormats(
  formats: readonly string[],
  attributes: readonly Line[],
): PayloadFormat[] | undefined {
  const drafts = new Map<number, Draft>();
  for (const format of formats) {
    const payloadType = decimalUpTo(format, 127);
    if (payloadType === undefined) return undefined;
    if (!drafts.has(payloadType)) drafts.set(payloadType, { map: undefined, fmtp: NONE, rtcpFeedback: NONE });
  }
  const oneChannel = new Set<number | undefined>();
  for (const line of attributes) {
    const name = attributeName(line);
    const value = line.value.slice(name.length + 1);
    const target = parsePerPayload(value);
    const draft = target && target.payloadType !== '*' ? drafts.get(target.payloadType) : undefined;
    if (target === undefined || draft === undefined) continue;
    if (name === 'rtpmap') {
      draft.map ??= parseRtpMap(value);
      if (/\/\d+\/1\s*$/.test(value)) oneChannel.add(draft.map?.payloadType);
    } else if (name === 'fmtp') draft.fmtp = withText(draft.fmtp, target.text);
    else draft.rtcpFeedback = withText(draft.rtcpFeedback, target.text);
  }
  const payloads: PayloadFormat[] = [];
  for (const [payloadType, { map, fmtp, rtcpFeedback }] of drafts) {
    const { encoding, clockRate, channels } = map ?? STATIC_FORMATS.get(payloadType) ?? UNKNOWN_FORMAT;
    const mapped = map !== undefined;
    const format = { payloadType, encoding, clockRate, channels, fmtp, rtcpFeedback, mapped };
    payloads.push(oneChannel.has(payloadType) ? { ...format, namesOneChannel: true } : format);
  }
  return payloads;
}

function withText(texts: readonly string[], text: string): readonly string[] {
  return texts.length < MAX_TEXTS ? [...texts, text] : texts;
}

type Draft = { map: RtpMap | undefined; fmtp: readonly string[]; rtcpFeedback: readonly string[] };

/** Per payload type and attribute; Chromium writes up to seven `rtcp-fb`. */
const MAX_TEXTS = 32;

const NONE: readonly string[] = [];

/** Reads `<pt> <name>/<clock>[/<channels>]`. */
export function parseRtpMap(value: string): RtpMap | undefined {
  const target = parsePerPayload(value);
  if (target === undefined || typeof target.payloadType !== 'number') return undefined;
  const text = target.text;
  const slash = text.indexOf('/');
  if (slash <= 0) return undefined;
  const second = text.indexOf('/', slash + 1);
  const clockRate = decimalUpTo(
    second < 0 ? text.slice(slash + 1) : text.slice(slash + 1, second),
    10_000_000,
  );
  if (clockRate === undefined || clockRate === 0) return undefined;
  const encoding = text.slice(0, slash);
  if (second < 0) return { payloadType: target.payloadType, encoding, clockRate, channels: 1 };
  // An empty or strange channel count is that of a single channel: RFC 8866 gives it no meaning for video.
  const channels = decimalUpTo(text.slice(second + 1), 255) ?? 1;
  return { payloadType: target.payloadType, encoding, clockRate, channels: Math.max(channels, 1) };
}

export function formatRtpMap(format: RtpMap | PayloadFormat): string {
  const isBare = format.channels === 1 && !('namesOneChannel' in format);
  const channels = isBare ? '' : `/${format.channels}`;
  return `${format.payloadType} ${format.encoding}/${format.clockRate}${channels}`;
}

/** Reads `<pt> <text>` or `* <text>`, as in `a=fmtp` and `a=rtcp-fb`. */
export function parsePerPayload(
  value: string,
): { readonly payloadType: number | '*'; readonly text: string } | undefined {
  let space = value.indexOf(' ');
  if (space <= 0) return undefined;
  const target = value.slice(0, space);
  while (value.charCodeAt(space) === 0x20) space += 1;
  let end = value.length;
  while (end > space && value.charCodeAt(end - 1) === 0x20) end -= 1;
  const text = value.slice(space, end);
  if (target === '*') return { payloadType: '*', text };
  const payloadType = decimalUpTo(target, 127);
  return payloadType === undefined ? undefined : { payloadType, text };
}

export type StaticFormat = {
  readonly encoding: string;
  readonly clockRate: number;
  readonly channels: number;
};

/** The assignment of RFC 3551 §6 for a payload type, if it has one. */
export function staticFormat(payloadType: number): StaticFormat | undefined {
  return STATIC_FORMATS.get(payloadType);
}

/** The payload type RFC 3551 §6 assigns to a codec. */
export function staticPayloadType(encoding: string, clockRate: number, channels: number): number | undefined {
  const name = encoding.toLowerCase();
  for (const [payloadType, format] of STATIC_FORMATS) {
    if (format.clockRate !== clockRate || format.channels !== channels) continue;
    if (format.encoding.toLowerCase() === name) return payloadType;
  }
  return undefined;
}

const UNKNOWN_FORMAT: StaticFormat = { encoding: '', clockRate: 0, channels: 1 };

const STATIC_FORMATS: ReadonlyMap<number, StaticFormat> = new Map([
  [0, { encoding: 'PCMU', clockRate: 8000, channels: 1 }],
  [3, { encoding: 'GSM', clockRate: 8000, channels: 1 }],
  [4, { encoding: 'G723', clockRate: 8000, channels: 1 }],
  [5, { encoding: 'DVI4', clockRate: 8000, channels: 1 }],
  [6, { encoding: 'DVI4', clockRate: 16000, channels: 1 }],
  [7, { encoding: 'LPC', clockRate: 8000, channels: 1 }],
  [8, { encoding: 'PCMA', clockRate: 8000, channels: 1 }],
  [9, { encoding: 'G722', clockRate: 8000, channels: 1 }],
  [10, { encoding: 'L16', clockRate: 44100, channels: 2 }],
  [11, { encoding: 'L16', clockRate: 44100, channels: 1 }],
  [12, { encoding: 'QCELP', clockRate: 8000, channels: 1 }],
  [13, { encoding: 'CN', clockRate: 8000, channels: 1 }],
  [14, { encoding: 'MPA', clockRate: 90000, channels: 1 }],
  [15, { encoding: 'G728', clockRate: 8000, channels: 1 }],
  [16, { encoding: 'DVI4', clockRate: 11025, channels: 1 }],
  [17, { encoding: 'DVI4', clockRate: 22050, channels: 1 }],
  [18, { encoding: 'G729', clockRate: 8000, channels: 1 }],
  [25, { encoding: 'CelB', clockRate: 90000, channels: 1 }],
  [26, { encoding: 'JPEG', clockRate: 90000, channels: 1 }],
  [28, { encoding: 'nv', clockRate: 90000, channels: 1 }],
  [31, { encoding: 'H261', clockRate: 90000, channels: 1 }],
  [32, { encoding: 'MPV', clockRate: 90000, channels: 1 }],
  [33, { encoding: 'MP2T', clockRate: 90000, channels: 1 }],
  [34, { encoding: 'H263', clockRate: 90000, channels: 1 }],
]);
