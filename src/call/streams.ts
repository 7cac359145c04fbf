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
  };
}

/** The stream without anything that waits for an answer. */
export function settle(stream: Stream): Stream {
  if (stream.nextLocal === undefined && stream.offered === undefined) return stream;
  const { nextLocal: _, offered: __, ...settled } = stream;
  return settled;
}
