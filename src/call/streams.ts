import type { Local, Signalled, Stream } from './call.js';

export function newStream(id: number, said: Signalled): Stream {
  return {
    id,
    type: said.type,
    protocol: said.protocol,
    mid: undefined,
    inForce: undefined,
    offered: undefined,
    locals: [],
    nextLocal: undefined,
    bundle: undefined,
    bundleOffer: undefined,
    hasOwnMid: undefined,
    muxed: false,
    muxAnswer: undefined,
    muxOffer: 'none',
    ptimeMs: undefined,
    used: false,
    epoch: 0,
    learned: undefined,
    security: undefined,
    transparent: undefined,
    ice: undefined,
    iceRefused: false,
  };
}

/**
 * A copy to be changed before anybody else has it. A spread would do, but V8 gives what comes of each spread in the
 * program a hidden class of its own, and streams of many are copied and read several times as slowly as those of one.
 */
export function copyOf(stream: Stream): StreamDraft {
  return {
    id: stream.id,
    type: stream.type,
    protocol: stream.protocol,
    mid: stream.mid,
    inForce: stream.inForce,
    offered: stream.offered,
    locals: stream.locals,
    nextLocal: stream.nextLocal,
    bundle: stream.bundle,
    bundleOffer: stream.bundleOffer,
    hasOwnMid: stream.hasOwnMid,
    muxed: stream.muxed,
    muxAnswer: stream.muxAnswer,
    muxOffer: stream.muxOffer,
    ptimeMs: stream.ptimeMs,
    used: stream.used,
    epoch: stream.epoch,
    learned: stream.learned,
    security: stream.security,
    transparent: stream.transparent,
    ice: stream.ice,
    iceRefused: stream.iceRefused,
  };
}

export type StreamDraft = { -readonly [Field in keyof Stream]: Stream[Field] };

/** The stream without anything that waits for an answer. */
export function settle(stream: Stream): Stream {
  if (stream.nextLocal === undefined && stream.offered === undefined) return stream;
  const settled = copyOf(stream);
  settled.nextLocal = undefined;
  settled.offered = undefined;
  return settled;
}

/** The stream without anything that belongs to an earlier offer of its party. */
export function beforeOffer(stream: Stream): Stream {
  const before = copyOf(settle(stream));
  before.ptimeMs = undefined;
  before.mid = undefined;
  before.muxAnswer = undefined;
  return before;
}

/** The stream without what was agreed on its protection. */
export function unprotected(stream: Stream): Stream {
  const bare = copyOf(stream);
  bare.security = undefined;
  bare.transparent = undefined;
  bare.ice = undefined;
  return bare;
}

export function withLocals(stream: Stream, locals: readonly Local[]): Stream {
  const placed = copyOf(stream);
  placed.locals = locals;
  return placed;
}

/** A copy with what was agreed on its protection, to be changed further. */
export function withProtection(
  stream: Stream,
  { security, transparent, ice }: Pick<Stream, 'security' | 'transparent' | 'ice'>,
): StreamDraft {
  const secured = copyOf(stream);
  secured.security = security;
  secured.transparent = transparent;
  secured.ice = ice;
  return secured;
}
