import { withoutTransport, withTransport } from '../call/bundle.js';
import type { Leg, Local, Signalled, Stream } from '../call/call.js';
import { unpackPayloads } from '../call/payloads.js';
import { kindOf } from '../call/signalled.js';
import { copyOf, newStream, settle, unprotected, withLocals, withProtection } from '../call/streams.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { NetworkAddress } from '../sdp/address.js';
import { detach } from '../sdp/detach.js';
import type { MediaView } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import {
  bundleSlot,
  generatedMid,
  isBundled,
  joinGroup,
  muxAsked,
  type OfferedGroup,
} from './bundle-offer.js';
import type { Groups } from './bundle-said.js';
import { codecsOfOffer } from './codecs.js';
import { MID_EXTENSION, midExtmap } from './extensions.js';
import { ruleOfOffer } from './feedback.js';
import { usesIce } from './ice-said.js';
import type { Ids } from './ids.js';
import { chooseLocal, keepLocals, useLocal } from './locals.js';
import type { Means } from './means.js';
import { offerCandidates, offerProtection } from './offer-protection.js';
import { decideMux, type MuxDecision } from './rtcp-mux.js';
import { awaitingAnswer } from './security-offer.js';
import { familyInUse } from './signal.js';
import { rejectedSlot, type Slot } from './slots.js';
import { protocolTowards, type Site, siteTowards } from './transport.js';

/** What there is to know of an offer while its sections are decided. */
export type Offering = {
  readonly sender: Leg;
  readonly senderSettled: boolean;
  readonly receiver: Leg;
  readonly description: SessionDescription;
  readonly medias: readonly MediaView[];
  /** The sender's groups. */
  readonly groups: Groups;
  /** The receiver's. */
  readonly group: OfferedGroup | undefined;
} & Means;

/** The section that names the port for all of the receiver's group. */
export type Lead = { readonly stream: number; readonly local: Local; readonly printed: NetworkAddress };

/** What became of a section. */
export type Sent = {
  readonly kind: 'sent';
  readonly own: Stream;
  readonly stream: Stream;
  readonly slot: Slot;
  /** From here on the sections of the group use this one's port. */
  readonly lead?: Lead;
  /** The stream that carries the group, if it is another one. */
  readonly carrier?: Stream;
};

export type Place = {
  readonly known: Stream | undefined;
  /** In the sender's SDP, and in the receiver's. */
  readonly line: number;
  readonly target: number;
  readonly lead: Lead | undefined;
};

/** Decides what the receiver is offered of one stream. */
export function offerStream(
  view: MediaView,
  own: Stream,
  { known, line, target, lead }: Place,
  offering: Offering,
): Sent | CommandFailure {
  const { ids, receiver, facts, description, medias } = offering;
  const said = own.offered ?? own.inForce;
  if (said === undefined) throw new Error('an offered stream without what was offered');
  const former = known ?? newStream(ids.take(), said);
  const isNamed = offering.flags.generateMid || offering.group !== undefined;
  const mid = view.mid ?? (isNamed ? generatedMid(line, known, medias) : undefined);
  const payloads = offeredPayloads(view, former, own, offering.flags);
  if (payloads.kind === 'failure') return payloads;
  if (said.rejected || payloads.kind === 'none') {
    const named = { ...withMid(settle(former), mid), type: said.type };
    return { kind: 'sent', own, ...rejectedOffer(named, view, offering) };
  }

  const group = joinedGroup(view, former, payloads.payloads, offering);
  if (group && lead) {
    const offered = offeredWith(settle(former), lead.stream, addsMid(view, group));
    const stream = { ...withMid(offered, mid), type: said.type };
    return carriedOffer(view, own, { stream, lead, target, payloads: payloads.payloads }, group, offering);
  }
  // What can be taken from one leg to the other cannot be shared by several streams.
  const flags = group ? { ...offering.flags, recrypt: true } : offering.flags;
  const means = { ...offering, flags };
  const carrier = group && receiver.streams.find(isCarrierOf(group));
  const base = carrier ? withTransport(former, carrier) : former;
  const protection = offerProtection(view, description, carrier ? base : known, means);
  if (protection.kind === 'failure') return protection;
  const { protocol, state, isPassed } = protection;
  const bare = withMid(unprotected(settle(base)), mid);
  const stream = withProtection(bare, state);
  stream.type = said.type;
  stream.protocol = protocol;
  const kind = kindOf(said.type, protocol);
  if (kind === 'untouched') return { kind: 'sent', own, stream, slot: { kind: 'untouched', view } };

  const asked = muxAsked(flags.rtcpMux, group);
  const mux = kind === 'rtp' ? decideMux(said.rtcpMux, base.muxed && !flags.reset, asked) : undefined;
  const site = siteTowards(receiver, familyInUse(view, flags, facts), flags, facts);
  const isSingle = mux?.offer === 'required' || kind === 'opaque' || isPassed;
  const usesIceHere = state.ice?.offered === true || state.ice?.inForce === true;
  const latch = latches(view, said, flags) || usesIceHere || group !== undefined;
  const placed = place(stream, said, site, isSingle, { ids, latch });
  const hasRtcp = mux !== undefined && !isSingle;
  const { iceLite: isLite } = receiver;
  const ports = { stream: placed.stream, local: placed.local, site, hasRtcp, isLite };
  const candidates = offerCandidates(protection, view, ports, means);
  const complete = copyOf(placed.stream);
  complete.locals = candidates.locals;
  complete.muxOffer = mux?.offer ?? 'none';
  return {
    kind: 'sent',
    own: withMuxAnswer(state.transparent ? own : awaitingAnswer(own, offering.senderSettled, flags), mux),
    ...shared(complete, addsMid(view, group), { carrier, group, local: placed.local, printed: site.printed }),
    slot: {
      kind: 'relayed',
      view,
      local: placed.local,
      printed: site.printed,
      protocol,
      mid: stream.mid,
      payloads: payloads.payloads,
      rtcp: isPassed ? (said.rtcpMux ? 'rtp port' : 'none') : rtcpOfOffer(mux?.offer),
      mux: isPassed ? said.rtcpMux : mux !== undefined && mux.offer !== 'none',
      feedback: ruleOfOffer(view, protocol, flags),
      ptimeMs: flags.ptimeMs ?? view.ptimeMs,
      security: protection.security,
      ice: candidates.lines,
      isIcePassed: isPassed,
      isOriginal: isPassed && flags.ice === 'force-relay',
      addedExtensions: group?.midExtension === undefined ? NO_EXTENSIONS : [midExtmap(group.midExtension)],
      hidesMid: false,
      bundle: group && bundleSlot(group, target, false),
      twin: protection.twin,
    },
  };
}

/** A section that uses the port of the group's first one says nothing of keys and ICE (RFC 9143 §7.1.3). */
function carriedOffer(
  view: MediaView,
  own: Stream,
  section: {
    readonly stream: Stream;
    readonly lead: Lead;
    readonly target: number;
    readonly payloads: readonly PayloadFormat[];
  },
  group: OfferedGroup,
  { flags, facts, senderSettled }: Offering,
): Sent {
  const { lead, target, payloads } = section;
  const protocol = detach(protocolTowards(view, section.stream, flags, facts));
  const stream: Stream = { ...section.stream, protocol, muxOffer: 'required' };
  const mux = decideMux(view.rtcpMux, true, muxAsked(flags.rtcpMux, group));
  return {
    kind: 'sent',
    own: withMuxAnswer(awaitingAnswer(own, senderSettled, flags), mux),
    stream,
    slot: {
      kind: 'relayed',
      view,
      local: lead.local,
      printed: lead.printed,
      protocol,
      mid: stream.mid,
      payloads,
      rtcp: 'none',
      mux: true,
      ptimeMs: flags.ptimeMs ?? view.ptimeMs,
      security: [],
      ice: [],
      isIcePassed: false,
      isOriginal: false,
      feedback: ruleOfOffer(view, protocol, flags),
      addedExtensions: group.midExtension === undefined ? NO_EXTENSIONS : [midExtmap(group.midExtension)],
      hidesMid: false,
      bundle: bundleSlot(group, target, true),
      twin: undefined,
    },
  };
}

function joinedGroup(
  view: MediaView,
  known: Stream,
  payloads: readonly PayloadFormat[],
  { group, flags, facts }: Offering,
): OfferedGroup | undefined {
  if (group === undefined || !isBundled(view, flags, facts)) return undefined;
  const protocol = protocolTowards(view, known, flags, facts);
  return joinGroup(group, view, { protocol, payloads }, flags) ? group : undefined;
}

/** The receiver's streams after the first section of a group: the transport belongs to the one that carries it. */
function shared(
  complete: Stream,
  hasOwnMid: boolean,
  offer: {
    readonly carrier: Stream | undefined;
    readonly group: OfferedGroup | undefined;
    readonly local: Local;
    readonly printed: NetworkAddress;
  },
): Pick<Sent, 'stream' | 'lead' | 'carrier'> {
  const { carrier, group, local, printed } = offer;
  if (group === undefined) return { stream: offeredWith(complete, undefined, false) };
  const id = carrier?.id ?? complete.id;
  const stream = offeredWith(complete, id, hasOwnMid);
  if (group.ports === 'own') return { stream };
  const lead = { stream: id, local, printed };
  if (carrier === undefined || carrier.id === complete.id) return { stream, lead };
  return { stream: withoutTransport(stream), lead, carrier: withTransport(carrier, complete) };
}

/** The stream as it is offered: with the transport of this one, or alone. */
function offeredWith(stream: Stream, carrier: number | undefined, hasOwnMid: boolean): Stream {
  if (carrier === stream.bundleOffer && hasOwnMid === (stream.hasOwnMid ?? false)) return stream;
  const offered = copyOf(stream);
  offered.bundleOffer = carrier;
  offered.hasOwnMid = hasOwnMid ? true : undefined;
  return offered;
}

/** The other party has no MID in its packets: what the group's parties add is between them and us. */
function addsMid({ extmaps }: MediaView, group: OfferedGroup | undefined): boolean {
  return group?.midExtension !== undefined && !extmaps.some(({ uri }) => uri === MID_EXTENSION);
}

export function isCarrierOf(group: OfferedGroup | undefined): (stream: Stream) => boolean {
  return ({ id }) => id === group?.carrier;
}

function withMid(stream: Stream, mid: string | undefined): Stream {
  if (mid === undefined || mid === stream.mid) return stream;
  const named = copyOf(stream);
  named.mid = detach(mid);
  return named;
}

/** How it is protected stays as it is: the stream may be taken up again. */
function rejectedOffer(
  named: Stream,
  view: MediaView,
  { flags, facts }: Offering,
): { stream: Stream; slot: Slot } {
  const protocol = detach(protocolTowards(view, named, flags, facts));
  const stream = { ...offeredWith(named, undefined, false), protocol };
  const isUntouched = kindOf(stream.type, stream.protocol) === 'untouched';
  return { stream, slot: isUntouched ? { kind: 'untouched', view } : rejectedSlot(stream, view) };
}

function withMuxAnswer(own: Stream, mux: MuxDecision | undefined): Stream {
  if (mux?.answer === own.muxAnswer) return own;
  const answered = copyOf(own);
  answered.muxAnswer = mux?.answer;
  return answered;
}

function rtcpOfOffer(offer: Stream['muxOffer'] | undefined): 'own port' | 'rtp port' | 'none' {
  if (offer === undefined) return 'none';
  return offer === 'required' ? 'rtp port' : 'own port';
}

/** The ports for the receiver: at once where nothing runs yet, else from its answer on. */
function place(
  stream: Stream,
  said: Signalled,
  site: Site,
  single: boolean,
  { ids, latch }: { readonly ids: Ids; readonly latch: boolean },
): { stream: Stream; local: Local } {
  const span = single ? 'single' : 'pair';
  const wish = {
    peer: said.addresses?.rtp ?? '',
    interface: site.interface,
    address: site.address.bind,
    span,
    latch,
  } as const;
  const { locals, local } = chooseLocal(stream, wish, ids);
  const isRunning = stream.inForce !== undefined && !stream.inForce.rejected && stream.locals.length > 0;
  if (!isRunning) return { stream: withLocals(stream, useLocal(locals, local.id)), local };
  if (locals[0] === local) return { stream: withLocals(stream, locals), local };
  const moving = copyOf(stream);
  moving.locals = keepLocals(locals, local.id);
  moving.nextLocal = local.id;
  return { stream: moving, local };
}

/** The usual rule keeps ports for media that moves by itself (ICE) or does not flow (hold). */
function latches(view: MediaView, said: Signalled, flags: MediaFlags): boolean {
  return flags.portLatching ?? (usesIce(view) || said.direction !== 'sendrecv');
}

type OfferedPayloads =
  | { readonly kind: 'some'; readonly payloads: readonly PayloadFormat[] }
  | { readonly kind: 'none' }
  | CommandFailure;

function offeredPayloads(
  view: MediaView,
  receiving: Stream,
  own: Stream,
  flags: MediaFlags,
): OfferedPayloads {
  if (view.profile === undefined || view.media.port === 0) return { kind: 'some', payloads: [] };
  const { codec, allowNoCodecMedia } = flags;
  const agreed = receiving.inForce;
  const outcome = codecsOfOffer(view.payloads, {
    codec,
    allowNoCodecMedia,
    ...(flags.reuseCodecs && agreed && { reuse: unpackPayloads(agreed.payloads) }),
    ...(flags.staticCodecs && agreed && own.inForce && { before: unpackPayloads(own.inForce.payloads) }),
  });
  switch (outcome.kind) {
    case 'payloads':
      return { kind: 'some', payloads: outcome.payloads };
    case 'noCodec':
      return { kind: 'none' };
    case 'needsTranscoding':
      return failure('unsupported', `Transcoding to ${outcome.codecs.join(', ')} is not supported`);
  }
}

const NO_EXTENSIONS: readonly string[] = [];
