import { unbundled, withoutTransport, withTransport } from '../call/bundle.js';
import type { Leg, Local, Stream } from '../call/call.js';
import { kindOf } from '../call/signalled.js';
import type { NetworkAddress } from '../sdp/address.js';
import type { MediaView } from '../sdp/media-view.js';
import type { Groups } from './bundle-said.js';
import type { SlotBundle } from './slots.js';

/** How a stream of one side stands after an answer. */
export type Standing =
  | { readonly kind: 'alone' }
  /** It cannot be reached without its group. */
  | { readonly kind: 'lost' }
  | Member;

export type Member = {
  readonly kind: 'member';
  /** Its section says of the group's transport what there is to say. */
  readonly isLead: boolean;
  /** The stream the transport belongs to, as it was before. */
  readonly carrier: Stream;
  readonly group: number;
  readonly place: number;
};

/** One line of the offerer's with what answers it. */
export type AnsweredLine = {
  readonly line: number;
  readonly view: MediaView;
  readonly offering: Stream;
  readonly known: Stream | undefined;
};

/** By line of the offerer. */
export type Standings = ReadonlyMap<number, Standing>;

/**
 * The offerer's groups, without what was not accepted (RFC 9143 §7.3.1): the first section with an address names the
 * transport.
 */
export function standingsOfOfferer(
  offerer: Leg,
  accepted: readonly AnsweredLine[],
  isRejected: boolean,
): Standings {
  const members = accepted.flatMap((answered) => {
    const asked = answered.offering.offered ?? answered.offering.inForce;
    const bundled = asked?.bundled;
    if (asked === undefined || bundled === undefined) return [];
    return kindOf(asked.type, asked.protocol) === 'rtp' ? [{ ...bundled, line: answered.line }] : [];
  });
  const standings = new Map<number, Standing>();
  for (const { line, dependent } of members) if (dependent) standings.set(line, LOST);
  if (isRejected) return standings;
  const groups = new Set(members.map((member) => member.group));
  for (const group of groups) {
    const own = sorted(members.filter((member) => member.group === group));
    const lead = own.find(({ dependent }) => !dependent);
    if (lead === undefined) continue;
    const leaving = accepted.filter(({ line }) => !own.some((member) => member.line === line));
    const isOnly = groups.size === 1;
    const parted = new Set(leaving.map(({ offering }) => offering));
    const staying = own.map(({ line }) => offerer.streams[line]);
    const carrier =
      carrierInForce(offerer.streams, { staying, parted, isOnly }) ?? offerer.streams[lead.line];
    if (carrier === undefined) continue;
    for (const { line, place } of own) {
      standings.set(line, { kind: 'member', isLead: line === lead.line, carrier, group, place });
    }
  }
  return standings;
}

/** The answerer's group: of the sections that were offered as one, those it put into its own. */
export function standingsOfAnswerer(
  answerer: Leg,
  accepted: readonly AnsweredLine[],
  groups: Groups,
): Standings {
  const standings = new Map<number, Standing>();
  const members = accepted.flatMap(({ line, view, known }) => {
    if (known?.bundleOffer === undefined) return [];
    if (known.bundleOffer !== known.id) standings.set(line, LOST);
    const bundled = groups.get(view);
    return bundled === undefined ? [] : [{ ...bundled, line, known }];
  });
  const own = sorted(members.filter(({ group }) => group === members[0]?.group));
  const lead = own[0];
  if (lead === undefined) return standings;
  const parted = new Set(accepted.map(({ known }) => known));
  const staying = own.map(({ known }) => known);
  for (const stream of staying) parted.delete(stream);
  const offered = answerer.streams.find(({ id }) => id === lead.known.bundleOffer);
  const carrier =
    carrierInForce(answerer.streams, { staying, parted, isOnly: true }) ??
    (offered && !parted.has(offered) ? offered : lead.known);
  for (const { line, group, place } of own) {
    standings.set(line, { kind: 'member', isLead: line === lead.line, carrier, group, place });
  }
  return standings;
}

/** A stream before its answer is worked out: reached by the transport it is going to have. */
export function asStanding(stream: Stream, standing: Standing): Stream {
  if (standing.kind !== 'member') return unbundled(stream);
  return withSaid(withTransport(stream, standing.carrier), standing.carrier);
}

/** What the party said of a transport is kept with it, whichever section said it. */
function withSaid(stream: Stream, other: Stream): Stream {
  if (stream === other || other.inForce === undefined) return stream;
  const { ice, security } = other.inForce;
  return { ...stream, inForce: stream.inForce ? { ...stream.inForce, ice, security } : other.inForce };
}

/** Where the streams of a group are reached, from what was worked out for its lead. */
export type Leads = Map<number, { readonly local: Local; readonly printed: NetworkAddress }>;

/** Hands the transport of each group to the stream it belongs to, once all streams are worked out. */
export function withCarriers(
  before: readonly Stream[],
  after: readonly Stream[],
  standingOf: (position: number) => Standing | undefined,
): Stream[] {
  const transports = new Map<number, Stream>();
  for (const [position, stream] of after.entries()) {
    const standing = standingOf(position);
    if (standing?.kind === 'member' && standing.isLead) transports.set(standing.carrier.id, stream);
  }
  const isNew = before.every(({ bundle }) => bundle === undefined);
  if (transports.size === 0 && isNew) return [...after];
  return after.map((stream, position) => {
    const standing = standingOf(position);
    const member = standing?.kind === 'member' ? standing : undefined;
    const transport = transports.get(stream.id);
    if (transport) return { ...withSaid(withTransport(stream, transport), transport), bundle: stream.id };
    return member ? { ...withoutTransport(stream), bundle: member.carrier.id } : unbundled(stream);
  });
}

/** How the offerer's section is printed. */
export function answeredSlot(standing: Standing): SlotBundle | undefined {
  if (standing.kind !== 'member') return undefined;
  return { group: standing.group, place: standing.place, isOnly: false, hasPort: true };
}

/** The lines by which groups are reached come first: the others name their ports. */
export function leadsFirst(lines: readonly number[], standings: Standings): number[] {
  const isLead = (line: number) => {
    const standing = standings.get(line);
    return standing?.kind === 'member' && standing.isLead;
  };
  return [...lines.filter(isLead), ...lines.filter((line) => !isLead(line))];
}

export const ALONE: Standing = { kind: 'alone' };
const LOST: Standing = { kind: 'lost' };

/** Streams of a group, and those that are accepted without it. */
type Parting = {
  readonly staying: readonly (Stream | undefined)[];
  readonly parted: ReadonlySet<Stream | undefined>;
  /** There is no other group. */
  readonly isOnly: boolean;
};

/** The stream that has carried a group so far, its section rejected or not, unless it goes on without the group. */
function carrierInForce(
  streams: readonly Stream[],
  { staying, parted, isOnly }: Parting,
): Stream | undefined {
  const carriers = streams.filter((stream) => stream.bundle === stream.id && !parted.has(stream));
  const own = carriers.find(({ id }) => staying.some((stream) => stream?.bundle === id));
  return own ?? (isOnly ? carriers[0] : undefined);
}

function sorted<T extends { readonly place: number }>(members: readonly T[]): T[] {
  return members.toSorted((one, other) => one.place - other.place);
}
