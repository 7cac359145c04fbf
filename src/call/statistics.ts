import type { QueryCommand } from '../command/command.js';
import { carrierOf } from './bundle.js';
import type { CallStatistics, MediaStatistics, PartyLink, PartyStatistics } from '../command/reply.js';
import type { SessionStats } from '../dataplane/protocol.gen.js';
import type { Call, Leg, Stream } from './call.js';
import { departedOf } from './departed.js';
import { currentDialogue, legById, legWithTag, peerIn } from './legs.js';
import { isHeardIn, linksOf } from './links.js';
import { mediaFlags, packetFlags } from './media-flags.js';
import { unpackPayloads } from './payloads.js';
import { rtcpAddress, streamKind } from './signalled.js';
import { heardByListener, subscriptionOf } from './subscriptions.js';
import { liveRecording } from './taps.js';

/** What `query` and `delete` tell of a call. A query for a party shows it and those it hears. */
export function describeCall(
  call: Call,
  media: SessionStats | null,
  query: QueryCommand | null,
  atMs: number,
): CallStatistics {
  const legs = query === null ? allLegs(call) : queriedLegs(call, query);
  const { callId, createdMs, lastSignalMs, metadata } = call;
  const described: Writable<CallStatistics> = {
    callId,
    createdMs,
    lastSignalMs,
    parties: legs.map((leg) => describeLeg(call, leg)),
    atMs,
  };
  if (metadata !== undefined) described.metadata = metadata;
  if (liveRecording(call)?.state === 'on') described.recording = true;
  if (call.forwarding !== undefined) described.forwarding = call.forwarding;
  if (media !== null) described.media = media;
  return described;
}

/** Filled step by step: spreading what may be absent costs a busy proxy more than all the rest here. */
type Writable<T> = { -readonly [K in keyof T]: T[K] };

function allLegs(call: Call): readonly Leg[] {
  return call.departed === undefined ? call.legs : [...call.legs, ...departedOf(call)];
}

function queriedLegs(call: Call, { fromTag, toTag }: QueryCommand): readonly Leg[] {
  const tag = toTag ?? fromTag;
  if (tag === undefined) return allLegs(call);
  const leg = legWithTag(call, tag);
  if (leg === undefined) return [];
  return [...new Set([leg, ...heardLegs(call, leg).map(({ leg: heard }) => heard)])];
}

function describeLeg(call: Call, leg: Leg): PartyStatistics {
  const { tag, viaBranch, label, metadata } = leg;
  const party: Writable<PartyStatistics> = {
    tagAliases: leg.aliases,
    createdMs: leg.createdMs,
    subscriptions: heardLegs(call, leg).map(linkTo),
    subscribers: call.legs.flatMap((other) =>
      heardLegs(call, other).flatMap(({ leg: heard, type }) =>
        heard === leg ? [linkTo({ leg: other, type })] : [],
      ),
    ),
    medias: leg.streams.map((stream, position) => describeStream(call, leg, stream, position)),
  };
  if (tag !== undefined) party.tag = tag;
  if (viaBranch !== undefined) party.viaBranch = viaBranch;
  if (label !== undefined) party.label = label;
  if (metadata !== undefined) party.metadata = metadata;
  if (leg.unrecorded) party.unrecorded = true;
  if (leg.forwarding !== undefined) party.forwarding = leg.forwarding;
  return party;
}

type Heard = { readonly leg: Leg; readonly type: PartyLink['type'] };

/** Whom a party hears: its peer in the conversation, or those it listens to. */
function heardLegs(call: Call, leg: Leg): readonly Heard[] {
  const subscription = subscriptionOf(call, leg.id);
  if (subscription === undefined) {
    const heard = heardBy(call, leg);
    const negotiated: readonly Heard[] = heard === undefined ? [] : [{ leg: heard, type: 'offer/answer' }];
    return call.links === undefined ? negotiated : [...negotiated, ...linkedLegs(call, leg, heard)];
  }
  const heard = new Set(heardByListener(subscription));
  return call.legs.filter(({ id }) => heard.has(id)).map((one) => ({ leg: one, type: 'pub/sub' }));
}

/** Those a party was connected with, each once. */
function linkedLegs(call: Call, leg: Leg, heard: Leg | undefined): readonly Heard[] {
  const found = new Map<Leg, PartyLink['type']>();
  for (const { link, talker, listener } of linksOf(call)) {
    if (listener !== leg || talker === heard) continue;
    if (link.isPeer) found.set(talker, 'offer/answer');
    else if (!found.has(talker)) found.set(talker, 'pub/sub');
  }
  return [...found].map(([talker, type]) => ({ leg: talker, type }));
}

/** Nobody whose current conversation is another one. */
function heardBy(call: Call, leg: Leg): Leg | undefined {
  const dialogue = currentDialogue(call, leg.id);
  if (dialogue === undefined) return undefined;
  const talker = peerIn(dialogue, leg.id);
  if (!isHeardIn(dialogue, talker)) return undefined;
  return currentDialogue(call, talker) === dialogue ? legById(call, talker) : undefined;
}

function linkTo({ leg, type }: Heard): PartyLink {
  return { tag: leg.tag ?? '', type };
}

function describeStream(call: Call, leg: Leg, stream: Stream, position: number): MediaStatistics {
  const said = stream.inForce;
  const local = carrierOf(leg.streams, stream).locals[0];
  const payloads = unpackPayloads(said?.payloads ?? '').filter(({ encoding }) => encoding !== '');
  const isGone = call.departed?.includes(leg) === true;
  const isSeparate = streamKind(stream) === 'rtp' && !stream.muxed && (isGone || local?.span === 'pair');
  const rtcp = said?.addresses && (isSeparate ? rtcpAddress(said.addresses) : said.addresses.rtp);
  const media: Writable<MediaStatistics> = {
    index: position + 1,
    type: stream.type,
    protocol: said?.protocol ?? stream.protocol,
    flags: mediaFlags(call, leg, stream, position),
    packetFlags: packetFlags(call),
  };
  if (payloads.length > 0)
    media.codecs = payloads.map(({ encoding, clockRate }) => `${encoding}/${clockRate}`);
  if ((isGone || local !== undefined) && said?.rejected !== true) media.stream = stream.id;
  if (local?.port !== undefined) media.local = localStatistics(local.address, local.port, isSeparate);
  if (said?.addresses !== undefined) {
    const { rtp } = said.addresses;
    media.advertised = rtcp === undefined ? { rtp } : { rtp, rtcp };
  }
  return media;
}

function localStatistics(address: string, rtpPort: number, isSeparate: boolean) {
  return isSeparate ? { address, rtpPort, rtcpPort: rtpPort + 1 } : { address, rtpPort };
}
