import { expect } from 'vitest';
import type { Party } from './netns.js';
import { type MediaEnd, openPorts } from './netns-media.js';
import { addressOf, type EndOptions, type Site } from './netns-site.js';
import { isDictionary, type NgValue } from './oracle-ng-client.js';
import type { MediaNote, Sipp } from './sipp.js';

/** A call between two SIPp scenarios whose media ports are open. */
export type Call = {
  readonly caller: Sipp;
  readonly callee: Sipp;
  readonly alice: CallEnd;
  readonly bob: CallEnd;
  /** Ends of the media once both scenarios have noted these stages. */
  ends(callerStage: string, calleeStage: string): Promise<{ alice: MediaEnd; bob: MediaEnd }>;
  /** Lets the caller's scenario go on. */
  proceed(): Promise<void>;
  /** Lets the callee's scenario go on. */
  calleeProceeds(): Promise<void>;
  /** Both scenarios have ended as they should, and the proxy has forgotten the call. */
  over(): Promise<void>;
};

export type CallEnd = { readonly party: Party; readonly port: number };

let nextPort = 30000;

/** Media ports that no other call of this file has used. */
export function freshPort(): number {
  nextPort += 2;
  return nextPort;
}

export type CallOptions = {
  readonly uac: string;
  readonly uas: string;
  readonly calleeFamily?: 'IP4' | 'IP6';
  readonly service?: string;
  /** More columns of the caller's row. */
  readonly callerColumns?: (ownPort: number) => readonly number[];
  readonly answerAfterMs?: number;
};

export async function startCall(site: Site, options: CallOptions): Promise<Call> {
  const ports = { alice: freshPort(), bob: freshPort() };
  const family = options.calleeFamily ?? 'IP4';
  await openPorts(site.agents.alice, 'alice', [ports.alice]);
  await openPorts(site.agents.bob, 'bob', [ports.bob], family);
  const callee: EndOptions = {
    party: 'bob',
    scenario: options.uas,
    family,
    rows: [[ports.bob]],
    ...(options.answerAfterMs === undefined ? {} : { pauseMs: options.answerAfterMs }),
  };
  const caller: EndOptions = {
    party: 'alice',
    scenario: options.uac,
    service: options.service ?? 'bob',
    rows: [[ports.alice, ...(options.callerColumns?.(ports.alice) ?? [])]],
  };
  const sipp = site.call(caller, callee);
  const known: { callId?: string } = {};
  return {
    ...sipp,
    alice: { party: 'alice', port: ports.alice },
    bob: { party: 'bob', port: ports.bob },
    async ends(callerStage, calleeStage) {
      const [ofAlice, ofBob] = await Promise.all([
        sipp.caller.note(callerStage),
        sipp.callee.note(calleeStage),
      ]);
      known.callId = ofAlice.callId;
      return {
        alice: { agent: site.agents.alice, note: ofAlice },
        bob: { agent: site.agents.bob, note: ofBob },
      };
    },
    async proceed() {
      if (known.callId === undefined) throw new Error('the call has not come up');
      await sipp.caller.nudge(site.agents.alice, known.callId);
    },
    async calleeProceeds() {
      if (known.callId === undefined) throw new Error('the call has not come up');
      await sipp.callee.nudge(site.agents.bob, known.callId);
    },
    async over() {
      await Promise.all([sipp.caller.finished(), sipp.callee.finished()]);
      await site.settled();
    },
  };
}

export type Pair = { readonly alice: MediaEnd; readonly bob: MediaEnd };

/** Many plain calls at once. */
export type Calls = { readonly pairs: readonly Pair[]; hangUp(): Promise<void> };

export async function startCalls(site: Site, count: number): Promise<Calls> {
  const ports = {
    alice: Array.from({ length: count }, freshPort),
    bob: Array.from({ length: count }, freshPort),
  };
  await openPorts(site.agents.alice, 'alice', ports.alice);
  await openPorts(site.agents.bob, 'bob', ports.bob);
  const { caller, callee } = site.call(
    { party: 'alice', scenario: 'uac-call.xml', calls: count, rows: ports.alice.map((port) => [port]) },
    { party: 'bob', scenario: 'uas-call.xml', calls: count, rows: ports.bob.map((port) => [port]) },
  );
  const invited = await callee.notes('invited');
  const pairs = (await caller.notes('answered')).map((note) => {
    const other = invited.find((each) => each.callId === note.callId);
    if (other === undefined) throw new Error(`${note.callId} did not reach bob`);
    return { alice: { agent: site.agents.alice, note }, bob: { agent: site.agents.bob, note: other } };
  });
  return {
    pairs,
    async hangUp() {
      for (const { alice } of pairs) await caller.nudge(site.agents.alice, alice.note.callId);
      await Promise.all([caller.finished(), callee.finished()]);
      await site.settled();
    },
  };
}

/** The note as it would read if the party listened on another of its ports. */
export function onPort(end: MediaEnd, ownPort: number): MediaEnd {
  const note: MediaNote = { ...end.note, ownPort };
  return { ...end, note };
}

/** Both parties were told an address of the proxy, and not each other's. */
export function expectProxied(...ends: readonly MediaEnd[]): void {
  for (const end of ends) {
    for (const party of ['alice', 'bob', 'carol'] as const) {
      expect(end.note.remote.address).not.toBe(addressOf(party));
      expect(end.note.remote.address).not.toBe(addressOf(party, 'IP6'));
    }
  }
}

/** `totals` of a query: RTP and RTCP packets that the proxy counted. */
export async function countedPackets(
  site: Site,
  callId: string,
): Promise<{ rtp: number; rtcp: number; errors: number }> {
  const reply = await site.ng.command({ command: 'query', 'call-id': callId });
  const of = (kind: string, what: string): number =>
    Number(member(member(member(reply, 'totals'), kind), what));
  return { rtp: of('RTP', 'packets'), rtcp: of('RTCP', 'packets'), errors: of('RTP', 'errors') };
}

function member(value: NgValue | undefined, key: string): NgValue | undefined {
  return isDictionary(value) ? value[key] : undefined;
}
