import type { Call, Leg, Stream } from '../call/call.js';
import { legWithTag } from '../call/legs.js';
import { keepingLinks, type Link, partedFrom, withLinks } from '../call/links.js';
import { unpackPayloads } from '../call/payloads.js';
import { isListener } from '../call/subscriptions.js';
import type { ConnectCommand, MeshCommand } from '../command/command.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { isSameCodec, isSupplemental } from './codec-match.js';
import type { Facts } from './facts.js';
import { isReadable } from './listening.js';
import { type Step, stepTo } from './negotiate.js';
import { selectParties } from './selection.js';
import { spokenBy } from './subscription-source.js';

/** Connects parties of a call with one of them, as if they had negotiated with each other, or beside that. */
export function connectParties(
  call: Call | undefined,
  command: ConnectCommand,
  facts: Facts,
): Step | CommandFailure {
  if (call === undefined) return failure('unknownCall', 'Unknown call-ID');
  if (command.toCallId !== undefined)
    return failure('unsupported', `Failed to merge two calls into one: ${ONE_CALL}`);
  const selected = selectParties(call, command);
  if (selected.kind === 'failure') return selected;
  const { legs: talkers } = selected;
  if (talkers.length === 0) return failure('unknownParty', 'From-tag not found');
  const listener = legWithTag(call, command.toTag);
  if (listener === undefined) return failure('unknownParty', 'To-tag not found');
  const others = talkers.filter(({ id }) => id !== listener.id);
  if (others.length === 0) return failure('dialogue', 'A party cannot be connected with itself');
  const isPeer = command.ways === 'peers';
  const there = linked(call, others, [listener], { isPeer, name: 'connect' });
  if ('kind' in there) return there;
  const back = command.ways === 'there' ? [] : linked(call, [listener], others, { isPeer, name: 'connect' });
  if ('kind' in back) return back;
  const apart = isPeer ? [...others, listener].reduce((rest, { id }) => withoutPeers(rest, id), call) : call;
  return stepWith(apart, [...there, ...back], facts);
}

/** Makes any ways of media among the parties of a call. */
export function meshParties(
  call: Call | undefined,
  command: MeshCommand,
  facts: Facts,
): Step | CommandFailure {
  if (call === undefined) return failure('unknownCall', 'Unknown call ID(s)');
  if (command.callIds.length > 1) return failure('unsupported', `Failed to merge calls: ${ONE_CALL}`);
  let present = call;
  const links: Link[] = [];
  const done = new Set<string>();
  for (const { from, to } of command.flows) {
    const talker = legWithTag(call, from);
    if (talker === undefined) return failure('unknownParty', 'Given from-tag not found');
    const listeners = to.flatMap((tag) => legWithTag(call, tag) ?? []);
    if (listeners.length < to.length) return failure('unknownParty', 'Given to-tag not found');
    if (listeners.includes(talker)) return failure('dialogue', 'A party cannot be connected with itself');
    if (command.unsubscribes) present = unheard(present, talker);
    const there = listeners.map((listener) => ({ speaker: talker, hearer: listener }));
    const back = listeners.map((listener) => ({ speaker: listener, hearer: talker }));
    for (const { speaker, hearer } of command.bidirectional ? [...there, ...back] : there) {
      const way = `${speaker.id}>${hearer.id}`;
      if (done.has(way)) continue;
      done.add(way);
      const added = linked(call, [speaker], [hearer], { isPeer: false, name: 'mesh' });
      if ('kind' in added) return added;
      links.push(...added);
      if (links.length > MOST_LINKS) return tooMany();
    }
  }
  return stepWith(present, links, facts);
}

type Wish = {
  readonly isPeer: boolean;
  /** Of the command, for a refusal. */
  readonly name: string;
};

/** The lines of those who talk, with those of the same media of those who listen, in order. */
function linked(
  call: Call,
  talkers: readonly Leg[],
  listeners: readonly Leg[],
  { isPeer, name }: Wish,
): readonly Link[] | CommandFailure {
  if ([...talkers, ...listeners].some((leg) => isListener(call, leg)))
    return failure('dialogue', 'Invalid dialogue association');
  const targets = listeners.flatMap(openStreams);
  const sources = talkers.flatMap(openStreams);
  const links: Link[] = [];
  for (const type of new Set(sources.map((stream) => stream.type))) {
    const [talking, listening] = [sources, targets].map((streams) =>
      streams.filter((each) => each.type === type),
    );
    for (const [line, from] of (talking ?? []).entries()) {
      const to = listening?.[line];
      if (to === undefined) {
        if (listening?.length === 0 || isPaired(talkers, listeners)) break;
        return failure('unsupported', `Mixing several sources is not supported: ${name} them one by one`);
      }
      const refused = refusedWay(call, from, to, name);
      if (refused) return refused;
      links.push({ from: from.id, to: to.id, isPeer, restrictions: [] });
    }
  }
  if (links.length === 0) return failure('unknownParty', 'No medias found (no monologues matched)');
  return links;
}

/** Lines too many of one party have nobody to hear them; those of several would have to be mixed. */
function isPaired(talkers: readonly Leg[], listeners: readonly Leg[]): boolean {
  return talkers.length === 1 || listeners.length > 1;
}

/** RTP whose party has said where it is. */
function openStreams({ streams }: Leg): readonly Stream[] {
  return streams.filter(
    ({ inForce }) => inForce !== undefined && !inForce.rejected && inForce.payloads !== '',
  );
}

/** What the one may send, the other has to take by the same numbers. */
function refusedWay(call: Call, from: Stream, to: Stream, name: string): CommandFailure | undefined {
  if (!isReadable(from) || !isReadable(to))
    return failure(
      'unsupported',
      `Keys or connectivity checks pass between the parties, ${name} cannot read them`,
    );
  const taken = unpackPayloads(to.inForce?.payloads ?? '');
  const missing = spokenBy(call, from).filter(
    (format) =>
      !isSupplemental(format) &&
      !taken.some((each) => each.payloadType === format.payloadType && isSameCodec(each, format)),
  );
  if (missing.length === 0) return undefined;
  const codecs = missing.map(({ payloadType, encoding }) => `${encoding} (${payloadType})`).join(', ');
  return failure(
    'unsupported',
    `Transcoding is not supported: ${name} needs parties that both take ${codecs}`,
  );
}

/** Whoever was the peer of the party before is that no longer. */
function withoutPeers(call: Call, leg: number): Call {
  const own = streamsOf(call, leg);
  const alone = keepingLinks(call, ({ from, to, isPeer }) => !isPeer || !(own.has(from) || own.has(to)));
  return partedFrom(alone, leg, 'both');
}

/** No other party hears this one any more. Who listens goes on to do so. */
function unheard(call: Call, { id }: Leg): Call {
  const own = streamsOf(call, id);
  const alone = keepingLinks(call, ({ from }) => !own.has(from));
  return partedFrom(alone, id, 'said');
}

function streamsOf(call: Call, leg: number): ReadonlySet<number> {
  const streams = call.legs.find(({ id }) => id === leg)?.streams ?? [];
  return new Set(streams.map(({ id }) => id));
}

function stepWith(call: Call, links: readonly Link[], facts: Facts): Step | CommandFailure {
  const connected = withLinks(call, links);
  if ((connected.links?.length ?? 0) > MOST_LINKS) return tooMany();
  const after: Call = {
    ...connected,
    // From here on packets are read, whose keys may have passed between the parties.
    readsKeys: true,
    revision: call.revision + 1,
    lastSignalMs: facts.now,
  };
  return stepTo(after, { template: '', drawn: [], warnings: [] }, facts);
}

function tooMany(): CommandFailure {
  return failure('limit', 'Too many connections in one call');
}

/** They are in the plan and in the record of the call. */
const MOST_LINKS = 64;
const ONE_CALL = 'only parties of the same call can be connected here';
