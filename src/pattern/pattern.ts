import type { Call } from '../call/call.js';
import { nextDeadline } from '../call/lifecycle.js';
import { describeCall } from '../call/statistics.js';
import type { AnswerCommand, OfferCommand } from '../command/command.js';
import type { CallStatistics } from '../command/reply.js';
import type { BoundLocal, SessionPlan } from '../dataplane/protocol.gen.js';
import type { Facts } from '../negotiation/facts.js';
import { complete, negotiateAnswer, negotiateOffer, type Step } from '../negotiation/negotiate.js';
import { encodeCall } from '../store/call-codec.js';
import { type Message, messageWith } from './message.js';
import { type Template, templateOf } from './template.js';
import { localPortStandIn, standInsFor, type ValueKind, Values } from './values.js';

/** What negotiation makes of a message, whatever its values. */
export type Pattern = {
  readonly revision: number;
  /** The plan as JSON. */
  readonly plan: Template<string>;
  /** The plan as data. */
  readonly planData: Template<SessionPlan>;
  readonly examplePlan: SessionPlan;
  /** Locals that the plan opens; their ports are values from then on. */
  readonly opened: readonly number[];
  readonly call: Template<Call>;
  readonly sdp: Template<string>;
  /** What is told of the call, without its media. */
  readonly statistics: Template<CallStatistics>;
  readonly hasDeadline: boolean;
  readonly kinds: readonly ValueKind[];
  /** The same call with stand-ins, for the patterns of the messages that follow. */
  readonly samples: readonly [SampleCall, SampleCall];
};

export type SampleCall = { readonly call: Call; readonly texts: readonly string[] };

type Exchanged = SampleCall & {
  readonly plan: SessionPlan;
  readonly sdp: string;
  readonly kinds: readonly ValueKind[];
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
  const one = exchangeSample(message, command, before?.samples[0], facts, 0);
  const other = exchangeSample(message, command, before?.samples[1], facts, 1);
  if (one === undefined || other === undefined) return undefined;
  const template = <T>(part: (sample: Exchanged) => T) =>
    templateOf({ result: part(one), standIns: one.texts }, { result: part(other), standIns: other.texts });
  const plan = template((sample) => JSON.stringify(sample.plan));
  const planData = template((sample) => sample.plan);
  const call = template((sample) => sample.call);
  const sdp = template((sample) => sample.sdp);
  const statistics = template((sample) => describeCall(sample.call, null, null, 0));
  if (plan === undefined || planData === undefined || call === undefined) return undefined;
  if (sdp === undefined || statistics === undefined) return undefined;
  const pattern: Pattern = {
    revision: step.plan.revision,
    plan,
    planData,
    examplePlan: one.plan,
    opened: openedBy(one.plan),
    call,
    sdp,
    statistics,
    hasDeadline: nextDeadline(one.call) !== undefined,
    kinds: one.kinds,
    samples: [one, other],
  };
  return isFaithful(pattern, message, step) ? pattern : undefined;
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
  const sampleFacts = { ...facts, now: nowMs, random };
  const step =
    command.kind === 'offer'
      ? negotiateOffer(before?.call, command, client, sampleFacts)
      : negotiateAnswer(before?.call, command, client, sampleFacts);
  if (step.kind !== 'step' || isRandom) return undefined;

  const values = new Values(message.kinds, texts);
  const bound = boundBy(step.plan);
  for (const local of openedBy(step.plan)) {
    const port = localPortStandIn(values.texts.length, set);
    values.put('port', String(port));
    bound.push({ local, port });
  }
  const { call, sdp } = complete(step, bound);
  return { call, sdp, plan: step.plan, texts: values.texts, kinds: values.kinds };
}

/** The pattern says of the message itself what negotiation said. */
function isFaithful(pattern: Pattern, message: Message, step: Step): boolean {
  const opened = pattern.opened.map((local, index) => ({ local, port: FIRST_PORT + 2 * index }));
  const values = withOpened(pattern, message.texts, opened);
  const { call, sdp } = complete(step, [...boundBy(step.plan), ...opened]);
  return (
    pattern.revision === step.plan.revision &&
    pattern.plan.fill(values) === JSON.stringify(step.plan) &&
    encodeCall(pattern.call.fill(values)) === encodeCall(call) &&
    pattern.sdp.fill(values) === sdp &&
    JSON.stringify(pattern.statistics.fill(values)) === JSON.stringify(describeCall(call, null, null, 0))
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
