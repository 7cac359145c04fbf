import { expect } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { deleteParty } from '../../../src/call/lifecycle.js';
import { describeCall } from '../../../src/call/statistics.js';
import type { AnswerCommand, DeleteCommand, OfferCommand } from '../../../src/command/command.js';
import type { BoundLocal } from '../../../src/dataplane/protocol.gen.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { complete, negotiateAnswer, negotiateOffer } from '../../../src/negotiation/negotiate.js';
import { Deletions } from '../../../src/pattern/deletion.js';
import { Patterns } from '../../../src/pattern/patterns.js';
import { Repeat } from '../../../src/pattern/repeat.js';
import { encodeCall } from '../../../src/store/call-codec.js';
import { CLIENT } from '../negotiation/sample.js';

/** Gives every message to the patterns and to negotiation, and compares what they say. */
export class Both {
  readonly #deletions = new Deletions();
  readonly #patterns = new Patterns();
  repeated = 0;

  take(
    held: Call | Repeat | undefined,
    command: OfferCommand | AnswerCommand,
    facts: Facts,
  ): Call | Repeat | undefined {
    const known = held === undefined || held instanceof Repeat;
    const pattern = known ? this.#patterns.of(command, CLIENT, held, likely(facts, facts.now)) : undefined;
    const before = held instanceof Repeat ? held.call() : held;
    const step =
      command.kind === 'offer'
        ? negotiateOffer(before, command, CLIENT, likely(facts, facts.now))
        : negotiateAnswer(before, command, CLIENT, likely(facts, facts.now));
    if (step.kind !== 'step') {
      expect(pattern?.kind).not.toBe('repeated');
      return held;
    }
    const bound: BoundLocal[] = step.plan.streams
      .flatMap(({ locals }) => locals)
      .map(({ id, port: kept }, index) => ({
        local: id,
        port: kept ?? 30_000 + (facts.now % 500) + 2 * index,
      }));
    const { call, sdp } = complete(step, bound);
    if (pattern?.kind !== 'repeated') {
      pattern?.learn(step);
      return call;
    }
    this.repeated += 1;
    expect(JSON.parse(pattern.plan.json)).toEqual(step.plan);
    expect(pattern.plan).toMatchObject({ session: step.plan.session, revision: step.plan.revision });
    const completed = pattern.complete(bound);
    expect(completed.sdp).toBe(sdp);
    expect(completed.call.call()).toEqual(call);
    expect(encodeCall(completed.call.call())).toBe(encodeCall(call));
    expect(completed.call.statistics()).toEqual(describeCall(call, null, null, 0));
    this.#deletes(completed.call, call);
    return completed.call;
  }

  #deletes(repeat: Repeat, call: Call): void {
    const tags = [undefined, ...call.legs.flatMap(({ tag, viaBranch }) => [tag, viaBranch]), 'nobody'];
    for (const fromTag of tags) {
      for (const toTag of tags) {
        for (const delaySeconds of [0, 30]) {
          const command: DeleteCommand = {
            kind: 'delete',
            callId: call.callId,
            delaySeconds,
            fatal: false,
            fast: false,
            ...(fromTag !== undefined && { fromTag }),
            ...(toTag !== undefined && { toTag }),
          };
          const ends = deleteParty(call, command, 0).kind === 'call';
          expect(this.#deletions.endCall(repeat, command)).toBe(ends);
        }
      }
    }
  }
}

/** Chance that decides the same each time. */
function likely(facts: Facts, seed: number): Facts {
  let state = seed;
  const next = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state & 0xff;
  };
  return { ...facts, random: { bytes: (count) => Uint8Array.from({ length: count }, next) } };
}
