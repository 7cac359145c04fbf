import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { Conversation } from './sample.js';
import {
  association,
  forgetAndRead,
  type Kind,
  kinds,
  Party,
  role,
  secureFacts,
  sendKey,
  type Told,
  told,
} from './secure-parties.js';

/** One exchange: who offers, and what its party has changed since the last time. */
type Exchange = {
  readonly offerer: 'alice' | 'bob';
  readonly changes: readonly Change[];
  readonly direction: 'sendrecv' | 'sendonly' | 'inactive';
  readonly recrypt: boolean;
  /** An offer before this one is refused: nothing of it lasts. */
  readonly refused: boolean;
  /** The offer comes twice. */
  readonly repeated: boolean;
  /** The control plane loses its memory after the exchange. */
  readonly restart: boolean;
};

type Change =
  | 'offerer ICE'
  | 'offerer certificate'
  | 'answerer certificate'
  | 'offerer role'
  | 'offerer key'
  | 'answerer key';

const exchanges: fc.Arbitrary<Exchange> = fc.record({
  offerer: fc.constantFrom('alice', 'bob'),
  changes: fc.uniqueArray(
    fc.constantFrom<Change>(
      'offerer ICE',
      'offerer certificate',
      'answerer certificate',
      'offerer role',
      'offerer key',
      'answerer key',
    ),
    { maxLength: 2 },
  ),
  direction: fc.constantFrom('sendrecv', 'sendrecv', 'sendonly', 'inactive'),
  recrypt: fc.boolean(),
  refused: fc.boolean(),
  repeated: fc.boolean(),
  restart: fc.boolean(),
});

class Run {
  readonly alice: Party;
  readonly bob: Party;
  readonly conversation: Conversation;

  constructor(alice: Kind, bob: Kind) {
    this.alice = new Party('alice', alice);
    this.bob = new Party('bob', bob);
    this.conversation = new Conversation(secureFacts());
  }

  /** Carries out one exchange and returns what each party knows after it. */
  exchange(step: Exchange, isFirst: boolean): { offerer: Told; answerer: Told } {
    const [offerer, answerer] =
      isFirst || step.offerer === 'alice' ? [this.alice, this.bob] : [this.bob, this.alice];
    if (!isFirst && step.refused) this.#refused(offerer, answerer);
    if (!isFirst) for (const change of step.changes) apply(change, offerer, answerer);
    const { recrypt } = step;
    const who = { from: offerer.name, ...(!isFirst && { to: answerer.name }) };

    const offer = offerer.body(step.direction, undefined);
    const flags = { ...answerer.flagsTowards(), recrypt };
    const offered = this.conversation.offer(offer, flags, who);
    if (step.repeated) expect(this.conversation.offer(offer, flags, who)).toBe(offered);
    const answer = answerer.body(step.direction, offered);
    const answered = this.conversation.answer(answer, { recrypt }, { from: offerer.name, to: answerer.name });
    if (step.restart) forgetAndRead(this.conversation);
    return {
      offerer: told(this.conversation, offerer.name, answered),
      answerer: told(this.conversation, answerer.name, offered),
    };
  }

  plan(): SessionPlan {
    const { call } = this.conversation;
    if (call === undefined) throw new Error('there is no call');
    return planOf(call);
  }

  #refused(offerer: Party, answerer: Party): void {
    const protection = () => this.plan().streams.map(({ id, security, ice }) => ({ id, security, ice }));
    const before = protection();
    this.conversation.offer(offerer.body('sendonly', undefined), answerer.flagsTowards(), {
      from: offerer.name,
      to: answerer.name,
    });
    expect(protection()).toEqual(before);
  }
}

function apply(change: Change, offerer: Party, answerer: Party): void {
  const party = change.startsWith('offerer') ? offerer : answerer;
  if (change.endsWith('ICE')) party.change('ICE');
  else if (change.endsWith('role')) party.change('role');
  else party.change(change.endsWith('key') ? 'key' : 'certificate');
}

const RUNS = { numRuns: 60 };
const sequences = fc.array(exchanges, { minLength: 1, maxLength: 8 });

describe('any sequence of exchanges between two parties', () => {
  test('never protects the media of one leg with a key that came from another', () => {
    fc.assert(
      fc.property(kinds, kinds, sequences, (alice, bob, steps) => {
        const run = new Run(alice, bob);
        for (const [index, step] of steps.entries()) {
          run.exchange(step, index === 0);
          const foreign = new Set([...run.alice.keys, ...run.bob.keys]);
          const own = run
            .plan()
            .streams.map(sendKey)
            .filter((key) => key !== undefined);
          for (const key of own) expect(foreign.has(key)).toBe(false);
          expect(new Set(own).size).toBe(own.length);
        }
      }),
      RUNS,
    );
  });

  test('tells a party a key of the other one only where packets pass as they are', () => {
    fc.assert(
      fc.property(kinds, kinds, sequences, (alice, bob, steps) => {
        const run = new Run(alice, bob);
        for (const [index, step] of steps.entries()) {
          const { offerer } = run.exchange(step, index === 0);
          const foreign = new Set([...run.alice.keys, ...run.bob.keys]);
          const isBorrowed = offerer.keys.some((key) => foreign.has(key));
          const isPassed = run.plan().streams.every(({ security }) => security.kind === 'none');
          if (isBorrowed) expect(isPassed).toBe(true);
          if (step.recrypt) expect(isBorrowed).toBe(false);
        }
      }),
      RUNS,
    );
  });

  test('keeps credentials and associations exactly as long as a party keeps its own', () => {
    fc.assert(
      fc.property(kinds, kinds, sequences, (alice, bob, steps) => {
        const run = new Run(alice, bob);
        const known = new Map<Party, Told>();
        for (const [index, step] of steps.entries()) {
          const { offerer, answerer } = run.exchange(step, index === 0);
          const isAlice = index === 0 || step.offerer === 'alice';
          const [first, second] = isAlice ? [run.alice, run.bob] : [run.bob, run.alice];
          const changes = new Set(index === 0 ? [] : step.changes);
          const expectKept = (party: Party, before: Told | undefined, after: Told, isOfferer: boolean) => {
            if (before === undefined || !party.isBrowser) return;
            const restarted = isOfferer && changes.has('offerer ICE');
            const hasRole = isOfferer && changes.has('offerer role');
            const isCertified = changes.has(isOfferer ? 'offerer certificate' : 'answerer certificate');
            const isAnew = hasRole || isCertified;
            expect(after.ufrag === before.ufrag).toBe(!restarted);
            expect((after.stream.ice?.generation ?? 0) - (before.stream.ice?.generation ?? 0)).toBe(
              restarted ? 1 : 0,
            );
            expect(association(after) - association(before)).toBe(isAnew ? 1 : 0);
            expect(after.tlsId === before.tlsId).toBe(!(isAnew && isOfferer));
            if (!isCertified) expect(role(after) === role(before)).toBe(!hasRole);
            if (!restarted) expect(after.stream.ice?.role).toBe(before.stream.ice?.role);
          };
          expectKept(first, known.get(first), offerer, true);
          expectKept(second, known.get(second), answerer, false);
          known.set(first, offerer).set(second, answerer);
        }
      }),
      RUNS,
    );
  });

  test('keeps a key of ours as long as the party accepts its suite', () => {
    fc.assert(
      fc.property(sequences, (steps) => {
        const run = new Run('sdes', 'plain');
        let key: string | undefined;
        for (const [index, step] of steps.entries()) {
          const { offerer, answerer } = run.exchange(step, index === 0);
          const isAlice = index === 0 || step.offerer === 'alice';
          const sent = sendKey((isAlice ? offerer : answerer).stream);
          expect(sent).toBeDefined();
          if (key !== undefined) expect(sent).toBe(key);
          key = sent;
        }
      }),
      RUNS,
    );
  });

  test('protects towards every party as that party does', () => {
    fc.assert(
      fc.property(kinds, kinds, sequences, (alice, bob, steps) => {
        const run = new Run(alice, bob);
        for (const [index, step] of steps.entries()) {
          const after = run.exchange(step, index === 0);
          const isAlice = index === 0 || step.offerer === 'alice';
          const ofAlice = isAlice ? after.offerer : after.answerer;
          const ofBob = isAlice ? after.answerer : after.offerer;
          for (const [party, { stream }] of [
            [run.alice, ofAlice],
            [run.bob, ofBob],
          ] as const) {
            expect(stream.security.kind === 'dtls').toBe(party.isBrowser);
            expect(stream.ice !== null).toBe(party.isBrowser);
            if (party.kind === 'plain') expect(stream.security.kind).toBe('none');
          }
        }
      }),
      RUNS,
    );
  });
});

describe('any fork', () => {
  const branches = fc.array(kinds, { minLength: 2, maxLength: 4 });

  test('has secrets of its own for every branch, and hears the last one that answered', () => {
    fc.assert(
      fc.property(kinds, branches, fc.infiniteStream(fc.nat()), (alice, kindsOfBranches, picks) => {
        const conversation = new Conversation(secureFacts());
        const caller = new Party('alice', alice);
        const offer = caller.body('sendrecv', undefined);
        const secrets: string[] = [];
        const offers = kindsOfBranches.map((kind, index) => {
          const party = new Party('bob', kind);
          const text = conversation.offer(offer, party.flagsTowards(), { branch: `br${index}` });
          const own = [...text.matchAll(/(?:ice-ufrag:|tls-id:|inline:)(\S+)/g)].map(
            ([, secret]) => secret ?? '',
          );
          secrets.push(...own.filter((secret) => !caller.keys.has(secret)));
          return { party, text, branch: `br${index}` };
        });
        expect(new Set(secrets).size).toBe(secrets.length);

        const waiting = [...offers];
        while (waiting.length > 0) {
          const [next] = waiting.splice((picks.next().value ?? 0) % waiting.length, 1);
          if (next === undefined) break;
          const who = { to: `bob-${next.branch}`, branch: next.branch };
          const answered = conversation.answer(next.party.body('sendrecv', next.text), {}, who);
          const { call } = conversation;
          if (call === undefined) throw new Error('there is no call');
          const plan = planOf(call);
          expect(plan.routes.length).toBe(2);
          const foreign = new Set([...caller.keys, ...next.party.keys]);
          const heard = plan.streams.filter(({ id }) => plan.routes.some(({ from }) => from === id));
          for (const stream of heard) expect(foreign.has(sendKey(stream) ?? '')).toBe(false);
          const toldKeys = [...answered.matchAll(/inline:(\S+)/g)].map(([, key]) => key ?? '');
          const isPassed = heard.every(({ security }) => security.kind === 'none');
          if (toldKeys.some((key) => foreign.has(key))) expect(isPassed).toBe(true);
        }
      }),
      RUNS,
    );
  });
});
