import { carriedBy, isCarried } from '../call/bundle.js';
import type { Leg, Stream } from '../call/call.js';
import type { BundlePlan } from '../dataplane/protocol.gen.js';

/** How the data plane tells the streams of a transport apart; alone and without a MID there is nothing to tell. */
export function bundlePlan(leg: Leg, stream: Stream): BundlePlan | null {
  const { bundle, inForce, mid } = stream;
  if (bundle === undefined) return null;
  const others = carriedBy(leg.streams, stream).filter((other) => other !== stream);
  const isAlone = !isCarried(stream) && others.length === 0;
  if (isAlone && inForce?.bundled?.midExtension === undefined) return null;
  if (inForce?.rejected) return { transport: bundle, mid: null, midExtension: null, ssrcs: [] };
  const said = inForce?.bundled;
  return {
    transport: bundle,
    mid: mid ?? null,
    midExtension: said?.midExtension ?? null,
    ssrcs: said === undefined || said.ssrcs === '' ? [] : said.ssrcs.split(' ').map(Number),
  };
}

/** The stream with what its party says of its transport: if its own section is rejected, another of the group tells. */
export function asReached(leg: Leg, stream: Stream): Stream {
  if (stream.inForce?.rejected !== true || stream.bundle === undefined) return stream;
  const [voice] = carriedBy(leg.streams, stream);
  return voice?.inForce ? { ...stream, inForce: voice.inForce } : stream;
}
