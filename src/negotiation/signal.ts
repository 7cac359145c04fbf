import type { Addresses, Signalled } from '../call/call.js';
import { packParameters } from '../call/format-parameters.js';
import { packPayloads } from '../call/payloads.js';
import { kindOf, socketAddress } from '../call/signalled.js';
import type { AddressFamily, MediaFlags } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { familyOf, isUnspecified } from '../sdp/address.js';
import { detach } from '../sdp/detach.js';
import type { Direction } from '../sdp/direction.js';
import { type MediaView, viewMedia } from '../sdp/media-view.js';
import type { SessionDescription } from '../sdp/model.js';
import { parseSdp } from '../sdp/parse.js';
import { isPotential, securePotentials, withoutPotentials } from '../sdp/potential.js';
import { type SessionView, viewSession } from '../sdp/session-view.js';
import type { Groups } from './bundle-said.js';
import { acceptableCodecs } from './codecs.js';
import type { Facts } from './facts.js';
import { rtcpSaidBy } from './feedback.js';
import { iceOf, isTricklePlaceholder, usesIce } from './ice-said.js';
import { securityOfAnswer, securityOfOffer } from './security-said.js';

/** A received SDP, read. */
export type Body = {
  readonly kind: 'body';
  readonly description: SessionDescription;
  readonly session: SessionView;
  readonly medias: readonly MediaView[];
  /** Sections that share their transport, once that was asked for. */
  readonly groups: Groups;
};

export function readBody(sdp: string): Body | CommandFailure {
  const parsed = parseSdp(sdp);
  if (!parsed.ok) return failure('badSdp', 'Failed to parse SDP');
  const session = viewSession(parsed.description);
  const medias: MediaView[] = [];
  for (const media of parsed.description.medias) {
    const viewed = viewMedia(media, session);
    if (!viewed.ok) {
      return failure(
        'badSdp',
        viewed.reason.startsWith('Incomplete') ? viewed.reason : 'Failed to parse SDP',
      );
    }
    medias.push(viewed.view);
  }
  return {
    kind: 'body',
    description: parsed.description,
    ...withoutSecure(session, medias),
    groups: NO_GROUPS,
  };
}

function withoutSecure(session: SessionView, medias: readonly MediaView[]): Pick<Body, 'session' | 'medias'> {
  const lines = [session, ...medias].flatMap(({ other }) => other.filter(isPotential));
  const secure = lines.length === 0 ? undefined : securePotentials(lines);
  if (secure === undefined) return { session, medias };
  return {
    session: { ...session, other: withoutPotentials(session.other, secure) },
    medias: medias.map((view) => ({ ...view, other: withoutPotentials(view.other, secure) })),
  };
}

/** What is kept of an offered media description in the call. */
export function offeredBy(
  view: MediaView,
  before: Signalled | undefined,
  flags: MediaFlags,
  facts: Facts,
): Signalled {
  const said = signalledBy(view, before, flags, facts);
  return {
    ...said,
    security: securityOfOffer(view, flags.sdes),
    ice: flags.rejectIce ? undefined : iceOf(view),
  };
}

/** What is kept of an answered media description in the call. */
export function answeredBy(
  view: MediaView,
  before: Signalled | undefined,
  flags: MediaFlags,
  facts: Facts,
): Signalled {
  const said = signalledBy(view, before, flags, facts);
  return { ...said, security: securityOfAnswer(view), ice: iceOf(view) };
}

/** A party that holds by an unspecified address, or rejects a line, is still where it was before. */
function signalledBy(
  view: MediaView,
  before: Signalled | undefined,
  flags: MediaFlags,
  facts: Facts,
): Signalled {
  const { media } = view;
  return {
    type: detach(media.type),
    protocol: detach(media.protocol),
    formats: detach(media.formats.join(' ')),
    addresses: addressesOf(view, flags, facts) ?? before?.addresses,
    direction: isHeldByAddress(view) ? withoutReceiving(view.direction) : view.direction,
    rtcpMux: view.rtcpMux,
    rejected: media.port === 0,
    ptimeMs: view.ptimeMs,
    payloads: packPayloads(acceptableCodecs(view.payloads, flags.codec)),
    parameters: packParameters(view.payloads) || undefined,
    rtcp: view.profile === undefined ? undefined : rtcpSaidBy(view),
    security: undefined,
    ice: undefined,
    masked: undefined,
    bundled: undefined,
  };
}

/** RFC 3264 §8.4: the old way to hold is an unspecified address. */
export function isHeldByAddress(view: MediaView): boolean {
  return isUnspecified(view.address.address) && !isTricklePlaceholder(view);
}

function addressesOf(view: MediaView, flags: MediaFlags, facts: Facts): Signalled['addresses'] {
  const { port, type, protocol } = view.media;
  if (port === 0 || isTricklePlaceholder(view)) return undefined;
  const host = hostOf(view.address.address, view, flags, facts);
  if (host === undefined) return undefined;
  const rtp = detach(socketAddress(host, port));
  if (kindOf(type, protocol) !== 'rtp') return { rtp };
  const rtcp = rtcpOf(view, host, flags, facts);
  return rtcp === undefined ? { rtp } : { rtp, rtcp };
}

/** The RTCP address, if it is another than the port after that of RTP. */
function rtcpOf(view: MediaView, host: string, flags: MediaFlags, facts: Facts): Addresses['rtcp'] {
  const { rtcp, media } = view;
  if (rtcp === undefined || rtcp.port === 0 || rtcp.port === media.port) return undefined;
  const named = rtcp.address === undefined ? host : hostOf(rtcp.address.address, view, flags, facts);
  // Browsers write `9 IN IP4 0.0.0.0` until they know better.
  if (named === undefined || (rtcp.address !== undefined && isUnspecified(rtcp.address.address)))
    return undefined;
  if (named === host && rtcp.port === media.port + 1) return undefined;
  return detach(socketAddress(named, rtcp.port));
}

/** The address packets go to: that of the SDP if it is trusted and is one, else where the SIP message came from. */
export function hostOf(
  address: string,
  view: MediaView,
  flags: MediaFlags,
  facts: Facts,
): string | undefined {
  const isTrusted = (flags.trustAddress ?? !facts.defaults.sipSource) || usesIce(view);
  if (isTrusted && !isUnspecified(address)) return unmapped(address);
  const source = flags.receivedFrom;
  if (source !== undefined && familyOf(source) !== undefined && !isUnspecified(source))
    return unmapped(source);
  return isUnspecified(address) ? undefined : unmapped(address);
}

/** The family of the address in use: that of the SDP, or of where the SIP message came from. */
export function familyInUse(view: MediaView, flags: MediaFlags, facts: Facts): AddressFamily {
  const host = hostOf(view.address.address, view, flags, facts);
  return (host === undefined ? undefined : familyOf(host)) ?? view.address.family;
}

function unmapped(address: string): string {
  return address.toLowerCase().startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

const NO_GROUPS: Groups = new Map();

function withoutReceiving(direction: Direction): Direction {
  switch (direction) {
    case 'sendrecv':
    case 'sendonly':
      return 'sendonly';
    case 'recvonly':
    case 'inactive':
      return 'inactive';
  }
}
