import type { Local, Stream } from '../call/call.js';
import type { CandidateType } from '../sdp/candidate.js';
import type { MediaView } from '../sdp/media-view.js';
import type { Facts } from './facts.js';
import type { Ids } from './ids.js';
import { unboundLocal } from './locals.js';
import { portMark, relayMark, textHash } from './template.js';
import type { Site } from './transport.js';

/** A local of a stream as a candidate. */
export type LocalCandidate = {
  readonly local: number;
  /** As printed. */
  readonly address: string;
  readonly foundation: string;
  /** Place of the address within its interface. */
  readonly index: number;
};

export type LocalCandidates = {
  /** All locals of the stream, new ones behind. */
  readonly locals: readonly Local[];
  readonly candidates: readonly LocalCandidate[];
};

/** A local for every address of the interface: the one chosen for the `m=` line, and one for each of the others. */
export function candidateLocals(
  stream: Stream,
  main: Local,
  site: Site,
  facts: Facts,
  ids: Ids,
): LocalCandidates {
  const addresses = facts.interfaces.find(({ name }) => name === main.interface)?.addresses ?? [];
  const locals = [...stream.locals];
  const candidates: LocalCandidate[] = [];
  for (const [index, { bind, advertise }] of addresses.slice(0, MAX_ADDRESSES).entries()) {
    const foundation = foundationOf(main.interface, index, facts);
    if (bind === main.address) {
      candidates.push({ local: main.id, address: site.printed.address, foundation, index });
      continue;
    }
    let local = locals.find((other) => isTwin(other, main, bind));
    if (local === undefined) {
      local = unboundLocal(ids.take(), {
        peer: '',
        interface: main.interface,
        address: bind,
        span: main.span,
      });
      locals.push(local);
    }
    candidates.push({ local: local.id, address: advertise, foundation, index });
  }
  const needed = new Set([main.id, stream.nextLocal, ...candidates.map(({ local }) => local)]);
  return { locals: bounded(locals, needed), candidates };
}

/** Values of `a=candidate`, first all of RTP, then all of RTCP. */
export function hostCandidates(candidates: readonly LocalCandidate[], hasRtcp: boolean): string[] {
  return (hasRtcp ? COMPONENTS : RTP_ONLY).flatMap((component) =>
    candidates.map((candidate) =>
      candidateText(
        candidate,
        component,
        'host',
        priorityOf(HOST_PREFERENCE, 65_535 - candidate.index, component),
      ),
    ),
  );
}

/** The same of relayed ones. Their related address is ours: it is in a host candidate anyway. */
export function relayCandidates(candidates: readonly LocalCandidate[], hasRtcp: boolean): string[] {
  return (hasRtcp ? COMPONENTS : RTP_ONLY).flatMap((component) =>
    candidates.map(({ local, address, foundation, index }) => {
      const offset = component === 1 ? 0 : 1;
      const priority = priorityOf(RELAY_PREFERENCE, 65_535 - index, component);
      const place = `${relayMark(local, offset)} typ relay raddr ${address} rport ${portMark(local, offset)}`;
      return `${textHash(`${foundation} relay`)} ${component} UDP ${priority} ${place}`;
    }),
  );
}

/** Our candidates beside those of another agent: the last ones of their type to be tried. */
export function lesserCandidates(
  candidates: readonly LocalCandidate[],
  view: MediaView,
  type: 'host' | 'relay',
): string[] {
  const theirs = view.ice.candidates.filter((candidate) => candidate.type === type);
  const top = type === 'host' ? HOST_PREFERENCE * 65_536 + 65_535 : 65_535;
  const lowest = Math.min(top + 1, ...theirs.map(({ priority }) => Math.floor(priority / 256)));
  return candidates.map((candidate) => {
    const preference = Math.max(0, lowest - 1 - candidate.index);
    return candidateText(candidate, 1, type, preference * 256 + 255);
  });
}

function candidateText(
  { local, address, foundation }: LocalCandidate,
  component: 1 | 2,
  type: CandidateType,
  priority: number,
): string {
  const port = portMark(local, component === 1 ? 0 : 1);
  const raddr = type === 'relay' ? ` raddr ${address} rport ${port}` : '';
  return `${foundation} ${component} UDP ${priority} ${address} ${port} typ ${type}${raddr}`;
}

/** RFC 8445 §5.1.2.1. */
function priorityOf(typePreference: number, localPreference: number, component: 1 | 2): number {
  return typePreference * 2 ** 24 + localPreference * 2 ** 8 + (256 - component);
}

function isTwin(other: Local, main: Local, address: string): boolean {
  return other.interface === main.interface && other.address === address && other.span === main.span;
}

/** The same for the same address at all times, and tells nothing of it. */
function foundationOf(name: string, index: number, { defaults }: Facts): string {
  const seed = `${defaults.instanceId} ${name} ${index}`;
  return `${textHash(seed)}${textHash(`${seed} more`)}`
    .padEnd(FOUNDATION_LENGTH, '0')
    .slice(0, FOUNDATION_LENGTH);
}

function bounded(locals: readonly Local[], needed: ReadonlySet<number | undefined>): readonly Local[] {
  if (locals.length <= MAX_LOCALS) return locals;
  let spare = MAX_LOCALS - needed.size;
  return locals.filter(({ id }) => {
    if (needed.has(id)) return true;
    spare -= 1;
    return spare >= 0;
  });
}

const COMPONENTS = [1, 2] as const;
const RTP_ONLY = [1] as const;
const HOST_PREFERENCE = 126;
const RELAY_PREFERENCE = 0;
const FOUNDATION_LENGTH = 16;

/** Ports kept per stream, see `locals.ts`; each address of an interface takes one of them. */
const MAX_LOCALS = 8;
const MAX_ADDRESSES = 4;
