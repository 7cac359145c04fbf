import type { WrittenCommand, WrittenText } from '../command/command.js';
import type { Reply } from '../command/reply.js';
import type {
  OutcomePlan,
  PatternPlan,
  PlanGap,
  PlanPlace,
  ReplyPlan,
  RequestPart,
  RoomPlan,
  Spelling,
  TextPlan,
  ValuePlan,
} from '../dataplane/protocol.gen.js';
import { MAX_CANDIDATE_BYTES } from '../negotiation/ice-said.js';
import { parseCandidate } from '../sdp/candidate.js';
import { GAP } from './cutter.js';
import type { Message } from './message.js';
import { type Pattern, roomInMemo } from './pattern.js';
import { formOf, isProtected } from './protected-lines.js';
import type { Gap } from './template.js';
import { firstLike, type ValueKind } from './values.js';

/** How clients are told of an SDP: what stands before its length, and what behind the SDP. */
export type SdpReply = Pick<ReplyPlan, 'before' | 'after'>;

/** What clients are told. */
export type ReplyForms = {
  readonly sdp: SdpReply;
  /** Any reply as bencode. */
  readonly write: (reply: Reply) => string;
};

export type Numbers = {
  readonly number: number;
  /** Of the pattern that made the call before. */
  readonly after: number | null;
};

/**
 * A pattern in the form in which the data plane can do the same. `undefined` if it depends on values in a way the data
 * plane knows nothing of.
 */
export function handedOver(
  pattern: Pattern,
  message: Message,
  written: WrittenCommand,
  reply: SdpReply,
  numbers: Numbers,
): PatternPlan | undefined {
  if (pattern.planData === undefined) return undefined;
  const gaps = pattern.planData.gaps().map(planGap);
  const [body, ...others] = pattern.sdp.gaps();
  if (body === undefined || others.length > 0 || !gaps.every(isKnown)) return undefined;
  const plan = patternPlan(message, written, numbers, {
    kind: 'session',
    plan: pattern.planData.example,
    gaps,
    opened: [...pattern.opened],
    reply: { ...reply, body: textPlan(body) },
  });
  if (plan === undefined || !pattern.isProtected) return plan;
  return { ...plan, draws: [...pattern.draws], rooms: roomsOf(pattern, message) };
}

/** What can become too long: the record of the call, and the candidates of a section, some of which would be left out. */
function roomsOf({ memo }: Pattern, { shape, kinds, start }: Message): RoomPlan[] {
  const rooms: RoomPlan[] = memo === undefined ? [] : [{ at: [...memo.at], bytes: roomInMemo(memo) }];
  if (!isProtected(shape)) return rooms;
  // The values of a body are the last ones of its message.
  let at = kinds.length;
  let section: number[] = [];
  const close = () => {
    // Each stands on a line of its own.
    if (section.length > 0) rooms.push({ at: section, bytes: MAX_CANDIDATE_BYTES - 1 - section.length });
    section = [];
  };
  for (const text of shape.split(GAP).reverse()) {
    if (text.includes('\nm=')) close();
    at -= kinds[at - 1] === 'next port' ? 2 : 1;
    if (at >= start && kinds[at] === 'candidate') section.push(at);
  }
  close();
  return rooms;
}

export function patternPlan(
  message: Message,
  written: WrittenCommand,
  numbers: Numbers,
  outcome: OutcomePlan,
): PatternPlan | undefined {
  const { kinds, texts, start } = message;
  const request = requestParts(message, written);
  if (request === undefined) return undefined;
  const hasIce = isProtected(message.shape);
  const values = kinds.map((kind, at) =>
    valuePlan(kind, texts[at] ?? '', firstLike(kinds, texts, at), hasIce),
  );
  return {
    ...numbers,
    request,
    values,
    known: start,
    places: { now: start, session: start + 1, clientAddress: start + 2, clientPort: start + 3 },
    outcome,
  };
}

/** The request as text with gaps; `undefined` if it is not what the message was made from. */
function requestParts(message: Message, { text, texts }: WrittenCommand): RequestPart[] | undefined {
  const places = placesOf(message, texts);
  const parts: RequestPart[] = [];
  let textFrom = 0;
  for (const { name, at, end } of texts) {
    parts.push({ kind: 'text', text: text.slice(textFrom, at) });
    textFrom = end;
    if (name === 'sdp') {
      parts.push({ kind: 'measuredStart' }, ...bodyParts(message, places.body), { kind: 'measuredEnd' });
      continue;
    }
    const place = places[name];
    if (place === undefined) return undefined;
    parts.push({ kind: 'measuredValue', at: place });
  }
  return [...parts, { kind: 'text', text: text.slice(textFrom) }];
}

/** Where the values of a message are, in the order in which `messageOf` puts them. */
function placesOf({ start }: Message, texts: readonly WrittenText[]) {
  let next = start + VALUES_IN_FRONT;
  const has = (name: WrittenText['name']) => texts.some((text) => text.name === name);
  const placeIf = (isThere: boolean) => {
    if (!isThere) return undefined;
    next += 1;
    return next - 1;
  };
  const fromTag = placeIf(has('fromTag'));
  const toTag = placeIf(has('toTag'));
  const viaBranch = placeIf(has('viaBranch'));
  const receivedFrom = placeIf(has('receivedFrom'));
  return { callId: start + 1, fromTag, toTag, viaBranch, receivedFrom, body: next };
}

function bodyParts({ shape, kinds }: Message, first: number): RequestPart[] {
  const texts = shape.split(GAP);
  let at = first;
  return texts.flatMap((text, index): RequestPart[] => {
    const part: RequestPart = { kind: 'text', text };
    if (index === texts.length - 1) return [part];
    if (kinds[at] === 'next port') at += 1;
    at += 1;
    return [part, { kind: 'value', at: at - 1 }];
  });
}

function planGap(gap: Gap): PlanGap | undefined {
  const place = planPlace(gap.path);
  return place && { place, text: textPlan(gap) };
}

function planPlace(path: Gap['path']): PlanPlace | undefined {
  const [list, stream, part, ...rest] = path;
  if (path.length === 1 && list === 'session') return { kind: 'session' };
  if (path.length === 1 && list === 'memo') return { kind: 'memo' };
  if (list !== 'streams' || typeof stream !== 'number') return undefined;
  const [first, second] = rest;
  if (part === 'locals' && typeof first === 'number' && second === 'port')
    return { kind: 'localPort', stream, local: first };
  const isAddress = (first === 'rtp' || first === 'rtcp') && rest.length === 1;
  switch (part) {
    case 'remote':
      return isAddress ? { kind: 'remote', stream, which: 'remote', component: first } : undefined;
    case 'pendingRemote':
      return isAddress ? { kind: 'remote', stream, which: 'pending', component: first } : undefined;
    case 'bundle':
      return first === 'ssrcs' && typeof second === 'number'
        ? { kind: 'source', stream, at: second }
        : undefined;
    case 'security':
      return first === 'fingerprints' && typeof second === 'number' && rest[2] === 'value'
        ? { kind: 'fingerprint', stream, at: second }
        : undefined;
    case 'ice':
      return icePlace(stream, first, second);
    default:
      return undefined;
  }
}

function icePlace(stream: number, part: PathPart, member: PathPart): PlanPlace | undefined {
  switch (part) {
    case 'localUfrag':
    case 'localPwd':
    case 'remoteUfrag':
    case 'remotePwd':
      return { kind: 'credential', stream, which: part };
    case 'candidates':
      return typeof member === 'number' ? { kind: 'candidate', stream, at: member } : undefined;
    default:
      return undefined;
  }
}

type PathPart = string | number | undefined;

export function textPlan({ texts, at }: Gap): TextPlan {
  return { texts: [...texts], at: [...at] };
}

function isKnown<T>(part: T | undefined): part is T {
  return part !== undefined;
}

function valuePlan(kind: ValueKind, text: string, like: number, hasIce: boolean): ValuePlan {
  const spelling = spellingOf(kind, hasIce);
  if (kind !== 'candidate') return { spelling, like };
  const candidate = parseCandidate(text);
  if (candidate === undefined) throw new Error('a candidate that cannot be read');
  return { spelling, like, form: formOf(candidate) };
}

function spellingOf(kind: ValueKind, hasIce: boolean): Spelling {
  if (kind === 'next port') return 'nextPort';
  // In a body with ICE port 9 is no value.
  return kind === 'port' && hasIce ? 'longPort' : kind;
}

/** Time, Call-ID, address and port of the client. */
const VALUES_IN_FRONT = 4;
