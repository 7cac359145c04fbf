import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
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

/** What may come next in a call that rings at several phones. Branches are counted from 0. */
type Move =
  | { readonly kind: 'ring'; readonly branch: number }
  | { readonly kind: 'answer'; readonly branch: number; readonly final: boolean }
  /** Within the dialogue, once somebody has answered finally. */
  | {
      readonly kind: 'reinvite';
      readonly by: 'alice' | 'callee';
      readonly change: Change;
      readonly direction: 'sendrecv' | 'sendonly' | 'inactive';
      /** It is not answered: nothing of it lasts. */
      readonly refused: boolean;
    }
  | { readonly kind: 'restart' };

/** What the offerer of a re-INVITE has new. */
type Change = 'nothing' | 'ICE' | 'certificate' | 'role' | 'key';

const branch = fc.nat({ max: 2 });
const moves: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ kind: fc.constant('ring'), branch }),
  fc.record({ kind: fc.constant('answer'), branch, final: fc.boolean() }),
  fc.record({
    kind: fc.constant('reinvite'),
    by: fc.constantFrom('alice', 'callee'),
    change: fc.constantFrom<Change>('nothing', 'nothing', 'ICE', 'certificate', 'role', 'key'),
    direction: fc.constantFrom('sendrecv', 'sendonly', 'inactive'),
    refused: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('restart') }),
);

/** A phone that alice's call rings at. */
class Phone {
  readonly party: Party;
  readonly branch: string;
  readonly tag: string;
  offered: string | undefined;
  /** Since it was offered something last. */
  hasAnswered = false;
  known: Told | undefined;

  constructor(number: number, kind: Kind) {
    this.party = new Party('bob', kind);
    this.branch = `br${number}`;
    this.tag = `bob-${number}`;
  }
}

/** A forked call, which expects of every message what was the party's to expect. */
class ForkedCall {
  readonly conversation = new Conversation(secureFacts());
  readonly alice: Party;
  readonly phones: readonly Phone[];
  readonly #invite: string;
  #known: Told | undefined;
  #callee: Phone | undefined;

  constructor(alice: Kind, branches: readonly Kind[]) {
    this.alice = new Party('alice', alice);
    this.phones = branches.map((kind, number) => new Phone(number, kind));
    this.#invite = this.alice.body('sendrecv', undefined);
  }

  play(move: Move): void {
    switch (move.kind) {
      case 'restart':
        forgetAndRead(this.conversation);
        break;
      case 'reinvite':
        this.#reinvite(move);
        break;
      case 'ring':
      case 'answer': {
        const phone = this.phones[move.branch % this.phones.length];
        if (phone === undefined || this.#callee !== undefined) return;
        if (move.kind === 'ring') this.#ring(phone);
        else this.#answer(phone, move.final);
      }
    }
  }

  /** A branch that has not answered is told the same again; one that has may be offered other suites anew. */
  #ring(phone: Phone): void {
    const text = this.conversation.offer(this.#invite, recrypting(phone.party), { branch: phone.branch });
    if (phone.offered !== undefined && !phone.hasAnswered) expect(text).toBe(phone.offered);
    phone.offered = text;
    phone.hasAnswered = false;
  }

  #answer(phone: Phone, final: boolean): void {
    if (phone.offered === undefined) return;
    phone.hasAnswered = true;
    const body = phone.party.body('sendrecv', phone.offered);
    const flags = { recrypt: true, sipCode: final ? 200 : 183 };
    const text = this.conversation.answer(body, flags, { to: phone.tag, branch: phone.branch });
    const [ofAlice, ofPhone] = [this.#told('alice', text), this.#told(phone.tag, phone.offered)];
    // To alice all branches are one party: neither her checks nor her handshake begin anew with another one.
    expectKept(this.alice, this.#known, ofAlice, 'nothing');
    expectKept(phone.party, phone.known, ofPhone, 'nothing');
    this.#known = ofAlice;
    phone.known = ofPhone;
    if (final) this.#callee = phone;
    expect(this.#heardBy('alice')).toEqual([phone.tag]);
  }

  #reinvite({ by, change, direction, refused }: Extract<Move, { kind: 'reinvite' }>): void {
    const callee = this.#callee;
    if (callee === undefined || this.#known === undefined || callee.known === undefined) return;
    const fromAlice = by === 'alice';
    const [offerer, answerer] = fromAlice ? [this.alice, callee.party] : [callee.party, this.alice];
    const who = fromAlice ? { from: 'alice', to: callee.tag } : { from: callee.tag, to: 'alice' };
    const before = this.#protection();
    if (!refused && change !== 'nothing') offerer.change(change);
    const offered = this.conversation.offer(offerer.body(direction, undefined), recrypting(answerer), who);
    if (refused) {
      expect(this.#protection()).toEqual(before);
      return;
    }
    const body = answerer.body(direction, offered);
    const answered = this.conversation.answer(body, { recrypt: true }, who);
    const [ofOfferer, ofAnswerer] = [this.#told(who.from, answered), this.#told(who.to, offered)];
    const [ofAlice, ofCallee] = fromAlice ? [ofOfferer, ofAnswerer] : [ofAnswerer, ofOfferer];
    expectKept(this.alice, this.#known, ofAlice, fromAlice ? change : 'nothing');
    expectKept(callee.party, callee.known, ofCallee, fromAlice ? 'nothing' : change);
    this.#known = ofAlice;
    callee.known = ofCallee;
  }

  #told(tag: string, body: string): Told {
    return told(this.conversation, tag, body);
  }

  #protection() {
    const { call } = this.conversation;
    const streams = call === undefined ? [] : planOf(call).streams;
    return streams.map(({ id, locals, security, ice }) => ({ id, local: locals[0], security, ice }));
  }

  /** Tags of the parties whose packets go to this one. */
  #heardBy(tag: string): (string | undefined)[] {
    const { call } = this.conversation;
    if (call === undefined) return [];
    const legOf = (stream: number) =>
      call.legs.find(({ streams }) => streams.some(({ id }) => id === stream));
    const heard = planOf(call).routes.filter(({ to }) => legOf(to)?.tag === tag);
    return heard.map(({ from }) => legOf(from)?.tag);
  }
}

/** Ports, keys, ICE credentials and associations of a party last as long as the party keeps its own. */
function expectKept(party: Party, before: Told | undefined, after: Told, change: Change): void {
  if (before === undefined) return;
  expect(after.port).toBe(before.port);
  if (!party.isBrowser) {
    const [former, key] = [sendKey(before.stream), sendKey(after.stream)];
    if (former !== undefined && key !== undefined) expect(key).toBe(former);
    return;
  }
  expect(after.ufrag === before.ufrag).toBe(change !== 'ICE');
  expect((after.stream.ice?.generation ?? 0) - (before.stream.ice?.generation ?? 0)).toBe(
    change === 'ICE' ? 1 : 0,
  );
  if (change !== 'ICE') expect(after.stream.ice?.role).toBe(before.stream.ice?.role);
  const isAnew = change === 'certificate' || change === 'role';
  expect(association(after) - association(before)).toBe(isAnew ? 1 : 0);
  expect(after.tlsId === before.tlsId).toBe(!isAnew);
  if (change !== 'certificate') expect(role(after) === role(before)).toBe(change !== 'role');
}

/** Keys of the other party are never taken over, so that each is one of ours. */
function recrypting(party: Party) {
  return { ...party.flagsTowards(), recrypt: true };
}

describe('any forked call', () => {
  test('keeps ports, keys, credentials and associations through branches, holds, refusals and restarts', () => {
    const branches = fc.array(kinds, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(
        kinds,
        branches,
        fc.array(moves, { minLength: 4, maxLength: 24 }),
        (alice, phones, sequence) => {
          const call = new ForkedCall(alice, phones);
          for (const move of sequence) call.play(move);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});
