import { describe, expect, test } from 'vitest';
import { AttackedCall, type Harm, NO_HARM, type Protection } from '../support/attacked-call.js';
import { at } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { type Attack, ATTACKS, causeFromElsewhere, causeInTheNameOfAParty } from '../support/attacker.js';
import { isDictionary, isList } from '../support/oracle-ng-client.js';
import { Tandem } from '../support/tandem.js';

/**
 * The matrix of ES2025-01 over real processes: two strangers, each with an address of its own, send RTP, RTCP, STUN and
 * DTLS at every moment of a call. `docs/security.md` says what they may achieve.
 */
const LEARNING = ['delayed', 'heuristic', 'off', 'immediate'] as const;
const SOURCES = [
  ['strict source', true],
  ['no strict source', false],
] as const;
function startTandem(strictSource: boolean): Promise<Tandem> {
  return Tandem.start({ settings: [`strictSource=${strictSource}`] });
}

type Moments = Readonly<Record<string, Harm>>;

/** Attacked from the offer on; what was done at each moment. */
async function fromTheBeginning(call: AttackedCall): Promise<Moments> {
  await call.offer();
  await call.attacked(3, 'silent');
  const beforeTheAnswer = call.harm();
  await call.answer();
  await call.attacked(3, 'silent');
  await call.secure();
  const beforeTheySpeak = call.harm();
  await call.attacked(10, 'talking');
  const whileTheyAreLearned = call.harm();
  await call.isLearned();
  return { beforeTheAnswer, beforeTheySpeak, whileTheyAreLearned, ...(await later(call)) };
}

/** Attacked once the parties have spoken. */
async function onceLearned(call: AttackedCall): Promise<Moments> {
  await call.offer();
  await call.answer();
  await call.secure();
  await call.isLearned();
  call.harm();
  return later(call);
}

async function later(call: AttackedCall): Promise<Moments> {
  await call.attacked(10, 'talking');
  const afterTheyWereLearned = call.harm();
  await call.offer();
  await call.attacked(5, 'talking');
  await call.answer();
  await call.attacked(5, 'talking');
  const acrossAReInvite = call.harm();
  await call.offer('inactive');
  await call.attacked(3, 'silent');
  await call.answer('inactive');
  await call.attacked(5, 'silent');
  const onHold = call.harm();
  await call.offer();
  await call.attacked(3, 'silent');
  await call.answer();
  await call.attacked(5, 'talking');
  return { afterTheyWereLearned, acrossAReInvite, onHold, afterTheHold: call.harm() };
}

async function calls(
  { strictSource, protection }: { readonly strictSource: boolean; readonly protection: Protection },
  attack: (call: AttackedCall) => Promise<Moments>,
): Promise<readonly { readonly at: string; readonly harm: Harm }[]> {
  const tandem = await startTandem(strictSource);
  const moments = LEARNING.map(async (learning) => {
    const harm = await attack(new AttackedCall(tandem, protection, learning));
    return Object.entries(harm).map(([moment, done]) => ({ at: `${learning}, ${moment}`, harm: done }));
  });
  return (await Promise.all(moments)).flat();
}

describe.each(SOURCES)('%s', (_, strictSource) => {
  test.each(['SRTP with SDES', 'SRTP with DTLS'] as const)(
    '%s: nothing is injected and nothing bleeds, however sources are learned',
    async (protection) => {
      const moments = await calls({ strictSource, protection }, fromTheBeginning);
      for (const { at, harm } of moments) expect({ at, ...harm }).toEqual({ at, ...NO_HARM });
    },
  );
});

describe('strict source', () => {
  test.each(['RTP', 'SRTP passed on'] as const)(
    '%s: nothing is injected and nothing bleeds once the parties have been heard',
    async (protection) => {
      const moments = await calls({ strictSource: true, protection }, onceLearned);
      for (const { at, harm } of moments) expect({ at, ...harm }).toEqual({ at, ...NO_HARM });
    },
  );
});

describe('no strict source', () => {
  test('RTP: strangers are passed on, and nothing bleeds once the parties have been heard', async () => {
    const moments = await calls({ strictSource: false, protection: 'RTP' }, onceLearned);
    for (const { at, harm } of moments) expect({ at, bled: harm.bled }).toEqual({ at, bled: 0 });
    expect(moments.some(({ harm }) => harm.injected > 0)).toBe(true);
  });
});

test.each(['RTP', 'SRTP passed on'] as const)(
  '%s: whoever speaks before a party gets what is sent to it, until it speaks from where its SDP says',
  async (protection) => {
    const call = new AttackedCall(await startTandem(true), protection, 'heuristic');
    await call.offer();
    await call.answer();
    await call.attacked(1, 'silent');
    call.callee.send(5);
    await until('the attacker to hear the callee', () => (call.attackers[0]?.bled ? true : undefined));
    await call.secure();
    await call.talks();
    call.harm();
    await call.attacked(10, 'talking');
    expect(call.harm()).toEqual(NO_HARM);
  },
);

type Noticed = { readonly cause: unknown; readonly source: unknown };

/** What a query says of the last suspect packet of a party. */
async function noticed(tandem: Tandem, call: AttackedCall, tag: 'caller' | 'callee'): Promise<Noticed[]> {
  const reply = await tandem.ng.command({ command: 'query', 'call-id': call.callId });
  const medias = at(reply, 'tags', tag, 'medias');
  const streams = Array.isArray(medias) && isDictionary(medias[0]) ? medias[0].streams : [];
  return (isList(streams) ? streams : []).flatMap((stream) => {
    const suspect = isDictionary(stream) ? stream.suspect : undefined;
    return isDictionary(suspect) ? [{ cause: suspect['last cause'], source: suspect['last source'] }] : [];
  });
}

/** As soon as something was noticed. */
async function seen(tandem: Tandem, call: AttackedCall, kind: Attack): Promise<Noticed | undefined> {
  const [first] = await until(`${kind} to be counted`, async () => {
    const all = await noticed(tandem, call, 'caller');
    return all.length > 0 ? all : undefined;
  });
  return first;
}

async function talkingCall(tandem: Tandem, protection: Protection, name: string): Promise<AttackedCall> {
  const call = new AttackedCall(tandem, protection, 'heuristic', name);
  await call.offer();
  await call.answer();
  await call.secure();
  await call.talks();
  return call;
}

/** The attack was counted, and told of in the log, as this. */
async function assertTold(tandem: Tandem, call: AttackedCall, kind: Attack, noticed: Noticed): Promise<void> {
  expect({ kind, seen: await seen(tandem, call, kind) }).toEqual({ kind, seen: noticed });
  const { cause, source } = noticed;
  await tandem.control.printed(new RegExp(`the stranger .*cause=${cause} source="?${source}`));
}

test.each(['RTP', 'SRTP with SDES', 'SRTP with DTLS'] as const)(
  '%s: each attack leaves a counter and an event with its source',
  async (protection) => {
    const tandem = await startTandem(true);
    for (const kind of ATTACKS) {
      const call = await talkingCall(tandem, protection, kind);
      await call.attackedBy(kind);
      const [attacker] = call.attackers;
      const source = attacker?.source;
      const cause = causeFromElsewhere(kind, protection);
      await assertTold(tandem, call, kind, { cause, source });
    }
  },
);

test.each(['SRTP with SDES', 'SRTP with DTLS'] as const)(
  '%s: whatever is said in the name of a party leaves a counter and an event, and the call as it was',
  async (protection) => {
    const tandem = await startTandem(true);
    for (const kind of ATTACKS) {
      const call = await talkingCall(tandem, protection, kind);
      call.saysInTheNameOfTheCaller(kind);
      await call.talks();
      expect({ kind, ...call.harm() }).toEqual({ kind, ...NO_HARM });
      const cause = causeInTheNameOfAParty(kind, protection);
      if (cause === undefined) continue;
      const source = `${call.caller.address}:${call.caller.port}`;
      await assertTold(tandem, call, kind, { cause, source });
    }
  },
);
