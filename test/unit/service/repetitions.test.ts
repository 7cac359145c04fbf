import { beforeEach, expect, test } from 'vitest';
import type { Client } from '../../../src/command/command.js';
import type { LoadLimit } from '../../../src/command/load.js';
import { SDP_REPLY, writeNg } from '../../../src/control/ng/encode.js';
import { KnownRequests } from '../../../src/control/ng/known-requests.js';
import type { PatternPlan } from '../../../src/dataplane/protocol.gen.js';
import { planOf } from '../../../src/negotiation/plan.js';
import type { Counters } from '../../../src/observability/counters.js';
import type { Attachment } from '../../../src/service/attachment.js';
import type { CallService } from '../../../src/service/call-service.js';
import type { CallRegistry } from '../../../src/service/registry.js';
import { bencode } from '../../support/oracle-ng-client.js';
import type { FakeDataPlane } from '../../support/fake-data-plane.js';
import { audio, FACTS } from '../negotiation/sample.js';
import { streamStats } from './stream-stats.js';
import { startFakeNode } from './fake-node.js';

const CLIENT: Client = { address: '192.0.2.250', port: 5060, protocol: 'ng' };

let dataPlane: FakeDataPlane;
let registry: CallRegistry;
let service: CallService;
let attachment: Attachment;
let known: KnownRequests;
let counters: Counters;
let answered: string[];
let recorded: string[];
let exceeded: LoadLimit[];

beforeEach(async () => {
  known = new KnownRequests(new Map());
  answered = [];
  recorded = [];
  exceeded = [];
  ({ dataPlane, registry, attachment, counters, service } = await startFakeNode({
    parts: {
      load: { exceeded },
      keepDetails: ({ callId }, reason) => void recorded.push(`${callId} ${reason}`),
      repetitions: {
        reply: { sdp: SDP_REPLY, write: writeNg },
        answered: ({ address }, command) => void answered.push(`${command} of ${address}`),
      },
    },
  }));
});

async function says(command: 'offer' | 'answer', number: number): Promise<string> {
  const request = {
    sdp: audio(command === 'offer' ? 7 : 8, 4_000 + 2 * number),
    flags: ['trust-address'],
    'call-id': `call-${number}`,
    'from-tag': `from-${number}`,
    ...(command === 'answer' && { 'to-tag': `to-${number}` }),
    command,
  };
  const payload = Buffer.from(bencode(request), 'latin1');
  // The first of a kind is only looked at.
  const read = known.decode(payload) ?? known.decode(payload);
  if (read === undefined) throw new Error('not read');
  const reply = await service.handle(read, CLIENT);
  return reply.kind === 'sdp' ? reply.sdp : reply.kind;
}

async function deletes(callId: string, fromTag: string): Promise<void> {
  const request = { 'call-id': callId, 'from-tag': fromTag, 'delete-delay': 0, command: 'delete' };
  const payload = Buffer.from(bencode(request), 'latin1');
  const read = known.decode(payload) ?? known.decode(payload);
  if (read === undefined) throw new Error('not read');
  expect(await service.handle(read, CLIENT)).toMatchObject({ kind: 'deleted' });
}

/** Offers and deletes, until there are no more patterns to hand over. */
async function learnDeletions(): Promise<PatternPlan | undefined> {
  await learnOffers();
  for (const number of [4, 5]) {
    await says('offer', number);
    await deletes(`call-${number}`, `from-${number}`);
  }
  return dataPlane.learned[1];
}

async function learnOffers(): Promise<PatternPlan> {
  for (const number of [1, 2, 3]) await says('offer', number);
  const [pattern] = dataPlane.learned;
  if (pattern === undefined) throw new Error('no pattern was handed over');
  return pattern;
}

/** What a call with these values is, in the words of the data plane. */
function values(callId: string, fromTag: string): string {
  const body = 'a 1 1 198.51.100.7 4100 4101 198.51.100.7';
  return `${FACTS.now} ${callId} 192.0.2.9 5062 ${fromTag} ${body} 40100 40101`.replaceAll(' ', '~');
}

test('a kind of request is handed over when it has come often enough, and once', async () => {
  const pattern = await learnOffers();
  expect(pattern).toMatchObject({
    after: null,
    known: 0,
    outcome: { kind: 'session', reply: { before: 'd3:sdp', after: '6:result2:oke' } },
  });
  expect(JSON.stringify(pattern.outcome)).not.toContain('call-');
  await says('offer', 4);
  expect(dataPlane.learned).toHaveLength(1);
});

test('what follows is handed over with the number of what it follows', async () => {
  await learnOffers();
  for (const number of [3, 4, 5]) {
    if (number > 3) await says('offer', number);
    await says('answer', number);
  }
  expect(dataPlane.learned.map(({ number, after }) => [number, after])).toEqual([
    [1, null],
    [2, 1],
  ]);
});

test('nothing is repeated while there is too much load, and again when there is not', async () => {
  await learnOffers();
  exceeded.push('loadAverage');
  service.loadChanged();
  expect(await says('offer', 4)).toBe('failure');
  expect(dataPlane.learned).toEqual([]);
  await says('answer', 3);
  await says('offer', 3);
  expect(dataPlane.learned).toEqual([]);
  exceeded.pop();
  service.loadChanged();
  await says('offer', 5);
  expect(dataPlane.learned).toHaveLength(1);
});

test('a call made by a pattern is one like any other', async () => {
  const { number, values: kinds } = await learnOffers();
  expect(values('made', 'from').split('~')).toHaveLength(kinds.length + 2 * 1);
  service.repetitions.take({ pattern: number, micros: 40, values: values('made', 'from') });
  expect(registry.find('made')).toMatchObject({ callId: 'made', createdMs: FACTS.now });
  expect(counters.callsCreated).toBe(4);
  expect(answered).toEqual(['offer of 192.0.2.9']);
  const made = registry.find('made');
  expect(made && JSON.stringify(planOf(made))).toContain('40100');
  const deletion = { kind: 'delete', callId: 'made', delaySeconds: 0, fatal: false, fast: false } as const;
  expect(await service.handle(deletion, CLIENT)).toMatchObject({ kind: 'deleted' });
  expect(dataPlane.released).toEqual(['made']);
});

test('a command that was overtaken by a pattern is decided again', async () => {
  const { number } = await learnOffers();
  dataPlane.refusals.apply.push({ code: 'overtaken' });
  const late = says('offer', 9);
  service.repetitions.take({ pattern: number, micros: 40, values: values('call-9', 'from-9') });
  expect(await late).toContain('m=audio ');
  // As what it is now: an offer in a call that is there.
  expect(dataPlane.plans.get('call-9')?.revision).toBe(2);
});

test('while nothing may be handed over, nothing is known there', async () => {
  await learnOffers();
  service.drain(true);
  await says('answer', 3);
  expect(dataPlane.learned).toEqual([]);
  service.drain(false);
  for (const number of [5, 6]) await says('offer', number);
  expect(dataPlane.learned.map(({ number }) => number)).toEqual([2]);
});

test('another data plane is told anew, but not before all calls are back on their ports', async () => {
  await learnOffers();
  dataPlane.learned.length = 0;
  let goOn = (): void => {};
  dataPlane.hold = new Promise((resolve) => {
    goOn = resolve;
  });
  attachment.disconnected('killed');
  const meanwhile = says('offer', 5);
  attachment.connected('another boot', 0);
  const early = says('offer', 6);
  goOn();
  await Promise.all([meanwhile, early]);
  expect(dataPlane.learned).toEqual([]);
  await says('offer', 7);
  expect(dataPlane.learned).toHaveLength(1);
});

test('what another connection has told of is not kept for ever', async () => {
  const { number } = await learnOffers();
  attachment.connected('boot', 0);
  service.repetitions.take({ pattern: number, micros: 40, values: values('late', 'from') });
  expect(registry.find('late')).toBeDefined();
  await attachment.ready(30_000);
  const again = (): void =>
    service.repetitions.take({ pattern: number, micros: 40, values: values('later', 'from') });
  expect(again).toThrow('which there is not');
});
test('a deletion is handed over when it has come twice for calls of a pattern', async () => {
  const ending = await learnDeletions();
  expect(ending).toMatchObject({
    number: 2,
    after: 1,
    places: { session: (ending?.known ?? 0) + 1 },
    outcome: { kind: 'end', revision: 1 },
  });
  // Nothing of the calls it was made from.
  expect(JSON.stringify(ending?.outcome)).not.toContain('call-');
  expect(JSON.stringify(ending?.outcome)).not.toContain('from-');
});

test('a call that has ended by a pattern is none any more', async () => {
  const { number = 0, after = 0 } = (await learnDeletions()) ?? {};
  service.repetitions.take({ pattern: after ?? 0, micros: 40, values: values('made', 'from') });
  const ended = counters.callsEnded.deleted;
  const released = dataPlane.released.length;
  service.repetitions.take({ pattern: number, micros: 20, values: `${FACTS.now}~made~192.0.2.9~5062~from` });
  expect(registry.find('made')).toBeUndefined();
  expect(recorded.at(-1)).toBe('made deleted');
  expect(counters.callsEnded.deleted).toBe(ended + 1);
  expect(answered.at(-1)).toBe('delete of 192.0.2.9');
  expect(dataPlane.released).toHaveLength(released);
  // One that has ended here while it was answered there is not told of twice.
  service.repetitions.take({ pattern: number, micros: 20, values: `${FACTS.now}~made~192.0.2.9~5062~from` });
  expect(counters.callsEnded.deleted).toBe(ended + 1);
});

test('the end of a call with media is not handed over', async () => {
  dataPlane.statsOf = () => ({ streams: [streamStats(0, 1)] });
  expect(await learnDeletions()).toBeUndefined();
});

test('what goes to an address that was not signalled is not handed over', async () => {
  const { rtp, ...stream } = streamStats(0, 1);
  const silent = { ...rtp, receivedPackets: 0, lastPacketMsAgo: null, remote: '203.0.113.66:4000' };
  dataPlane.statsOf = () => ({ streams: [{ ...stream, rtp: silent }] });
  expect(await learnDeletions()).toBeUndefined();
});
