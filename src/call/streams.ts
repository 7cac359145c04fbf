import type { Signalled, Stream } from './call.js';

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

/** The stream without anything that waits for an answer. */
export function settle(stream: Stream): Stream {
  if (stream.nextLocal === undefined && stream.offered === undefined) return stream;
  return { ...stream, nextLocal: undefined, offered: undefined };
}

/** The stream without anything that belongs to an earlier offer of its party. */
export function beforeOffer(stream: Stream): Stream {
  return { ...settle(stream), ptimeMs: undefined, mid: undefined, muxAnswer: undefined };
}

/** The stream without what was agreed on its protection. */
export function unprotected(stream: Stream): Stream {
  return { ...stream, security: undefined, transparent: undefined, ice: undefined };
}
