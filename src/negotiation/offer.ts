import type { Leg, Local, Signalled, Stream } from '../call/call.js';
import { isSettled, peerLine } from '../call/legs.js';
import { unpackPayloads } from '../call/payloads.js';
import { kindOf, sameAddresses } from '../call/signalled.js';
import { beforeOffer, newStream, settle } from '../call/streams.js';
import type { MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { MediaView } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import { codecsOfOffer } from './codecs.js';
import type { Facts } from './facts.js';
import type { Draws } from './draws.js';
import { isIceTransparent, offeredIce, offeredOptions } from './ice.js';
import { candidateLocals } from './ice-candidates.js';
import { ownIceLines, passedIceLines } from './ice-lines.js';
import { usesIce } from './ice-said.js';
import type { Ids } from './ids.js';
import { pairLines } from './lines.js';
import { chooseLocal, keepLocals, useLocal } from './locals.js';
import { twinProtocol, twinsAfter } from './osrtp-legacy.js';
import type { Parties } from './parties.js';
import { decideMux } from './rtcp-mux.js';
import { awaitingAnswer, offerSecurity } from './security-offer.js';
import { isSecureProfile } from './security-said.js';
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
  readonly flags: MediaFlags;
  readonly facts: Facts;
  readonly ids: Ids;
  readonly draws: Draws;
};

/** What a negotiation needs besides the parties and what they say. */
export type Means = {
  readonly flags: MediaFlags;
  readonly facts: Facts;
  readonly ids: Ids;
  readonly draws: Draws;
};

/** Takes an offer into the call and decides, stream by stream, what the receiver is offered. */
export function exchangeOffer(parties: Parties, body: Body, means: Means): Exchange | CommandFailure {
  const { call, sender, receiver } = parties;
  const senderSettled = isSettled(call, sender.id);
  const offering = { ...means, sender, senderSettled, receiver, description: body.description };
  const { dialogue, hidden } = pairLines(parties, body.medias, means.flags.sdpMediaRemove);

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
  const stream: Stream = {
    ...beforeOffer(before ?? newStream(ids.take(), said)),
    type: said.type,
    protocol: said.protocol,
    ...(view.mid !== undefined && { mid: detach(view.mid) }),
    ...(flags.ptimeReverseMs !== undefined && { ptimeMs: flags.ptimeReverseMs }),
    ...(said.ice && { iceRefused: false }),
  };
  if (offering.senderSettled) return { ...stream, offered: said };
  const moved = before?.inForce !== undefined && !sameAddresses(before.inForce.addresses, said.addresses);
  return { ...stream, inForce: said, epoch: moved ? stream.epoch + 1 : stream.epoch };
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
  return { ...own, locals: chooseLocal(own, wish, ids).locals };
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
  const { flags, ids, receiver, facts, draws, description } = offering;
  const said = own.offered ?? own.inForce;
  if (said === undefined) throw new Error('an offered stream without what was offered');
  const isPassed = isIceTransparent(view, flags, facts);
  const isDoubled = flags.osrtp.has('offer-legacy') && !isPassed && facts.capabilities.has('srtp');
  const named = isPassed ? view.media.protocol : protocolTowards(view, known, flags, facts);
  const protocol = isDoubled && view.profile && !isSecureProfile(named) ? twinProtocol(named) : named;
  const secured = offerSecurity(
    { view, description, known, protocol, isIceTransparent: isPassed },
    flags,
    facts,
    draws,
  );
  if (secured.kind === 'failure') return secured;

  const base = known ?? newStream(ids.take(), said);
  const mid = view.mid ?? (flags.generateMid ? `${line + 1}` : undefined);
  const { security: _, transparent: __, ice: ___, ...settled } = settle(base);
  const { security, transparent } = secured;
  const ice =
    isPassed || view.profile === undefined ? undefined : offeredIce(view, known, flags, facts, draws);
  const stream: Stream = {
    ...settled,
    type: said.type,
    protocol: detach(protocol),
    ...(mid !== undefined && { mid: detach(mid) }),
    ...(security && { security }),
    ...(transparent && { transparent }),
    ...(ice && { ice }),
  };
  const awaiting = transparent ? own : awaitingAnswer(own, offering.senderSettled, flags);
  const kind = kindOf(said.type, protocol);
  if (kind === 'untouched') return { kind: 'sent', own, stream, slot: { kind: 'untouched', view } };

  const payloads = offeredPayloads(view, base, flags);
  if (payloads.kind === 'failure') return payloads;
  if (said.rejected || payloads.kind === 'none') {
    return { kind: 'sent', own, stream, slot: rejectedSlot(stream, view) };
  }
  const mux = kind === 'rtp' ? decideMux(said.rtcpMux, base.muxed && !flags.reset, flags.rtcpMux) : undefined;
  const site = siteTowards(receiver, view.address.family, flags, facts);
  const isSingle = mux?.offer === 'required' || kind === 'opaque' || isPassed;
  const latch = latches(view, said, flags) || ice !== undefined;
  const { stream: placed, local } = place(stream, said, site, isSingle, { ids, latch });
  const found = ice?.offered || isPassed ? candidateLocals(placed, local, site, facts, ids) : undefined;
  const iceLines = !found
    ? []
    : isPassed
      ? passedIceLines(view, flags, found.candidates)
      : ice
        ? ownIceLines(ice, offeredOptions(flags), found.candidates, mux !== undefined && !isSingle)
        : [];
  const { muxAnswer: ____, ...undecided } = awaiting;
  return {
    kind: 'sent',
    own: mux?.answer === undefined ? undecided : { ...awaiting, muxAnswer: mux.answer },
    stream: { ...placed, ...(found && { locals: found.locals }), muxOffer: mux?.offer ?? 'none' },
    slot: {
      kind: 'relayed',
      view,
      local,
      printed: site.printed,
      protocol,
      mid,
      payloads: payloads.payloads,
      rtcp: isPassed ? (said.rtcpMux ? 'rtp port' : 'none') : rtcpOfOffer(mux?.offer),
      mux: isPassed ? said.rtcpMux : mux !== undefined && mux.offer !== 'none',
      ptimeMs: flags.ptimeMs ?? view.ptimeMs,
      security: secured.lines,
      ice: iceLines,
      isIcePassed: isPassed,
      isOriginal: isPassed && flags.ice === 'force-relay',
      twin: isDoubled && view.profile ? twinProtocol(protocol) : undefined,
    },
  };
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
  if (!isRunning) return { stream: { ...stream, locals: useLocal(locals, local.id) }, local };
  if (locals[0] === local) return { stream: { ...stream, locals }, local };
  return { stream: { ...stream, locals: keepLocals(locals, local.id), nextLocal: local.id }, local };
}

/** The usual rule keeps ports for media that moves by itself (ICE) or does not flow (hold). */
function latches(view: MediaView, said: Signalled, flags: MediaFlags): boolean {
  return flags.portLatching ?? (usesIce(view) || said.direction !== 'sendrecv');
}

type OfferedPayloads =
  | { readonly kind: 'some'; readonly payloads: readonly PayloadFormat[] }
  | { readonly kind: 'none' }
  | CommandFailure;

function offeredPayloads(view: MediaView, before: Stream, flags: MediaFlags): OfferedPayloads {
  if (view.profile === undefined || view.media.port === 0) return { kind: 'some', payloads: [] };
  const { codec, allowNoCodecMedia } = flags;
  const reuse = flags.reuseCodecs && before.inForce ? unpackPayloads(before.inForce.payloads) : undefined;
  const outcome = codecsOfOffer(view.payloads, { codec, allowNoCodecMedia, ...(reuse && { reuse }) });
  switch (outcome.kind) {
    case 'payloads':
      return { kind: 'some', payloads: outcome.payloads };
    case 'noCodec':
      return { kind: 'none' };
    case 'needsTranscoding':
      return failure('unsupported', `Transcoding to ${outcome.codecs.join(', ')} is not supported`);
  }
}
