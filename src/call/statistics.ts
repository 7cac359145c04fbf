import type { QueryCommand } from '../command/command.js';
import type { CallStatistics, MediaStatistics, PartyLink, PartyStatistics } from '../command/reply.js';
import type { SessionStats } from '../dataplane/protocol.gen.js';
import type { Call, Leg, Stream } from './call.js';
import { heardDialogue, isOverruled, legById, legName, legWithTag, peerIn } from './legs.js';
import { unpackPayloads } from './payloads.js';
import { receives, rtcpAddress, sends, streamKind } from './signalled.js';

/** What `query` and `delete` tell of a call. A query for a party shows it and those it hears. */
export function describeCall(
  call: Call,
  media: SessionStats | null,
  query: QueryCommand | null,
  atMs: number,
): CallStatistics {
  const legs = query === null ? call.legs : queriedLegs(call, query);
  return {
    callId: call.callId,
    createdMs: call.createdMs,
    lastSignalMs: call.lastSignalMs,
    ...(call.metadata !== undefined && { metadata: call.metadata }),
    parties: legs.map((leg) => describeLeg(call, leg)),
    ...(media !== null && { media }),
    atMs,
  };
}

function queriedLegs(call: Call, { fromTag, toTag }: QueryCommand): readonly Leg[] {
  const tag = toTag ?? fromTag;
  if (tag === undefined) return call.legs;
  const leg = legWithTag(call, tag);
  if (leg === undefined) return [];
  const heard = heardBy(call, leg);
  return heard === undefined ? [leg] : [leg, heard];
}

function describeLeg(call: Call, leg: Leg): PartyStatistics {
  const heard = heardBy(call, leg);
  const listeners = call.legs.filter((other) => heardBy(call, other) === leg);
  return {
    ...(leg.tag !== undefined && { tag: leg.tag }),
    tagAliases: leg.aliases,
    ...(leg.viaBranch !== undefined && { viaBranch: leg.viaBranch }),
    ...(leg.label !== undefined && { label: leg.label }),
    ...(leg.metadata !== undefined && { metadata: leg.metadata }),
    createdMs: leg.createdMs,
    subscriptions: heard === undefined ? [] : [linkTo(heard)],
    subscribers: listeners.map(linkTo),
    medias: leg.streams.map(describeStream),
  };
}

function heardBy(call: Call, leg: Leg): Leg | undefined {
  const dialogue = heardDialogue(call, leg.id);
  if (dialogue === undefined) return undefined;
  const talker = peerIn(dialogue, leg.id);
  return isOverruled(call, talker, dialogue) ? undefined : legById(call, talker);
}

function linkTo(leg: Leg): PartyLink {
  return { tag: legName(leg), type: 'offer/answer' };
}

function describeStream(stream: Stream, position: number): MediaStatistics {
  const said = stream.inForce;
  const local = stream.locals[0];
  const codec = unpackPayloads(said?.payloads ?? '').find(({ encoding }) => encoding !== '');
  const isSeparate = streamKind(stream) === 'rtp' && !stream.muxed && local?.span === 'pair';
  const rtcp = said?.addresses && (isSeparate ? rtcpAddress(said.addresses) : said.addresses.rtp);
  return {
    index: position + 1,
    type: stream.type,
    protocol: said?.protocol ?? stream.protocol,
    ...(codec && { codec: `${codec.encoding}/${codec.clockRate}` }),
    flags: flagsOf(stream),
    ...(local && said?.rejected !== true && { stream: stream.id }),
    ...(local?.port !== undefined && {
      local: {
        address: local.address,
        rtpPort: local.port,
        ...(isSeparate && { rtcpPort: local.port + 1 }),
      },
    }),
    ...(said?.addresses && {
      advertised: { rtp: said.addresses.rtp, ...(rtcp !== undefined && { rtcp }) },
    }),
  };
}

function flagsOf(stream: Stream): string[] {
  const flags = ['initialized'];
  const said = stream.inForce;
  // From the proxy's side: `send` means that it sends to the party.
  if (said === undefined || receives(said)) flags.push('send');
  if (said === undefined || sends(said)) flags.push('recv');
  if (stream.muxed) flags.push('rtcp-mux');
  return flags;
}
