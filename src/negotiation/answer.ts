import type { Leg, Signalled, Stream } from '../call/call.js';
import { peerLine } from '../call/legs.js';
import { unpackPayloads } from '../call/payloads.js';
import { kindOf, sameAddresses } from '../call/signalled.js';
import { copyOf, newStream, settle, unprotected, withLocals, withProtection } from '../call/streams.js';
import type { MediaFlags } from '../command/flags.js';
import type { CommandFailure } from '../command/reply.js';
import type { MediaView } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import { answerCandidates, answerProtection } from './answer-protection.js';
import {
  ALONE,
  type AnsweredLine,
  answeredSlot,
  asStanding,
  type Leads,
  leadsFirst,
  type Standing,
  type Standings,
  standingsOfAnswerer,
  standingsOfOfferer,
  withCarriers,
} from './bundle-answer.js';
import { type Groups, withBundle } from './bundle-said.js';
import { codecsOfAnswer } from './codecs.js';
import { ruleOfAnswer } from './feedback.js';
import { chooseLocal, useLocal } from './locals.js';
import type { Means } from './means.js';
import type { Exchange } from './offer.js';
import type { Parties } from './parties.js';
import { answeredBy, type Body, familyInUse } from './signal.js';
import { rejectedSlot, type Slot } from './slots.js';
import { agreedExtensions, withMasked } from './extensions.js';
import { siteTowards } from './transport.js';
import { withoutTornSequences } from './transport-wide.js';

type Answering = {
  readonly answerer: Leg;
  readonly offerer: Leg;
  /** An offer was waiting: what both sides said comes into force. Otherwise the answer repeats or corrects one. */
  readonly isNew: boolean;
  readonly description: SessionDescription;
  /** The answerer's. */
  readonly groups: Groups;
} & Means;

/** The offerer has said what it offers; otherwise there is nothing to answer. */
export function awaitsAnswer(parties: Parties): boolean {
  return parties.receiver.streams.some(
    ({ offered, inForce }) => offered !== undefined || inForce !== undefined,
  );
}

/** Brings an offer and its answer into force and decides what the offerer is told. */
export function exchangeAnswer(parties: Parties, body: Body, means: Means): Exchange | CommandFailure {
  const { flags } = means;
  const { sender: answerer, receiver: offerer, dialogue, call } = parties;
  const isNew = dialogue.offeredBy !== undefined || dialogue.answered === 0;
  const { description } = body;
  const { facts, ids, draws } = means;
  const answering = { flags, facts, ids, draws, answerer, offerer, isNew, description, groups: body.groups };
  const views = viewsByLine(answerer, body.medias);

  const partnerOf = (line: number) => peerLine(dialogue, offerer.id, line);
  const standings = standingsOf(parties, views, body, flags);

  const answererStreams = [...answerer.streams];
  const offererStreams: Stream[] = [];
  const slots: Slot[] = [];
  const leads: Leads = new Map();
  for (const line of leadsFirst([...offerer.streams.keys()], standings.offerer)) {
    const stream = offerer.streams[line];
    if (stream === undefined) continue;
    const partner = partnerOf(line);
    const view = partner === undefined ? undefined : views.get(partner);
    const known = partner === undefined ? undefined : answerer.streams[partner];
    const places = {
      offerer: standings.offerer.get(line) ?? ALONE,
      answerer: standings.answerer.get(line) ?? ALONE,
      leads,
    };
    const result = view ? answerStream(view, stream, known, places, answering) : unanswered(stream, known);
    if (result.kind === 'failure') return result;
    offererStreams[line] = result.own;
    slots[line] = result.slot;
    if (partner !== undefined && result.stream) answererStreams[partner] = result.stream;
  }
  const lineOf = (partner: number) => peerLine(dialogue, answerer.id, partner);

  const isFinal = (flags.sipCode ?? 0) >= 200;
  return {
    kind: 'exchange',
    slots: withoutTornSequences(slots, body.groups),
    parties: {
      ...parties,
      dialogue: {
        ...dialogue,
        answered: call.revision + 1,
        offeredBy: undefined,
        final: dialogue.final || isFinal,
      },
      sender: {
        ...answerer,
        streams: withCarriers(answerer.streams, answererStreams, (partner) =>
          standings.answerer.get(lineOf(partner) ?? NO_LINE),
        ),
      },
      receiver: {
        ...offerer,
        streams: withCarriers(offerer.streams, offererStreams, (line) => standings.offerer.get(line)),
      },
    },
  };
}

/** How the streams of both sides stand, by line of the offerer. */
function standingsOf(
  { sender: answerer, receiver: offerer, dialogue }: Parties,
  views: ReadonlyMap<number, MediaView>,
  { groups }: Body,
  flags: MediaFlags,
): { readonly offerer: Standings; readonly answerer: Standings } {
  if (offerer.streams.every(isNeverBundled) && answerer.streams.every(isNeverBundled)) return NOT_BUNDLED;
  const accepted: AnsweredLine[] = [];
  for (const [line, offering] of offerer.streams.entries()) {
    const partner = peerLine(dialogue, offerer.id, line);
    const view = partner === undefined ? undefined : views.get(partner);
    const known = partner === undefined ? undefined : answerer.streams[partner];
    const asked = offering.offered ?? offering.inForce;
    if (view === undefined || asked === undefined || asked.rejected || view.media.port === 0) continue;
    if (answeredPayloads(view, asked, flags) === undefined) continue;
    accepted.push({ line, view, offering, known });
  }
  return {
    offerer: standingsOfOfferer(offerer, accepted, flags.bundle.has('reject')),
    answerer: standingsOfAnswerer(answerer, accepted, groups),
  };
}

function isNeverBundled({ bundle, bundleOffer, offered, inForce }: Stream): boolean {
  return bundle === undefined && bundleOffer === undefined && !(offered ?? inForce)?.bundled;
}

/** The sections of an answer by the stream they answer: by `a=mid` where it is known, else by position. */
function viewsByLine(answerer: Leg, medias: readonly MediaView[]): Map<number, MediaView> {
  const views = new Map<number, MediaView>();
  for (const [position, view] of medias.entries()) {
    const named = view.mid === undefined ? -1 : answerer.streams.findIndex(({ mid }) => mid === view.mid);
    const line = named >= 0 ? named : position;
    if (!views.has(line)) views.set(line, view);
  }
  return views;
}

type Result = {
  readonly kind: 'answered';
  /** The offerer's stream. */
  readonly own: Stream;
  /** The answerer's. */
  readonly stream: Stream | undefined;
  readonly slot: Slot;
};

type Places = { readonly offerer: Standing; readonly answerer: Standing; readonly leads: Leads };

function answerStream(
  view: MediaView,
  stream: Stream,
  known: Stream | undefined,
  places: Places,
  answering: Answering,
): Result | CommandFailure {
  const { facts, ids, isNew, description, groups } = answering;
  const isBundled = places.offerer.kind === 'member' || places.answerer.kind === 'member';
  // What can be taken from one leg to the other cannot be shared by several streams.
  const flags = isBundled ? { ...answering.flags, recrypt: true } : answering.flags;
  const offering = asStanding(stream, places.offerer);
  const asked = offering.offered ?? offering.inForce;
  const heard = withMasked(answeredBy(view, known?.inForce, flags, facts), view, flags);
  const said = withBundle(heard, groups.get(view));
  const answerer = asStanding(known ?? newStream(ids.take(), said), places.answerer);
  const isLost = places.offerer.kind === 'lost' || places.answerer.kind === 'lost';
  if (asked === undefined || asked.rejected || said.rejected || isLost) {
    return rejected(offering, { ...answerer, type: said.type }, said, view);
  }
  if (kindOf(asked.type, asked.protocol) === 'untouched') {
    const slot = { kind: 'untouched', view } as const;
    return { kind: 'answered', own: inForce(offering, asked), stream: inForce(answerer, said), slot };
  }
  const exchanged = { view, description, offering, asked, answering: answerer, said };
  const means = { flags, facts, ids, draws: answering.draws };
  const protection = answerProtection(exchanged, answering, means);
  if (protection.kind === 'failure') return protection;
  const payloads = answeredPayloads(view, asked, flags);
  if (payloads === undefined) return rejected(offering, answerer, { ...said, rejected: true }, view);

  const isRtp = kindOf(asked.type, asked.protocol) === 'rtp';
  const { isPassed } = protection;
  const isMember = places.offerer.kind === 'member';
  const answererMuxed = isRtp && answerer.muxOffer !== 'none' && said.rtcpMux;
  const offererMuxed = isMember || (isRtp && asked.rtcpMux && (offering.muxAnswer ?? answererMuxed));

  const lead = leadOf(places);
  const site = siteTowards(answering.offerer, familyInUse(view, flags, facts), flags, facts);
  const wish = {
    peer: said.addresses?.rtp ?? '',
    interface: site.interface,
    address: site.address.bind,
    span: offererMuxed || !isRtp || isPassed ? 'single' : 'pair',
    latch:
      isMember ||
      protection.offerer.ice !== undefined ||
      (flags.portLatching ?? said.direction !== 'sendrecv'),
  } as const;
  const { locals, local } = lead ? { locals: [], local: lead.local } : chooseLocal(offering, wish, ids);
  const placed = withLocals(unprotected(inForce(offering, asked)), useLocal(locals, local.id));
  const isLite = answering.offerer.iceLite;
  const ports = { stream: placed, local, site, hasRtcp: !offererMuxed, isLite };
  const candidates = lead ? NO_CANDIDATES : answerCandidates(protection, exchanged, ports, means);
  if (isMember && places.offerer.kind === 'member' && places.offerer.isLead) {
    places.leads.set(places.offerer.group, { local, printed: site.printed });
  }

  const own = withProtection(withLocals(placed, candidates.locals), protection.offerer);
  own.muxed = offererMuxed;
  own.used = true;
  own.epoch = epochAfter(offering, asked, isNew);
  const answered = withOwnLocals(unprotected(inForce(answerer, said)), answerer, asked, answering);
  const other = withProtection(answered, protection.answerer);
  other.iceRefused = protection.answerer.iceRefused;
  other.muxed = answererMuxed;
  other.used = true;
  other.epoch = epochAfter(answerer, said, isNew);
  const slot: Slot = {
    kind: 'relayed',
    view,
    local,
    printed: lead?.printed ?? site.printed,
    protocol: protection.protocol,
    mid: offering.mid,
    payloads,
    rtcp: lead ? 'none' : offererMuxed ? 'rtp port' : isRtp && !isPassed ? 'own port' : 'none',
    mux: offererMuxed,
    feedback: ruleOfAnswer(view, protection.protocol, asked.rtcp, flags),
    ptimeMs: offering.ptimeMs ?? view.ptimeMs ?? asked.ptimeMs,
    security: lead ? [] : protection.security,
    ice: candidates.lines,
    isIcePassed: isPassed,
    isOriginal: false,
    addedExtensions: agreedExtensions(asked),
    hidesMid: known?.hasOwnMid === true && asked.bundled?.midExtension === undefined,
    bundle: answeredSlot(places.offerer),
    twin: undefined,
  };
  return { kind: 'answered', own, stream: other, slot };
}

/** Where the group is reached that this stream is carried by. */
function leadOf({ offerer, leads }: Places) {
  return offerer.kind === 'member' && !offerer.isLead ? leads.get(offerer.group) : undefined;
}

/** The answerer's own ports: those it was told in the offer. */
function withOwnLocals(stream: Stream, before: Stream, asked: Signalled, answering: Answering): Stream {
  if (before.nextLocal !== undefined) return withLocals(stream, useLocal(before.locals, before.nextLocal));
  if (before.locals.length > 0) return stream;
  const { answerer, facts, ids } = answering;
  const site = siteTowards(answerer, 'IP4', {}, facts);
  const wish = {
    peer: asked.addresses?.rtp ?? '',
    interface: site.interface,
    address: site.address.bind,
    span: 'pair',
    latch: false,
  } as const;
  return withLocals(stream, chooseLocal(stream, wish, ids).locals);
}

/** A line one side does not want. Ports that were never used are given back. */
function rejected(offering: Stream, answerer: Stream, said: Signalled, view: MediaView): Result {
  const asked = offering.offered ?? offering.inForce;
  const own = released(asked ? inForce(offering, asked) : settle(offering));
  const stream = released(inForce(answerer, { ...said, rejected: true }));
  const slot = rejectedSlot({ ...own, ...(asked && { type: asked.type, protocol: asked.protocol }) }, view);
  return { kind: 'answered', own, stream, slot };
}

/** A line the answer does not have, or the answerer was not shown. */
function unanswered(offering: Stream, answerer: Stream | undefined): Result {
  const asked = offering.offered ?? offering.inForce;
  const own = released(asked ? inForce(offering, { ...asked, rejected: true }) : settle(offering));
  const said = answerer?.inForce;
  const stream =
    answerer && released(said ? inForce(answerer, { ...said, rejected: true }) : settle(answerer));
  return { kind: 'answered', own, stream, slot: rejectedSlot(own) };
}

function released(stream: Stream): Stream {
  return stream.used ? stream : withLocals(stream, []);
}

function inForce(stream: Stream, said: Signalled): Stream {
  const agreed = copyOf(settle(stream));
  agreed.type = said.type;
  agreed.protocol = said.protocol;
  agreed.inForce = said;
  if (!sameAddresses(stream.inForce?.addresses, said.addresses)) agreed.learned = undefined;
  return agreed;
}

/** A new exchange or another address is a reason to learn again; a repeated answer is none. */
function epochAfter(stream: Stream, said: Signalled, isNew: boolean): number {
  const moved = stream.inForce !== undefined && !sameAddresses(stream.inForce.addresses, said.addresses);
  return isNew || moved ? stream.epoch + 1 : stream.epoch;
}

/** `undefined`: none is left, and the client wants such a stream rejected. */
function answeredPayloads(view: MediaView, asked: Signalled, flags: MediaFlags) {
  if (view.profile === undefined) return [];
  const acceptable = unpackPayloads(asked.payloads);
  const { codec, singleCodec, allowNoCodecMedia } = flags;
  const outcome = codecsOfAnswer(view.payloads, acceptable, { codec, singleCodec, allowNoCodecMedia });
  return outcome.kind === 'payloads'
    ? outcome.payloads
    : outcome.kind === 'noCodec'
      ? undefined
      : view.payloads;
}

const NO_LINE = -1;
const NO_CANDIDATES = { locals: [], lines: [] };
const NOT_BUNDLED = { offerer: new Map<number, Standing>(), answerer: new Map<number, Standing>() };
