import type { Leg, Local, Signalled, Stream } from '../call/call.js';
import { isSettled, peerLine } from '../call/legs.js';
import { revised } from '../call/revised.js';
import { unpackPayloads } from '../call/payloads.js';
import { kindOf, sameAddresses } from '../call/signalled.js';
import { beforeOffer, newStream, settle, unprotected } from '../call/streams.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { MediaView } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import { codecsOfOffer } from './codecs.js';
import { ruleOfOffer } from './feedback.js';
import { usesIce } from './ice-said.js';
import type { Ids } from './ids.js';
import { pairLines } from './lines.js';
import { chooseLocal, keepLocals, useLocal } from './locals.js';
import type { Means } from './means.js';
import { offerCandidates, offerProtection } from './offer-protection.js';
import { twinsAfter } from './osrtp-legacy.js';
import type { Parties } from './parties.js';
import { decideMux, type MuxDecision } from './rtcp-mux.js';
import { awaitingAnswer } from './security-offer.js';
import { type Body, offeredBy } from './signal.js';
import { rejectedSlot, type Slot } from './slots.js';
import { protocolTowards, type Site, siteTowards } from './transport.js';

export type Exchange = {
  readonly kind: 'exchange';
  readonly parties: Parties;
  readonly slots: readonly Slot[];
};

type Offering = {
  readonly sender: Leg;
  readonly senderSettled: boolean;
  readonly receiver: Leg;
  readonly description: SessionDescription;
} & Means;

/** Takes an offer into the call and decides, stream by stream, what the receiver is offered. */
export function exchangeOffer(parties: Parties, body: Body, means: Means): Exchange | CommandFailure {
  const { call, sender, receiver } = parties;
  const senderSettled = isSettled(call, sender.id);
  const { flags, facts, ids, draws } = means;
  const { description } = body;
  const offering = { flags, facts, ids, draws, sender, senderSettled, receiver, description };
  const { dialogue, hidden } = pairLines(parties, body.medias, flags.sdpMediaRemove);

  const senderStreams: Stream[] = [];
  const receiverStreams = [...receiver.streams];
  const slots: Slot[] = [];
  const lines = Math.max(body.medias.length, sender.streams.length);
  for (let line = 0; line < lines; line += 1) {
    const view = body.medias[line];
    const before = sender.streams[line];
    const own = view ? ownStream(before, view, offering) : withoutMedia(before);
    if (own === undefined) continue;
    senderStreams.push(own);
    if (view === undefined || hidden.has(line)) continue;
    const target = peerLine(dialogue, sender.id, line);
    if (target === undefined) continue;
    const sent = offerStream(view, own, { known: receiver.streams[target], line }, offering);
    if (sent.kind === 'failure') return sent;
    senderStreams[line] = withOwnLocal(sent.own, view, offering);
    receiverStreams[target] = sent.stream;
    slots[target] = sent.slot;
  }
  // What the receiver knew before and the offer no longer shows keeps its place, rejected (RFC 3264 §8).
  for (const [line, stream] of receiverStreams.entries()) slots[line] ??= rejectedSlot(stream);

  const twins = twinsAfter(receiver, slots);
  return {
    kind: 'exchange',
    slots,
    parties: {
      ...parties,
      dialogue: { ...dialogue, offeredBy: sender.id },
      sender: { ...sender, streams: senderStreams },
      receiver: { ...receiver, ...(twins !== undefined && { twins }), streams: receiverStreams },
    },
  };
}

/** The sender's stream: what it says waits for the answer, unless there is nothing yet it could disturb. */
function ownStream(before: Stream | undefined, view: MediaView, offering: Offering): Stream {
  const { flags, facts, ids } = offering;
  const said = offeredBy(view, before?.inForce, flags, facts);
  const stream = beforeOffer(before ?? newStream(ids.take(), said));
  const moved = before?.inForce !== undefined && !sameAddresses(before.inForce.addresses, said.addresses);
  return revised<Stream>(
    stream,
    { type: said.type, protocol: said.protocol },
    view.mid === undefined ? UNCHANGED : { mid: detach(view.mid) },
    flags.ptimeReverseMs === undefined ? UNCHANGED : { ptimeMs: flags.ptimeReverseMs },
    said.ice ? { iceRefused: false } : UNCHANGED,
    offering.senderSettled
      ? { offered: said }
      : { inForce: said, epoch: moved ? stream.epoch + 1 : stream.epoch },
  );
}

/**
 * Ports for the sender, although only the answer will name them: media may come before the answer does, and a node
 * without ports left can still be replaced by another one now.
 */
function withOwnLocal(own: Stream, view: MediaView, offering: Offering): Stream {
  const kind = kindOf(own.type, own.protocol);
  if (own.locals.length > 0 || kind === 'untouched' || view.media.port === 0) return own;
  const { sender, facts, ids } = offering;
  const site = siteTowards(sender, view.address.family, {}, facts);
  const isSingle = kind === 'opaque' || own.muxAnswer === true;
  const wish = {
    peer: '',
    interface: site.interface,
    address: site.address.bind,
    span: isSingle ? 'single' : 'pair',
    latch: false,
  } as const;
  return revised<Stream>(own, { locals: chooseLocal(own, wish, ids).locals });
}

/** A line that the sender's SDP no longer has counts as rejected by it. */
function withoutMedia(before: Stream | undefined): Stream | undefined {
  const said = before?.offered ?? before?.inForce;
  return before && said && { ...before, offered: { ...said, rejected: true } };
}

type Sent = { readonly kind: 'sent'; readonly own: Stream; readonly stream: Stream; readonly slot: Slot };

function offerStream(
  view: MediaView,
  own: Stream,
  { known, line }: { readonly known: Stream | undefined; readonly line: number },
  offering: Offering,
): Sent | CommandFailure {
  const { flags, ids, receiver, facts, description } = offering;
  const said = own.offered ?? own.inForce;
  if (said === undefined) throw new Error('an offered stream without what was offered');
  const base = known ?? newStream(ids.take(), said);
  const mid = view.mid ?? (flags.generateMid ? `${line + 1}` : undefined);
  const payloads = offeredPayloads(view, base, own, flags);
  if (payloads.kind === 'failure') return payloads;
  if (said.rejected || payloads.kind === 'none') {
    return {
      kind: 'sent',
      own,
      ...rejectedOffer({ ...withMid(settle(base), mid), type: said.type }, view, offering),
    };
  }

  const protection = offerProtection(view, description, known, offering);
  if (protection.kind === 'failure') return protection;
  const { protocol, state, isPassed } = protection;
  const bare = withMid(unprotected(settle(base)), mid);
  const stream = revised<Stream>(bare, state, { type: said.type, protocol });
  const kind = kindOf(said.type, protocol);
  if (kind === 'untouched') return { kind: 'sent', own, stream, slot: { kind: 'untouched', view } };

  const mux = kind === 'rtp' ? decideMux(said.rtcpMux, base.muxed && !flags.reset, flags.rtcpMux) : undefined;
  const site = siteTowards(receiver, view.address.family, flags, facts);
  const isSingle = mux?.offer === 'required' || kind === 'opaque' || isPassed;
  const latch = latches(view, said, flags) || state.ice?.offered === true || state.ice?.inForce === true;
  const placed = place(stream, said, site, isSingle, { ids, latch });
  const hasRtcp = mux !== undefined && !isSingle;
  const candidates = offerCandidates(protection, view, { ...placed, site, hasRtcp }, offering);
  return {
    kind: 'sent',
    own: withMuxAnswer(state.transparent ? own : awaitingAnswer(own, offering.senderSettled, flags), mux),
    stream: revised<Stream>(placed.stream, { locals: candidates.locals, muxOffer: mux?.offer ?? 'none' }),
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
      feedback: ruleOfOffer(view.media.protocol, protocol),
      ptimeMs: flags.ptimeMs ?? view.ptimeMs,
      security: protection.security,
      ice: candidates.lines,
      isIcePassed: isPassed,
      isOriginal: isPassed && flags.ice === 'force-relay',
      twin: protection.twin,
    },
  };
}

function withMid(stream: Stream, mid: string | undefined): Stream {
  return mid === undefined || mid === stream.mid ? stream : revised<Stream>(stream, { mid: detach(mid) });
}

/** How it is protected stays as it is: the stream may be taken up again. */
function rejectedOffer(
  named: Stream,
  view: MediaView,
  { flags, facts }: Offering,
): { stream: Stream; slot: Slot } {
  const stream = { ...named, protocol: detach(protocolTowards(view, named, flags, facts)) };
  const isUntouched = kindOf(stream.type, stream.protocol) === 'untouched';
  return { stream, slot: isUntouched ? { kind: 'untouched', view } : rejectedSlot(stream, view) };
}

function withMuxAnswer(own: Stream, mux: MuxDecision | undefined): Stream {
  if (mux?.answer === own.muxAnswer) return own;
  if (mux?.answer !== undefined) return revised<Stream>(own, { muxAnswer: mux.answer });
  const { muxAnswer: _, ...undecided } = own;
  return undecided;
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
  if (!isRunning) return { stream: revised<Stream>(stream, { locals: useLocal(locals, local.id) }), local };
  if (locals[0] === local) return { stream: revised<Stream>(stream, { locals }), local };
  const changes = { locals: keepLocals(locals, local.id), nextLocal: local.id };
  return { stream: revised<Stream>(stream, changes), local };
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

const UNCHANGED = {};
