import type { Call, EarlyFragment, Leg, Signalled, Stream } from '../call/call.js';
import { legWithTag, replaceLeg } from '../call/legs.js';
import { detach } from '../sdp/detach.js';
import { type FragmentSection, readFragment } from '../sdp/fragment.js';
import { withCandidates } from './ice-said.js';

/** Adds candidates a party has found since its SDP. One that is not known yet may be about to answer. */
export function withFragment(call: Call, tag: string, text: string, now: number): Call {
  const leg = legWithTag(call, tag);
  const sections = readFragment(text);
  if (sections === undefined) return call;
  if (leg === undefined || leg.streams.every((stream) => saidOf(stream) === undefined)) {
    const waiting = (call.earlyFragments ?? []).filter((fragment) => isFresh(fragment, now));
    const next = { tag: detach(tag), text: detach(text), atMs: now };
    return { ...call, earlyFragments: [...waiting, next].slice(-MAX_WAITING) };
  }
  return replaceLeg(call, withSections(leg, sections));
}

/** Takes in what came before the SDP of the party that has now spoken. */
export function withEarlyFragments(call: Call, leg: Leg, now: number): Call {
  const { earlyFragments } = call;
  if (earlyFragments === undefined) return call;
  const own = earlyFragments.filter((fragment) => fragment.tag === leg.tag && isFresh(fragment, now));
  const others = earlyFragments.filter((fragment) => fragment.tag !== leg.tag && isFresh(fragment, now));
  const after: Call = { ...call, earlyFragments: others.length > 0 ? others : undefined };
  return own.reduce((taken, { tag, text }) => withFragment(taken, tag, text, now), after);
}

function withSections(leg: Leg, sections: readonly FragmentSection[]): Leg {
  let { streams } = leg;
  for (const { mid, position, ice } of sections) {
    const named = mid === undefined ? -1 : streams.findIndex((stream) => stream.mid === mid);
    const line = named >= 0 ? named : position;
    const stream = streams[line];
    const changed = stream && withIce(stream, ice);
    if (changed && changed !== stream) streams = streams.map((old) => (old === stream ? changed : old));
  }
  return streams === leg.streams ? leg : { ...leg, streams };
}

/** Credentials tell which SDP the candidates belong to; those of an unknown one are of no use. */
function withIce(stream: Stream, ice: FragmentSection['ice']): Stream {
  const { offered, inForce } = stream;
  for (const said of [offered, inForce]) {
    if (said?.ice === undefined || (ice.ufrag !== undefined && ice.ufrag !== said.ice.ufrag)) continue;
    const known = withCandidates(said.ice, ice);
    if (known === undefined) return stream;
    const changed: Signalled = { ...said, ice: known };
    return said === offered ? { ...stream, offered: changed } : { ...stream, inForce: changed };
  }
  return stream;
}

function saidOf({ offered, inForce }: Stream): Signalled | undefined {
  return offered ?? inForce;
}

function isFresh({ atMs }: EarlyFragment, now: number): boolean {
  return now - atMs <= MAX_WAIT_MS;
}

const MAX_WAIT_MS = 3_000;
const MAX_WAITING = 8;
