import type { Call, Leg, Signalled, Stream } from '../call/call.js';
import { parametersOf } from '../call/format-parameters.js';
import { currentDialogue, legById, peerIn, peerLine } from '../call/legs.js';
import { unpackPayloads } from '../call/payloads.js';
import { hostOf, streamKind } from '../call/signalled.js';
import type { Subscription } from '../call/subscriptions.js';
import { formatConnection } from '../sdp/address.js';
import { formatRtpMap, type RtpMap } from '../sdp/payloads.js';
import { isSameCodec } from './codec-match.js';
import { conversationsOf, talksOf } from './flows.js';
import { isSecureProfile } from './security-said.js';

/** A stream that is listened to. */
export type SourceLine = {
  readonly leg: Leg;
  readonly stream: Stream;
  /** Position in the party's SDP. */
  readonly line: number;
  readonly label: string | undefined;
  /** By its party, or by the other one: nothing comes of it. */
  readonly isRejected: boolean;
  /** What has been said about the packets that the listener is to get. */
  readonly said: Signalled;
  /** The formats they can have. */
  readonly formats: readonly RtpMap[];
};

/** The RTP streams of parties that have said something of them. Rejected ones are among them: lines keep their places. */
export function sourceLines(
  call: Call,
  legs: readonly Leg[],
  wishes: { readonly taps: Subscription['taps']; readonly isLabelled: boolean },
): readonly SourceLine[] {
  const talks = wishes.taps === 'said' ? conversationsOf(call) : talksOf(call);
  return legs.flatMap((leg) =>
    leg.streams.flatMap((stream, line) => {
      const own = stream.inForce ?? stream.offered;
      if (own === undefined || streamKind(stream) !== 'rtp') return [];
      const partner =
        wishes.taps === 'said'
          ? (talks.find(({ from }) => from === stream)?.to ?? partnerOf(call, leg, line))
          : talks.find(({ to }) => to === stream)?.from;
      const label = wishes.isLabelled ? String(stream.id) : undefined;
      const isRejected = own.rejected || partnerOf(call, leg, line)?.inForce?.rejected === true;
      return [{ leg, stream, line, label, isRejected, ...spoken(own, partner?.inForce, wishes.taps) }];
    }),
  );
}

/** The formats a party may send on a stream, as it has been told. */
export function spokenBy(call: Call, stream: Stream): readonly RtpMap[] {
  const leg = call.legs.find(({ streams }) => streams.includes(stream));
  if (leg === undefined || stream.inForce === undefined) return [];
  const partner = partnerOf(call, leg, leg.streams.indexOf(stream));
  return spoken(stream.inForce, partner?.inForce, 'said').formats;
}

/** The stream of the other party that belongs to a line, also if there is no media between them. */
function partnerOf(call: Call, { id }: Leg, line: number): Stream | undefined {
  const dialogue = currentDialogue(call, id);
  if (dialogue === undefined) return undefined;
  const position = peerLine(dialogue, id, line);
  return position === undefined ? undefined : legById(call, peerIn(dialogue, id)).streams[position];
}

/** Who receives says in which formats, with which numbers. */
function spoken(
  own: Signalled,
  other: Signalled | undefined,
  taps: Subscription['taps'],
): Pick<SourceLine, 'said' | 'formats'> {
  const isConversation = other !== undefined && !other.rejected && other.payloads !== '';
  const said = isConversation && taps === 'said' ? other : own;
  const formats = unpackPayloads(said.payloads);
  if (!isConversation) return { said, formats };
  const known = unpackPayloads(taps === 'said' ? own.payloads : other.payloads);
  const common = formats.filter((format) => known.some((codec) => isSameCodec(codec, format)));
  return { said, formats: common.length > 0 ? common : formats };
}

/**
 * An SDP as if somebody who sends just these streams had offered them: what is made of it for the listener is made as of
 * any other offer. Addresses are those of the parties; nothing of them is passed on.
 */
export function sourceText(
  lines: readonly SourceLine[],
  origin: { sessionId: string; direction: string },
): string {
  const head = ['v=0', `o=- ${origin.sessionId} ${origin.sessionId} IN IP4 127.0.0.1`, 's=-', 't=0 0'];
  return [...head, ...lines.flatMap((line) => sectionOf(line, origin.direction)), ''].join('\r\n');
}

function sectionOf(source: SourceLine, direction: string): string[] {
  const { leg, stream, label, isRejected, said, formats } = source;
  const protocol = (stream.inForce ?? stream).protocol;
  const numbers = formats.map(({ payloadType }) => payloadType).join(' ');
  const lines = [
    `m=${stream.type} ${isRejected ? 0 : PORT} ${protocol} ${numbers === '' ? '0' : numbers}`,
    `c=${addressOf(leg, stream)}`,
  ];
  if (label !== undefined) lines.push(`a=label:${label}`);
  for (const format of formats) {
    const { payloadType, encoding } = format;
    if (encoding === '') continue;
    lines.push(`a=rtpmap:${formatRtpMap(format)}`);
    for (const text of parametersOf(said.parameters, payloadType, encoding))
      lines.push(`a=fmtp:${payloadType} ${text}`);
  }
  lines.push(`a=${direction}`);
  if (stream.muxed) lines.push('a=rtcp-mux');
  if (said.ptimeMs !== undefined) lines.push(`a=ptime:${said.ptimeMs}`);
  // Keys are made anew for the listener; a profile that promises some has to have a sign of them.
  if (isSecureProfile(protocol)) lines.push('a=setup:actpass', `a=fingerprint:sha-256 ${NO_FINGERPRINT}`);
  return lines;
}

/** The family of it is that of the listener's, if nothing is known of that. */
function addressOf({ family }: Leg, { inForce, offered }: Stream): string {
  const rtp = (inForce ?? offered)?.addresses?.rtp;
  const address = rtp === undefined ? (family === 'IP6' ? '::1' : '127.0.0.1') : hostOf(rtp);
  return formatConnection({ family: address.includes(':') ? 'IP6' : 'IP4', address });
}

/** Somewhere. */
const PORT = 4000;
const NO_FINGERPRINT = Array.from({ length: 32 }, () => '00').join(':');
