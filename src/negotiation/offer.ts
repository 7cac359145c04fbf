import type { Stream } from '../call/call.js';
import { isSettled, peerLine } from '../call/legs.js';
import { kindOf, sameAddresses } from '../call/signalled.js';
import { beforeOffer, copyOf, newStream, withLocals } from '../call/streams.js';
import type { CommandFailure } from '../command/reply.js';
import { detach } from '../sdp/detach.js';
import type { MediaView } from '../sdp/media-view.js';
import { groupTowards } from './bundle-offer.js';
import { namesTransport, withBundle } from './bundle-said.js';
import { withMasked } from './extensions.js';
import { refusedFax } from './fax.js';
import { pairLines } from './lines.js';
import { chooseLocal } from './locals.js';
import type { Means } from './means.js';
import { isCarrierOf, type Lead, type Offering, offerStream } from './offer-stream.js';
import { twinsAfter } from './osrtp-legacy.js';
import type { Parties } from './parties.js';
import { type Body, familyInUse, offeredBy } from './signal.js';
import { rejectedSlot, type Slot } from './slots.js';
import { siteTowards } from './transport.js';
import { withoutTornSequences } from './transport-wide.js';

export type Exchange = {
  readonly kind: 'exchange';
  readonly parties: Parties;
  readonly slots: readonly Slot[];
};

/** Takes an offer into the call and decides, stream by stream, what the receiver is offered. */
export function exchangeOffer(parties: Parties, body: Body, means: Means): Exchange | CommandFailure {
  const { call, sender, receiver } = parties;
  const senderSettled = isSettled(call, sender.id);
  const { flags, facts, ids, draws } = means;
  const { description } = body;
  const { groups, medias } = body;
  const refused = refusedFax(medias, flags);
  if (refused) return refused;
  const group = groupTowards(receiver, medias, flags);
  // biome-ignore format: one list, since what a spread is added to has a hidden class of its own each time
  const offering = {
    flags, facts, ids, draws, sender, senderSettled, receiver, description, medias, groups, group,
  };
  const { dialogue, hidden } = pairLines(parties, body.medias, flags.sdpMediaRemove);

  const senderStreams: Stream[] = [];
  const receiverStreams = [...receiver.streams];
  const slots: Slot[] = [];
  let lead: Lead | undefined;
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
    const place = { known: receiverStreams[target], line, target, lead };
    const sent = offerStream(view, own, place, offering);
    if (sent.kind === 'failure') return sent;
    senderStreams[line] = withOwnLocal(sent.own, view, offering);
    receiverStreams[target] = sent.stream;
    slots[target] = sent.slot;
    lead ??= sent.lead;
    if (sent.carrier) receiverStreams[receiver.streams.findIndex(isCarrierOf(group))] = sent.carrier;
  }
  // What the receiver knew before and the offer no longer shows keeps its place, rejected (RFC 3264 §8).
  for (const [line, stream] of receiverStreams.entries()) slots[line] ??= rejectedSlot(stream);

  const twins = twinsAfter(receiver, slots);
  return {
    kind: 'exchange',
    slots: withoutTornSequences(slots, groups),
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
  const heard = withMasked(offeredBy(view, before?.inForce, flags, facts), view, flags);
  const said = withBundle(heard, offering.groups.get(view));
  const stream = beforeOffer(before ?? newStream(ids.take(), said));
  const moved = before?.inForce !== undefined && !sameAddresses(before.inForce.addresses, said.addresses);
  const { senderSettled } = offering;
  const own = copyOf(stream);
  own.type = said.type;
  own.protocol = said.protocol;
  own.mid = view.mid === undefined ? undefined : detach(view.mid);
  if (!senderSettled) own.inForce = said;
  own.offered = senderSettled ? said : undefined;
  own.ptimeMs = flags.ptimeReverseMs;
  if (moved && !senderSettled) own.epoch += 1;
  own.iceRefused = stream.iceRefused && said.ice === undefined;
  return own;
}

/**
 * Ports for the sender, although only the answer will name them: media may come before the answer does, and a node
 * without ports left can still be replaced by another one now.
 */
function withOwnLocal(own: Stream, view: MediaView, offering: Offering): Stream {
  const kind = kindOf(own.type, own.protocol);
  if (own.locals.length > 0 || kind === 'untouched' || view.media.port === 0) return own;
  const { sender, flags, facts, ids, groups } = offering;
  const isGrouped = groups.has(view);
  if (own.bundle !== undefined || (isGrouped && !namesTransport(view, groups))) return own;
  const site = siteTowards(sender, familyInUse(view, flags, facts), {}, facts);
  const isSingle = kind === 'opaque' || own.muxAnswer === true || isGrouped;
  const wish = {
    peer: '',
    interface: site.interface,
    address: site.address.bind,
    span: isSingle ? 'single' : 'pair',
    latch: false,
  } as const;
  return withLocals(own, chooseLocal(own, wish, ids).locals);
}

/** A line that the sender's SDP no longer has counts as rejected by it. */
function withoutMedia(before: Stream | undefined): Stream | undefined {
  const said = before?.offered ?? before?.inForce;
  return before && said && { ...before, offered: { ...said, rejected: true } };
}
