import type { Call } from '../call/call.js';
import { nextDeadline } from '../call/lifecycle.js';
import { describeCall } from '../call/statistics.js';
import type { AnswerCommand, OfferCommand } from '../command/command.js';
import type { CallStatistics } from '../command/reply.js';
import type { BoundLocal, SessionPlan } from '../dataplane/protocol.gen.js';
import type { Facts } from '../negotiation/facts.js';
import { Draws } from '../negotiation/draws.js';
import { complete, negotiateAnswer, negotiateOffer, type Step } from '../negotiation/negotiate.js';
import { encodeCall, MAX_MEMO_BYTES } from '../store/call-codec.js';
import { type Message, messageWith } from './message.js';
import { type Gap, type Template, templateOf } from './template.js';
import { localPortStandIn, standIn, standInsFor, type ValueKind, Values } from './values.js';

/** What negotiation makes of a message, whatever its values. */
export type Pattern = {
  readonly revision: number;
  /** A message of the call had ICE, or chance decides something. */
  readonly isProtected: boolean;
  /** The plan as JSON. */
  readonly plan: Template<string>;
  /** The plan as data, with an example; `undefined`: the data plane cannot do the same. */
  readonly planData:
    | { readonly gaps: Template<SessionPlan>['gaps']; readonly example: SessionPlan }
    | undefined;
  /** Text of the call's record, whose length is limited; `undefined`: it cannot become too long. */
  readonly memo: Gap | undefined;
  /** What chance decides. It follows the values of the message. */
  readonly draws: readonly Draw[];
  /** Locals that the plan opens; their ports are values from then on. */
  readonly opened: readonly number[];
  readonly call: Template<Call>;
  readonly sdp: Template<string>;
  /** What is told of the call, without its media. */
  readonly statistics: Template<CallStatistics>;
  readonly hasDeadline: boolean;
  /** Which value tells when the call began. */
  readonly createdAt: number;
  readonly kinds: readonly ValueKind[];
  /** The same call with stand-ins, for the patterns of the messages that follow. */
  readonly samples: readonly [SampleCall, SampleCall];
};

export type Draw = { readonly kind: 'hex' | 'alphanumeric'; readonly length: number };

export type SampleCall = { readonly call: Call; readonly texts: readonly string[] };

type Exchanged = SampleCall & {
  readonly plan: SessionPlan;
  readonly sdp: string;
  readonly kinds: readonly ValueKind[];
  readonly draws: readonly Draw[];
};

/**
 * Makes the pattern of a message from what negotiation does with stand-ins, twice, and compares it with what it did
 * with the message itself. `undefined` if values do more than pass through.
 */
export function patternOf(
  message: Message,
  command: OfferCommand | AnswerCommand,
  before: Pattern | undefined,
  { step, facts }: { readonly step: Step; readonly facts: Facts },
): Pattern | undefined {
  if (step.warnings.length > 0 || localsOf(step.plan).some(({ relay }) => relay)) return undefined;
  // Our candidates beside those of the parties are less than the least of theirs.
  if (step.call.legs.some(({ streams }) => streams.some(({ transparent }) => transparent === 'all')))
    return undefined;
  const one = exchangeSample(message, command, before?.samples[0], facts, 0);
  const other = exchangeSample(message, command, before?.samples[1], facts, 1);
  if (one === undefined || other === undefined) return undefined;
  const template = <T>(part: (sample: Exchanged) => T) =>
    templateOf({ result: part(one), standIns: one.texts }, { result: part(other), standIns: other.texts });
  const plan = template((sample) => JSON.stringify(sample.plan));
  const isProtected = message.isProtected || one.draws.length > 0;
  const planData = template((sample) => sample.plan);
  const memo = isProtected ? template((sample) => sample.plan.memo) : undefined;
  const call = template((sample) => sample.call);
  const sdp = template((sample) => sample.sdp);
  const statistics = template((sample) => describeCall(sample.call, null, null, 0));
  if (plan === undefined || (planData ?? memo) === undefined || call === undefined) return undefined;
  if (sdp === undefined || statistics === undefined) return undefined;
  const created = call.gaps().find(({ path }) => path.join() === 'createdMs')?.at[0];
  if (created === undefined) return undefined;
  const pattern: Pattern = {
    revision: step.plan.revision,
    isProtected,
    plan,
    planData: planData && { gaps: planData.gaps, example: one.plan },
    memo: memo?.gaps()[0],
    draws: one.draws,
    opened: openedBy(one.plan),
    call,
    sdp,
    statistics,
    createdAt: created,
    hasDeadline: nextDeadline(one.call) !== undefined,
    kinds: one.kinds,
    samples: [sampleCall(one), sampleCall(other)],
  };
  return isFaithful(pattern, message, step) ? pattern : undefined;
}

/** Without what only the pattern itself is made from. */
function sampleCall({ call, texts }: Exchanged): SampleCall {
  return { call, texts };
}

/** The values of a message, and those that chance adds. */
export function withDrawn(
  { draws }: Pick<Pattern, 'draws'>,
  texts: readonly string[],
  random: Facts['random'],
): readonly string[] {
  if (draws.length === 0) return texts;
  const drawing = new Draws(random);
  return [...texts, ...draws.map(({ kind, length }) => drawing[kind](length))];
}

/** Whether the record of the call is not longer than the data plane keeps one. */
export function fitsMemo({ memo }: Pick<Pattern, 'memo'>, texts: readonly string[]): boolean {
  if (memo === undefined) return true;
  let length = 0;
  for (const at of memo.at) length += texts[at]?.length ?? 0;
  return length <= roomInMemo(memo);
}

/** For values. */
export function roomInMemo({ texts }: Gap): number {
  return MAX_MEMO_BYTES - texts.reduce((length, text) => length + Buffer.byteLength(text), 0);
}

/** The values of the call once its ports are known. */
export function withOpened(
  pattern: Pick<Pattern, 'opened'>,
  texts: readonly string[],
  bound: readonly BoundLocal[],
): readonly string[] {
  const values = texts.slice();
  for (const local of pattern.opened) {
    const port = bound.find((candidate) => candidate.local === local)?.port;
    if (port === undefined) throw new Error(`local ${local} of the plan was not bound`);
    values.push(String(port), String(port + 1));
  }
  return values;
}

function exchangeSample(
  message: Message,
  original: OfferCommand | AnswerCommand,
  before: SampleCall | undefined,
  facts: Facts,
  set: 0 | 1,
): Exchanged | undefined {
  const texts = standInsFor(message.kinds, message.texts, set, before?.texts);
  const { command, client, nowMs } = messageWith(message, original, texts);
  let isRandom = false;
  const random = {
    bytes(count: number) {
      isRandom = true;
      return facts.random.bytes(count);
    },
  };
  const draws = new StandInDraws(random, texts.length, set);
  const sampleFacts = { ...facts, now: nowMs, random, draws };
  const step =
    command.kind === 'offer'
      ? negotiateOffer(before?.call, command, client, sampleFacts)
      : negotiateAnswer(before?.call, command, client, sampleFacts);
  const drawn = step.kind === 'step' ? drawsOf(step) : undefined;
  if (step.kind !== 'step' || drawn === undefined || isRandom) return undefined;

  const values = new Values(message.kinds, texts);
  for (const { kind, text } of step.drawn) values.put(kind === 'hex' ? 'word' : 'credential', text);
  const bound = boundBy(step.plan);
  for (const local of openedBy(step.plan)) {
    const port = localPortStandIn(values.texts.length, set);
    values.put('port', String(port));
    bound.push({ local, port });
  }
  const { call, sdp } = complete(step, bound);
  return { call, sdp, plan: step.plan, texts: values.texts, kinds: values.kinds, draws: drawn };
}

/** Keys of SRTP are taken apart on their way into the plan: who draws some has no pattern. */
function drawsOf({ drawn }: Step): Draw[] | undefined {
  const draws: Draw[] = [];
  for (const { kind, length } of drawn) {
    if (kind === 'base64') return undefined;
    draws.push({ kind, length });
  }
  return draws;
}

class StandInDraws extends Draws {
  readonly #set: 0 | 1;
  #at: number;

  constructor(random: Facts['random'], at: number, set: 0 | 1) {
    super(random);
    this.#at = at;
    this.#set = set;
  }

  override hex(bytes: number): string {
    return this.note('hex', bytes, standIn('word', this.#next(), this.#set));
  }

  override alphanumeric(length: number): string {
    return this.note('alphanumeric', length, standIn('credential', this.#next(), this.#set));
  }

  #next(): number {
    this.#at += 1;
    return this.#at - 1;
  }
}

/** The pattern says of the message itself what negotiation said. */
function isFaithful(pattern: Pattern, message: Message, step: Step): boolean {
  const opened = pattern.opened.map((local, index) => ({ local, port: FIRST_PORT + 2 * index }));
  const drawn = drawsOf(step);
  if (drawn === undefined || !sameDraws(drawn, pattern.draws)) return false;
  const texts = [...message.texts, ...step.drawn.map(({ text }) => text)];
  const values = withOpened(pattern, texts, opened);
  const { call, sdp } = complete(step, [...boundBy(step.plan), ...opened]);
  return (
    pattern.revision === step.plan.revision &&
    pattern.plan.fill(values) === JSON.stringify(step.plan) &&
    encodeCall(pattern.call.fill(values)) === encodeCall(call) &&
    pattern.sdp.fill(values) === sdp &&
    JSON.stringify(pattern.statistics.fill(values)) === JSON.stringify(describeCall(call, null, null, 0))
  );
}

function sameDraws(one: readonly Draw[], other: readonly Draw[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ kind, length }, at) => other[at]?.kind === kind && other[at].length === length)
  );
}

function boundBy(plan: SessionPlan): BoundLocal[] {
  const bound: BoundLocal[] = [];
  for (const { id, port } of localsOf(plan)) if (port !== null) bound.push({ local: id, port });
  return bound;
}

function openedBy(plan: SessionPlan): number[] {
  return localsOf(plan)
    .filter(({ port }) => port === null)
    .map(({ id }) => id);
}

function localsOf(plan: SessionPlan) {
  return plan.streams.flatMap(({ locals }) => locals);
}

const FIRST_PORT = 41_000;
