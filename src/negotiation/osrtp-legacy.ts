import type { Leg } from '../call/call.js';
import type { MediaFlags } from '../command/flags.js';
import type { MediaView } from '../sdp/media-view.js';
import { isSecureProfile } from './security-said.js';
import type { Body } from './signal.js';
import { rejectedSlot, type Slot } from './slots.js';

/**
 * Before RFC 8643 optional SRTP was offered with two `m=` lines for one stream, one plain and one secure. Towards the
 * call such twins are one stream; `Leg.twins` remembers for each stream how many lines it has and which comes first.
 */
export function withoutTwins(
  body: Body,
  leg: Leg,
  flags: MediaFlags,
): { readonly body: Body; readonly leg: Leg } {
  const accepts = flags.osrtp.has('accept-legacy');
  const known = leg.twins ?? '';
  if (!known.includes('p') && !known.includes('s') && !accepts) return { body, leg };
  const hasTwins =
    body.medias.length >= leg.streams.length + [...known].filter((mark) => mark !== SINGLE).length;

  const medias: MediaView[] = [];
  let twins = '';
  for (let at = 0; at < body.medias.length; ) {
    const first = body.medias[at];
    const second = body.medias[at + 1];
    if (first === undefined) break;
    const mark = known[medias.length] ?? (accepts ? markOf(first, second) : SINGLE);
    twins += mark;
    if (mark === SINGLE || second === undefined || !hasTwins) {
      medias.push(first);
      at += 1;
    } else {
      medias.push(preferred(first, second));
      at += 2;
    }
  }
  const kept = twins + known.slice(twins.length);
  return { body: { ...body, medias }, leg: kept === known ? leg : { ...leg, twins: kept } };
}

/** Which streams of the receiver have twins after an offer. */
export function twinsAfter(leg: Leg, slots: readonly Slot[]): string | undefined {
  const known = leg.twins ?? '';
  if (known === '' && !slots.some((slot) => slot.kind === 'relayed' && slot.twin !== undefined))
    return undefined;
  return slots
    .map((slot, line) => {
      const before = known[line];
      if (before !== undefined) return before;
      return slot.kind === 'relayed' && slot.twin !== undefined ? PLAIN_FIRST : SINGLE;
    })
    .join('');
}

/** The sections of the receiver's SDP: two for a stream with a twin, one of them rejected unless both are offered. */
export function withTwins(slots: readonly Slot[], leg: Leg): readonly Slot[] {
  if (leg.twins === undefined) return slots;
  return slots.flatMap((slot, line) => {
    const mark = leg.twins?.[line] ?? SINGLE;
    if (mark === SINGLE) return [slot];
    const twin = twinOf(slot, leg, line);
    if (twin === undefined) return [slot];
    const isFirst = isSecureProfile(protocolOf(slot)) === (mark === SECURE_FIRST);
    return isFirst ? [slot, twin] : [twin, slot];
  });
}

/** The plain name of a secure profile and the other way round. */
export function twinProtocol(protocol: string): string {
  const hasFeedback = protocol.toUpperCase().endsWith('F');
  return `${isSecureProfile(protocol) ? 'RTP/AVP' : 'RTP/SAVP'}${hasFeedback ? 'F' : ''}`;
}

function twinOf(slot: Slot, leg: Leg, line: number): Slot | undefined {
  if (slot.kind === 'untouched') return undefined;
  if (slot.kind === 'relayed' && slot.twin !== undefined) {
    return { ...slot, protocol: slot.twin, mid: undefined, security: [], twin: undefined };
  }
  const stream = leg.streams[line];
  if (stream === undefined) return undefined;
  const protocol = twinProtocol(protocolOf(slot));
  const view = slot.view;
  return rejectedSlot({ ...stream, mid: undefined, type: view?.media.type ?? stream.type, protocol }, view);
}

function protocolOf(slot: Slot): string {
  return slot.kind === 'untouched' ? slot.view.media.protocol : slot.protocol;
}

/** SRTP if the party wants it, else what it does want. */
function preferred(first: MediaView, second: MediaView): MediaView {
  const open = [first, second].filter(({ media }) => media.port !== 0);
  return open.find((view) => view.profile !== undefined && isSecureProfile(view.profile)) ?? open[0] ?? first;
}

function markOf(first: MediaView, second: MediaView | undefined): string {
  if (second === undefined || first.profile === undefined || second.profile === undefined) return SINGLE;
  if (first.media.type !== second.media.type || first.media.port !== second.media.port) return SINGLE;
  const isSecure = isSecureProfile(first.profile);
  if (first.media.port === 0 || isSecure === isSecureProfile(second.profile)) return SINGLE;
  return isSecure ? SECURE_FIRST : PLAIN_FIRST;
}

const SINGLE = '-';
const PLAIN_FIRST = 'p';
const SECURE_FIRST = 's';
