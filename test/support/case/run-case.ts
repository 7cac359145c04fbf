import type { Call } from '../../../src/call/call.js';
import { deleteParty } from '../../../src/call/lifecycle.js';
import type { Client, Command, DeleteCommand } from '../../../src/command/command.js';
import { decodeNg } from '../../../src/control/ng/decode.js';
import type { CommandFailure } from '../../../src/command/reply.js';
import type { Value } from '../../../src/control/ng/value.js';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import type { CallDefaults, Facts } from '../../../src/negotiation/facts.js';
import {
  complete,
  type Negotiated,
  negotiateAnswer,
  negotiateOffer,
} from '../../../src/negotiation/negotiate.js';
import type { Random } from '../../../src/service/ports.js';
import type { CaseFile, CaseStep } from './case-file.js';
import { Placeholders, resolveExpected } from './expected-sdp.js';
import { describedByPlan } from './expected-plan.js';
import { FakeDataPlane, withBoundPorts } from './fake-data-plane.js';
import { fullBody } from './sdp-body.js';

/** What a step of a case came to: two texts to be compared, section by section. */
export type StepOutcome = {
  readonly step: CaseStep;
  readonly expected: readonly string[];
  readonly actual: readonly string[];
  /** The SDP that left, if one did. */
  readonly sdp?: readonly string[];
};

/** Runs the steps of a case one after the other, on one call and a data plane that only gives out ports. */
export function runCase(file: CaseFile): readonly StepOutcome[] {
  const runner = new CaseRunner(file.config);
  return file.steps.map((step) => runner.run(step));
}

class CaseRunner {
  readonly #facts: Facts;
  readonly #placeholders = new Placeholders();
  readonly #dataPlane = new FakeDataPlane();
  #call: Call | undefined;
  #plan: SessionPlan | undefined;

  constructor(config: string) {
    this.#facts = factsOf(config);
  }

  run(step: CaseStep): StepOutcome {
    const command = commandOf(step);
    switch (command.kind) {
      case 'offer':
        return this.#negotiated(step, negotiateOffer(this.#call, command, CLIENT, this.#facts));
      case 'answer':
        return this.#negotiated(step, negotiateAnswer(this.#call, command, CLIENT, this.#facts));
      case 'delete':
        return this.#deleted(step, command);
      case 'failure':
        return refused(step, command.message);
      default:
        throw new Error(`line ${step.line}: ${command.kind} is not for cases`);
    }
  }

  #negotiated(step: CaseStep, outcome: Negotiated): StepOutcome {
    switch (outcome.kind) {
      case 'failure':
        return refused(step, outcome.message);
      case 'done':
        return this.#compared(step, { result: 'done' });
      case 'unchanged':
        return this.#compared(step, { result: 'unchanged', sdp: outcome.sdp });
      case 'step': {
        const before = this.#plan;
        if (before && outcome.plan.revision <= before.revision) throw new Error('the revision did not grow');
        const bound = this.#dataPlane.apply(outcome.plan);
        const { call, sdp } = complete(outcome, bound);
        this.#call = call;
        this.#plan = withBoundPorts(outcome.plan, bound);
        return this.#compared(step, { result: 'step', sdp });
      }
    }
  }

  #deleted(step: CaseStep, command: DeleteCommand): StepOutcome {
    const deletion =
      this.#call === undefined
        ? { kind: 'notFound' as const }
        : deleteParty(this.#call, command, this.#facts.now);
    if (deletion.kind === 'party' || deletion.kind === 'scheduled') this.#call = deletion.call;
    if (deletion.kind === 'call') this.#call = undefined;
    return this.#compared(step, { result: deletion.kind });
  }

  #compared(step: CaseStep, outcome: { readonly result: string; readonly sdp?: string }): StepOutcome {
    const expected: string[] = [];
    const actual: string[] = [];
    const sdp = outcome.sdp === undefined ? undefined : linesOf(outcome.sdp);
    const out = step.sections.get('out');
    if (out) {
      const compared = resolveExpected(out.lines, sdp ?? [], this.#placeholders);
      expected.push('--- out', ...compared.expected);
      actual.push('--- out', ...compared.actual);
    }
    const result = step.sections.get('result');
    if (result) {
      expected.push('--- result', ...result.lines);
      actual.push('--- result', outcome.result);
    }
    const plan = step.sections.get('plan');
    if (plan) {
      if (this.#plan === undefined) throw new Error(`line ${plan.line}: there is no plan`);
      for (const line of plan.lines) {
        expected.push(this.#placeholders.fill(line));
        actual.push(this.#placeholders.fill(describedByPlan(line, this.#plan, this.#placeholders)));
      }
    }
    if (step.sections.has('error')) {
      expected.push('--- error', ...(step.sections.get('error')?.lines ?? []));
      actual.push(`(no error: ${outcome.result})`);
    }
    return { step, expected, actual, ...(sdp && { sdp }) };
  }
}

function refused(step: CaseStep, message: string): StepOutcome {
  const wanted = step.sections.get('error')?.lines ?? ['(no error)'];
  const [first = ''] = wanted;
  // An error may be followed by what is wrong in detail: a case can name only the beginning.
  const actual = first.endsWith('…') && message.startsWith(first.slice(0, -1)) ? first : message;
  return { step, expected: ['--- error', ...wanted], actual: ['--- error', actual] };
}

function commandOf(step: CaseStep): Command | CommandFailure {
  const tags = new Map<string, string>();
  const flags: string[] = [];
  for (const word of step.flags.split(' ')) {
    const [key = '', value] = word.split('=');
    if (value !== undefined && TAG_KEYS.has(key)) tags.set(key, value);
    else if (word !== '') flags.push(word);
  }
  const isAnswer = step.command === 'answer';
  const sender = isAnswer ? (tags.get('to-tag') ?? 'bob') : (tags.get('from-tag') ?? 'alice');
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
  const branch = tags.get('via-branch');
  if (branch !== undefined) entries.push(['via-branch', branch]);
  if (body) entries.push(['sdp', fullBody(body.lines, party)]);
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

function factsOf(config: string): Facts {
  const settings = new Map(
    config.split(' ').map((word): [string, string] => {
      const [key = '', value = ''] = word.split('=');
      return [key, value];
    }),
  );
  const defaults: CallDefaults = {
    mediaTimeoutMs: 60_000,
    silentTimeoutMs: 3_600_000,
    offerTimeoutMs: 3_600_000,
    firstPacketTimeoutMs: null,
    finalTimeoutMs: null,
    deleteDelaySeconds: 30,
    tos: Number(settings.get('tos') ?? 184),
    endpointLearning: 'heuristic',
    strictSource: false,
    sipSource: settings.get('sip-source') === 'yes',
    instanceId: 'aabbccddeeff',
  };
  return {
    now: Date.UTC(2026, 0, 1),
    random: countingRandom(),
    interfaces: [
      {
        name: 'pub',
        addresses: [
          { bind: '10.0.0.5', advertise: '203.0.113.5', family: 'IP4' },
          { bind: '2001:db8::5', advertise: '2001:db8::5', family: 'IP6' },
        ],
      },
      { name: 'priv', addresses: [{ bind: '192.168.0.5', advertise: '192.168.0.5', family: 'IP4' }] },
      { name: 'six', addresses: [{ bind: '2001:db8:6::5', advertise: '2001:db8:6::5', family: 'IP6' }] },
    ],
    defaults,
  };
}

function countingRandom(): Random {
  let drawn = 0;
  const next = () => {
    drawn += 37;
    return drawn % 256;
  };
  return { bytes: (count) => Uint8Array.from({ length: count }, next) };
}

const CLIENT: Client = { address: '192.0.2.1', port: 5060, protocol: 'ng' };

const TAG_KEYS: ReadonlySet<string> = new Set(['from-tag', 'to-tag', 'via-branch']);
