import type { CreatedMedia } from '../command/command.js';
import type { CodecSpec, MediaFlags } from '../command/flags.js';
import { rtpProfile } from '../sdp/media-view.js';
import { formatRtpMap, type RtpMap, staticPayloadType } from '../sdp/payloads.js';
import { isSecureProfile } from './security-said.js';

/**
 * An SDP that somebody might have offered who wants these medias; it is then made one of ours. `undefined`: a codec has
 * a name that cannot stand in an SDP.
 */
export function createdText(
  medias: readonly CreatedMedia[],
  flags: MediaFlags,
  sessionId: string,
): string | undefined {
  const asked = medias.length === 0 ? [{ type: 'audio', codecs: [] }] : medias;
  const sections = asked.map((media) => sectionOf(media, flags));
  if (sections.some((section) => section === undefined)) return undefined;
  const head = [
    'v=0',
    `o=- ${sessionId} ${sessionId} IN IP4 127.0.0.1`,
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
  ];
  return [...head, ...sections.flatMap((section) => section ?? []), ''].join('\r\n');
}

function sectionOf({ type, codecs }: CreatedMedia, flags: MediaFlags): string[] | undefined {
  const wanted = codecs.length > 0 ? codecs : flags.codec.offer;
  const specs = wanted.length === 0 && type === 'audio' ? USUAL_AUDIO : wanted;
  if (specs.length === 0 || specs.some(({ name, fmtp = '' }) => !TOKEN.test(name) || /[\r\n\0]/.test(fmtp)))
    return undefined;
  const formats = numbered(type, specs);
  const protocol = rtpProfile(flags.transportProtocol ?? '') ?? 'RTP/AVP';
  const lines = [`m=${type} ${PORT} ${protocol} ${formats.map(({ payloadType }) => payloadType).join(' ')}`];
  for (const [place, format] of formats.entries()) {
    lines.push(`a=rtpmap:${formatRtpMap(format)}`);
    const fmtp = specs[place]?.fmtp;
    if (fmtp !== undefined) lines.push(`a=fmtp:${format.payloadType} ${fmtp}`);
  }
  lines.push('a=sendrecv');
  // Keys are made for the party; a profile that promises some has to have a sign of them.
  if (isSecureProfile(protocol)) lines.push('a=setup:actpass', `a=fingerprint:sha-256 ${NO_FINGERPRINT}`);
  return lines;
}

/** With their static numbers (RFC 3551), and dynamic ones for the rest. */
function numbered(type: string, specs: readonly CodecSpec[]): readonly RtpMap[] {
  let next = FIRST_DYNAMIC;
  return specs.slice(0, LAST_DYNAMIC - FIRST_DYNAMIC + 1).map((spec) => {
    const named = usualOf(type, spec);
    const fixed = staticPayloadType(named.encoding, named.clockRate, named.channels);
    if (fixed !== undefined) return { ...named, payloadType: fixed };
    next += 1;
    return { ...named, payloadType: next - 1 };
  });
}

function usualOf(type: string, { name, clockRate, channels }: CodecSpec): Omit<RtpMap, 'payloadType'> {
  const isOpus = name.toLowerCase() === 'opus';
  const usual = isOpus ? OPUS_HZ : type === 'video' ? VIDEO_HZ : AUDIO_HZ;
  return { encoding: name, clockRate: clockRate ?? usual, channels: channels ?? (isOpus ? 2 : 1) };
}

const USUAL_AUDIO: readonly CodecSpec[] = [{ name: 'PCMU' }, { name: 'PCMA' }];
const FIRST_DYNAMIC = 96;
const LAST_DYNAMIC = 127;
const AUDIO_HZ = 8_000;
const VIDEO_HZ = 90_000;
const OPUS_HZ = 48_000;
const TOKEN = /^[A-Za-z0-9.+_-]{1,32}$/;
/** Somewhere. */
const PORT = 4000;
const NO_FINGERPRINT = Array.from({ length: 32 }, () => '00').join(':');
