import type { Command } from '../../../src/command/command.js';
import type { CommandFailure } from '../../../src/command/reply.js';
import { decodeNg } from '../../../src/control/ng/decode.js';
import type { Value } from '../../../src/control/ng/value.js';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { CallDriver, type Outcome } from './call-driver.js';
import type { CaseFile, CaseStep } from './case-file.js';
import { describedByPlan } from './expected-plan.js';
import { Placeholders, resolveExpected } from './expected-sdp.js';
import { factsOf } from './proxy-facts.js';
import { fullBody } from './sdp-body.js';

/** What a step of a case came to: two texts to be compared, section by section. */
export type StepOutcome = {
  readonly step: CaseStep;
  readonly expected: readonly string[];
  readonly actual: readonly string[];
  /** The SDP that left, if one did. */
  readonly sdp?: readonly string[];
};

/**
 * Runs the steps of a case one after the other. With `restart` the control plane is restarted between the steps and
 * has to go on from what the data plane kept for it.
 */
export function runCase(file: CaseFile, options: { readonly restart: boolean }): readonly StepOutcome[] {
  const driver = new CallDriver(factsOf(file.config));
  const placeholders = new Placeholders();
  return file.steps.map((step) => {
    if (options.restart) driver.restart();
    const outcome = step.command === 'wait' ? driver.wait(secondsOf(step)) : driver.execute(commandOf(step));
    return compared(step, outcome, driver.plan, placeholders);
  });
}

function compared(
  step: CaseStep,
  outcome: Outcome,
  plan: SessionPlan | undefined,
  placeholders: Placeholders,
): StepOutcome {
  const error = step.sections.get('error');
  if (outcome.kind === 'refused') return refused(step, outcome.message);
  if (error) return { step, expected: error.lines, actual: [`(no error: ${outcome.result})`] };

  const expected: string[] = [];
  const actual: string[] = [];
  const sdp = outcome.sdp === undefined ? undefined : linesOf(outcome.sdp);
  const out = step.sections.get('out');
  if (out) {
    const resolved = resolveExpected(out.lines, sdp ?? [], placeholders);
    expected.push('--- out', ...resolved.expected);
    actual.push('--- out', ...resolved.actual);
  }
  const result = step.sections.get('result');
  if (result) {
    expected.push('--- result', ...result.lines);
    actual.push('--- result', outcome.result);
  }
  const wanted = step.sections.get('plan');
  if (wanted) {
    if (plan === undefined) throw new Error(`line ${wanted.line}: there is no plan`);
    // Placeholders are bound while the plan is read: both sides are filled in afterwards.
    const described = wanted.lines.map((line) => describedByPlan(line, plan, placeholders));
    expected.push('--- plan', ...wanted.lines.map((line) => placeholders.fill(line)));
    actual.push('--- plan', ...described.map((line) => placeholders.fill(line)));
  }
  return { step, expected, actual, ...(sdp && { sdp }) };
}

function refused(step: CaseStep, message: string): StepOutcome {
  const wanted = step.sections.get('error')?.lines ?? ['(no error)'];
  const [first = ''] = wanted;
  // An error may be followed by what is wrong in detail: a case can name only the beginning.
  const actual = first.endsWith('…') && message.startsWith(first.slice(0, -1)) ? first : message;
  return { step, expected: ['--- error', ...wanted], actual: ['--- error', actual] };
}

function secondsOf(step: CaseStep): number {
  const seconds = /^(\d+)s$/.exec(step.flags)?.[1];
  if (seconds === undefined) throw new Error(`line ${step.line}: not a time: ${step.flags}`);
  return Number(seconds);
}

function commandOf(step: CaseStep): Command | CommandFailure {
  const tags = new Map<string, string>();
  const flags: string[] = [];
  const flows: Value[] = [];
  for (const word of step.flags.split(' ')) {
    const [key = '', value] = word.split('=');
    const flow = word.split('>');
    if (value !== undefined && TAG_KEYS.has(key)) tags.set(key, value);
    else if (flow.length === 2)
      flows.push(
        new Map<string, Value>([
          ['from', flow[0] ?? ''],
          ['to', (flow[1] ?? '').split(',')],
        ]),
      );
    else if (word !== '') flags.push(word);
  }
  const isAnswer = step.command === 'answer';
  const isAnswered = isAnswer || step.command === 'subscribe answer';
  const sender = isAnswered ? (tags.get('to-tag') ?? 'bob') : (tags.get('from-tag') ?? 'alice');
  const party = sender.replace(/-.*$/, '');
  const body = step.sections.get('in');
  const entries: [string, Value][] = [
    ['command', step.command],
    ['call-id', 'call@example.org'],
  ];
  if (step.command !== 'delete' || tags.has('from-tag'))
    entries.push(['from-tag', tags.get('from-tag') ?? 'alice']);
  const toTag = tags.get('to-tag') ?? (isAnswer ? 'bob' : undefined);
  if (toTag !== undefined) entries.push(['to-tag', toTag]);
  if (flows.length > 0) entries.push(['tags', flows]);
  // Of a flag string, only a to-tag within it is the listener's.
  if (step.command === 'subscribe request' && toTag !== undefined) flags.push(`to-tag=${toTag}`);
  const branch = tags.get('via-branch');
  if (branch !== undefined) entries.push(['via-branch', branch]);
  if (body) {
    const isFragment = flags.includes('fragment');
    entries.push(['sdp', isFragment ? `${body.lines.join('\r\n')}\r\n` : fullBody(body.lines, party)]);
  }
  entries.push(['rtpp-flags', flags.join(' ')]);
  const { command, warnings } = decodeNg(new Map(entries));
  if (warnings.length > 0) throw new Error(`line ${step.line}: ${warnings.join(', ')}`);
  return command;
}

function linesOf(sdp: string): readonly string[] {
  if (!sdp.endsWith('\r\n')) throw new Error('the last line of the SDP does not end in CRLF');
  const lines = sdp.slice(0, -2).split('\r\n');
  if (lines.some((line) => /[\r\n]/.test(line))) throw new Error('a line of the SDP does not end in CRLF');
  return lines;
}

const TAG_KEYS: ReadonlySet<string> = new Set(['from-tag', 'to-tag', 'via-branch']);
