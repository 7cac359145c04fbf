import type { SignalledBundle } from '../call/bundle.js';
import type { Leg, Signalled } from '../call/call.js';
import type { MediaFlags } from '../command/flags.js';
import { detach } from '../sdp/detach.js';
import type { MediaView } from '../sdp/media-view.js';
import { isStripped, MID_EXTENSION } from './extensions.js';
import type { Body } from './signal.js';

/** What the groups of a body say, by section. */
export type Groups = ReadonlyMap<MediaView, SignalledBundle>;

/**
 * The offerer's groups are answered as groups: the client asks for it, or they are in force. A group in force is
 * dissolved on request only, since its sections share their port by now.
 */
export function acceptsGroups(leg: Leg, { bundle }: MediaFlags): boolean {
  if (bundle.has('reject')) return false;
  return bundle.has('accept') || leg.streams.some((stream) => stream.bundle !== undefined);
}

/** The answerer's groups count where it was offered one. */
export function answersGroups(leg: Leg): boolean {
  return leg.streams.some((stream) => stream.bundleOffer !== undefined);
}

/**
 * Reads the groups of a body. Where a section has no transport of its own, the one of the tagged section is filled in
 * (RFC 9143 §7.1.3): address, keys and ICE. Only RTP can be bundled here; other sections stay by themselves.
 */
export function withGroups(body: Body, kind: 'offer' | 'answer', flags: MediaFlags): Body {
  const medias = [...body.medias];
  const groups = new Map<MediaView, SignalledBundle>();
  const grouped = new Set<number>();
  for (const [group, mids] of body.session.bundles.entries()) {
    const lines = linesOf(mids, body.medias).filter((line) => !grouped.has(line));
    const tagged = lines.map((line) => medias[line]).find((view) => view !== undefined && isOpen(view));
    if (tagged === undefined) continue;
    for (const [place, line] of lines.entries()) {
      const view = medias[line];
      if (view?.profile === undefined) continue;
      const dependent = view.media.port === 0 && view.bundleOnly;
      if (view.media.port === 0 && !dependent) continue;
      const shares = view !== tagged && (dependent || kind === 'answer' || isAtSamePlace(view, tagged));
      const whole: MediaView = { ...(shares ? inheriting(view, tagged) : view), rtcpMux: true };
      medias[line] = whole;
      grouped.add(line);
      const midExtension = midExtensionOf(view, flags);
      groups.set(whole, {
        group,
        place,
        dependent,
        ...(midExtension !== undefined && { midExtension }),
        ssrcs: detach(sourcesOf(view)),
      });
    }
  }
  return groups.size === 0 ? body : { ...body, medias, groups };
}

/** The section whose transport the sections of a group share, as far as the offerer can say. */
export function namesTransport(view: MediaView, groups: Groups): boolean {
  const own = groups.get(view);
  if (own === undefined || own.dependent) return false;
  for (const { group, place, dependent } of groups.values()) {
    if (group === own.group && !dependent && place < own.place) return false;
  }
  return true;
}

export function withBundle(said: Signalled, bundled: SignalledBundle | undefined): Signalled {
  return bundled === undefined ? said : { ...said, bundled };
}

function linesOf(mids: readonly string[], medias: readonly MediaView[]): number[] {
  const lines = mids.map((mid) => medias.findIndex((view) => view.mid === mid));
  return [...new Set(lines)].filter((line) => line >= 0);
}

function isOpen({ media }: MediaView): boolean {
  return media.port !== 0;
}

function isAtSamePlace(view: MediaView, tagged: MediaView): boolean {
  return view.media.port === tagged.media.port && view.address.address === tagged.address.address;
}

function inheriting(view: MediaView, tagged: MediaView): MediaView {
  if (view === tagged) return view;
  return {
    ...view,
    media: { ...view.media, port: tagged.media.port },
    address: tagged.address,
    rtcp: tagged.rtcp,
    fingerprint: view.fingerprint ?? tagged.fingerprint,
    setup: view.setup ?? tagged.setup,
    tlsId: view.tlsId ?? tagged.tlsId,
    crypto: view.crypto.length > 0 ? view.crypto : tagged.crypto,
    ice: view.ice.ufrag === undefined ? tagged.ice : view.ice,
  };
}

function midExtensionOf(view: MediaView, flags: MediaFlags): number | undefined {
  if (isStripped(MID_EXTENSION, flags)) return undefined;
  const id = view.extmaps.find(({ uri }) => uri === MID_EXTENSION)?.id;
  return id !== undefined && id > 0 && id < 256 ? id : undefined;
}

function sourcesOf({ other }: MediaView): string {
  const ssrcs = new Set<string>();
  for (const { value } of other) {
    const ssrc = SOURCE.exec(value)?.[1];
    if (ssrc !== undefined && Number(ssrc) <= 0xffff_ffff) ssrcs.add(ssrc);
  }
  return [...ssrcs].slice(0, MAX_SOURCES).join(' ');
}

const SOURCE = /^ssrc:(\d{1,10}) /;
/** The data plane takes no more per stream. */
const MAX_SOURCES = 64;
