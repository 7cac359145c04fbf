import type { Signalled, Stream } from './call.js';

export function newStream(id: number, said: Signalled): Stream {
  return {
    id,
    type: said.type,
    protocol: said.protocol,
    locals: [],
    muxed: false,
    muxOffer: 'none',
    used: false,
    epoch: 0,
    iceRefused: false,
  };
}

/** The stream without anything that waits for an answer. */
export function settle(stream: Stream): Stream {
  if (stream.nextLocal === undefined && stream.offered === undefined) return stream;
  const { nextLocal: _, offered: __, ...settled } = stream;
  return settled;
}

/** The stream without anything that belongs to an earlier offer of its party. */
export function beforeOffer(stream: Stream): Stream {
  const settled = settle(stream);
  // Rest properties are slow; in a new call there is nothing to leave out.
  const { ptimeMs, mid, muxAnswer } = settled;
  if (ptimeMs === undefined && mid === undefined && muxAnswer === undefined) return settled;
  const { ptimeMs: _, mid: __, muxAnswer: ___, ...rest } = settled;
  return rest;
}

/** The stream without what was agreed on its protection. */
export function unprotected(stream: Stream): Stream {
  if (stream.security === undefined && stream.transparent === undefined && stream.ice === undefined) {
    return stream;
  }
  const { security: _, transparent: __, ice: ___, ...bare } = stream;
  return bare;
}
