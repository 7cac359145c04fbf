import type { Call, Leg, Stream } from '../call/call.js';
import { replaceLeg } from '../call/legs.js';
import { packPayloads } from '../call/payloads.js';
import type { Client, PublishCommand } from '../command/command.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { Direction } from '../sdp/direction.js';
import { formatRtpMap, type PayloadFormat } from '../sdp/payloads.js';
import { exchangeAnswer } from './answer.js';
import { acceptsGroups, withGroups } from './bundle-said.js';
import { newCall, withCallFlags } from './call-flags.js';
import { Draws } from './draws.js';
import type { Facts } from './facts.js';
import { type Ids, idsOf } from './ids.js';
import { withSenderKeys } from './key-blocks.js';
import { type Step, stepTo } from './negotiate.js';
import { exchangeOffer } from './offer.js';
import { withoutTwins } from './osrtp-legacy.js';
import { withOffererFlags, withSenderFlags } from './party-flags.js';
import { publishedCodecs } from './published-codecs.js';
import { withRecordingFlags } from './recording.js';
import { renderBody } from './render.js';
import { type Body, readBody } from './signal.js';
import type { RelayedSlot, Slot } from './slots.js';
import { flagsAlone, offeredToUs, placedAlone } from './standing-alone.js';
import { ignoredFlags } from './warnings.js';

/** What a published party is known by, whether its client said so or not. */
export type NamedPublication = PublishCommand & { readonly callId: string; readonly fromTag: string };

/** Takes in the media of a party that has no peer: its offer is answered here. */
export function negotiatePublication(
  call: Call | undefined,
  command: NamedPublication,
  client: Client,
  facts: Facts,
): Step | CommandFailure {
  const read = readBody(command.sdp);
  if (read.kind === 'failure') return failure('badSdp', NO_SDP);
  const flags = flagsAlone(command.flags);
  const known = withCallFlags(call ?? newCall(command, client, facts), flags, facts);
  const before = withRecordingFlags(known, flags, facts);
  if ('kind' in before) return before;
  const ids = idsOf(before);
  const placed = placedAlone(before, command.fromTag, flags, ids, facts);
  if (placed.kind === 'failure') return placed;

  const { body: single, leg } = withoutTwins(read, placed.leg, flags);
  const body = acceptsGroups(leg, flags) ? withGroups(single, 'offer', flags) : single;
  const means = { flags, facts, ids, draws: new Draws(facts.random) };
  const publisher = withSenderFlags(leg, body, flags, facts);
  const answered = answerHere(placed.call, publisher, body, { ...means, talks: command.bidirectional });
  if (answered.kind === 'failure') return answered;
  const published = replaceLeg(placed.call, answered.publisher);
  const keyed = withSenderKeys(published, answered.publisher.id, flags, facts);
  const after: Call = {
    ...keyed.call,
    readsKeys: true,
    revision: before.revision + 1,
    nextId: ids.next(),
  };
  const warnings = [...answered.warnings, ...ignoredFlags(flags, facts), ...keyed.warnings];
  return stepTo(after, { template: answered.template, drawn: means.draws.drawn, warnings }, facts);
}

type Answering = {
  readonly flags: MediaFlags;
  readonly facts: Facts;
  readonly ids: Ids;
  readonly draws: Draws;
  /** The party is sent something, too. */
  readonly talks: boolean;
};

type Answered = {
  readonly kind: 'answered';
  readonly publisher: Leg;
  readonly template: string;
  readonly warnings: readonly string[];
};

/** The offer goes to somebody who speaks plain RTP and takes what is wanted of it; the answer is made of theirs. */
function answerHere(
  call: Call,
  publisher: Leg,
  body: Body,
  { talks, ...means }: Answering,
): Answered | CommandFailure {
  const { flags, facts } = means;
  const inward: MediaFlags = { ...flags, ...PLAIN, osrtp: new Set() };
  const asked = withOffererFlags(offeredToUs(call, publisher, facts.now), inward, facts);
  const offered = exchangeOffer(asked.parties, body, { ...means, flags: muxing(inward) });
  if (offered.kind === 'failure') return offered;
  const taken = offered.slots.map((slot) => takenOf(slot, flags));
  if (taken.every((line) => line === undefined)) return failure('badSdp', NO_SDP);

  const sessionId = String(publisher.createdMs);
  const text = answerText(offered.slots, taken, { sessionId, talks });
  const own = readBody(text);
  if (own.kind === 'failure') return failure('internal', NO_SDP);
  const { sender, receiver, dialogue } = offered.parties;
  const outward: MediaFlags = { ...flags, ...NO_EDITS, ice: flags.ice === 'remove' ? 'remove' : 'force' };
  const parties = { ...offered.parties, sender: receiver, receiver: sender, dialogue };
  const answer = exchangeAnswer(parties, own, { ...means, flags: outward });
  if (answer.kind === 'failure') return answer;
  const agreed = withTaken(answer.parties.receiver, taken);
  const rendered = renderBody(own, answer.slots, agreed, outward, facts);
  const { template, receiver: told } = rendered;
  return { kind: 'answered', publisher: told, template, warnings: asked.warnings };
}

/** The formats that are wanted of a line; `undefined`: it is rejected. */
function takenOf(slot: Slot, flags: MediaFlags): readonly PayloadFormat[] | undefined {
  if (slot.kind !== 'relayed' || slot.view.profile === undefined) return undefined;
  const formats = publishedCodecs(slot.payloads, flags.codec.accept);
  return formats.length === 0 ? undefined : formats;
}

/** It multiplexes, unless the client says otherwise. */
function muxing(flags: MediaFlags): MediaFlags {
  const isSaid = flags.rtcpMux.has('reject') || flags.rtcpMux.has('demux');
  return isSaid ? flags : { ...flags, rtcpMux: new Set([...flags.rtcpMux, 'accept']) };
}

function answerText(
  slots: readonly Slot[],
  taken: readonly (readonly PayloadFormat[] | undefined)[],
  { sessionId, talks }: { readonly sessionId: string; readonly talks: boolean },
): string {
  const sections = slots.flatMap((slot, line) => {
    const formats = taken[line];
    if (slot.kind === 'relayed' && formats !== undefined) return sectionOf(slot, formats, talks);
    const { type, protocol } = slot.kind === 'rejected' ? slot : typeOf(slot.view);
    return [`m=${type} 0 ${protocol} 0`];
  });
  const origin = `o=- ${sessionId} ${sessionId} IN IP4 127.0.0.1`;
  return ['v=0', origin, 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...sections, ''].join('\r\n');
}

function sectionOf(
  { view, protocol, mux }: RelayedSlot,
  formats: readonly PayloadFormat[],
  talks: boolean,
): string[] {
  const numbers = formats.map(({ payloadType }) => payloadType).join(' ');
  const lines = [`m=${view.media.type} ${PORT} ${protocol} ${numbers}`];
  for (const { payloadType, encoding, clockRate, channels, fmtp, rtcpFeedback } of formats) {
    if (encoding !== '')
      lines.push(`a=rtpmap:${formatRtpMap({ payloadType, encoding, clockRate, channels })}`);
    for (const text of fmtp) lines.push(`a=fmtp:${payloadType} ${text}`);
    for (const text of rtcpFeedback) lines.push(`a=rtcp-fb:${payloadType} ${text}`);
  }
  lines.push(`a=${directionOf(view.direction, talks)}`);
  if (mux) lines.push('a=rtcp-mux');
  return lines;
}

/** RFC 3264 §6.1, of somebody who only listens unless the party is to be sent something. */
function directionOf(offered: Direction, talks: boolean): Direction {
  const hears = offered === 'sendrecv' || offered === 'sendonly';
  const speaks = talks && (offered === 'sendrecv' || offered === 'recvonly');
  if (hears) return speaks ? 'sendrecv' : 'recvonly';
  return speaks ? 'sendonly' : 'inactive';
}

function typeOf({ media }: RelayedSlot['view']) {
  return { type: media.type, protocol: media.protocol };
}

/** What it has been told it may send is what comes of it. */
function withTaken(leg: Leg, taken: readonly (readonly PayloadFormat[] | undefined)[]): Leg {
  const streams = leg.streams.map((stream, line): Stream => {
    const formats = taken[line];
    if (formats === undefined || stream.inForce === undefined) return stream;
    return { ...stream, inForce: { ...stream.inForce, payloads: packPayloads(formats) } };
  });
  return { ...leg, streams };
}

const PLAIN = { transportProtocol: 'RTP/AVPF', ice: 'remove' } as const;

/** What was taken out of the offer need not be taken out again. */
const NO_EDITS = {
  codec: {
    strip: [],
    except: [],
    offer: [],
    ignore: [],
    transcode: [],
    mask: [],
    consume: [],
    accept: [],
    set: [],
  },
  singleCodec: false,
  sdpMediaRemove: [],
} as const;

/** Somewhere. */
const PORT = 4000;
const NO_SDP = 'Failed to create SDP';
