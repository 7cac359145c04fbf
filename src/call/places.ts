import { carrierOf } from './bundle.js';
import type { Call } from './call.js';

/** A local address and its interface. With several addresses, the first one of a stream. */
export type Place = { readonly interface: string; readonly address: string };

/** Where each stream is, by its number in the data plane. */
export function placesOf(call: Call): ReadonlyMap<number, Place> {
  const places = new Map<number, Place>();
  for (const { streams } of call.legs) {
    for (const stream of streams) {
      const local = carrierOf(streams, stream).locals[0];
      if (local !== undefined) places.set(stream.id, { interface: local.interface, address: local.address });
    }
  }
  return places;
}
