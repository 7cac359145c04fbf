import type { Stream } from './call.js';

/** What a party's group (RFC 9143) says of one of its streams. */
export type SignalledBundle = {
  /** Which of the party's groups, and the place in it. */
  readonly group: number;
  readonly place: number;
  /** The section has no address of its own (`a=bundle-only`): it cannot name the transport. */
  readonly dependent: boolean;
  /** Number of the header extension that carries the MID. */
  readonly midExtension?: number;
  /** The party's sources (`a=ssrc`), separated by spaces. */
  readonly ssrcs: string;
};

/** The stream uses the transport of another one. */
export function isCarried({ id, bundle }: Stream): boolean {
  return bundle !== undefined && bundle !== id;
}

/** The stream whose transport this one uses: itself, unless it is carried. */
export function carrierOf(streams: readonly Stream[], stream: Stream): Stream {
  return (isCarried(stream) && streams.find(({ id }) => id === stream.bundle)) || stream;
}

/** Streams that use the transport of this one, and are not rejected. */
export function carriedBy(streams: readonly Stream[], { id }: Stream): readonly Stream[] {
  return streams.filter(({ bundle, inForce }) => bundle === id && inForce?.rejected !== true);
}

/** The stream, reached the way the other one is. */
export function withTransport(stream: Stream, other: Stream): Stream {
  if (stream.id === other.id) return other;
  return {
    ...stream,
    locals: other.locals,
    nextLocal: other.nextLocal,
    muxed: other.muxed,
    muxOffer: other.muxOffer,
    epoch: other.epoch,
    learned: other.learned,
    security: other.security,
    transparent: other.transparent,
    ice: other.ice,
    iceRefused: other.iceRefused,
  };
}

/** The stream without ports, keys and ICE. */
export function withoutTransport(stream: Stream): Stream {
  return {
    ...stream,
    locals: [],
    nextLocal: undefined,
    learned: undefined,
    security: undefined,
    transparent: undefined,
    ice: undefined,
  };
}

/** The stream on its own; if it was carried it has no ports yet. */
export function unbundled(stream: Stream): Stream {
  if (stream.bundle === undefined) return stream;
  return { ...(isCarried(stream) ? withoutTransport(stream) : stream), bundle: undefined };
}
