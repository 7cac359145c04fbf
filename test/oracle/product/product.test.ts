import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeLocalPeers } from '../../support/netns-peers.js';
import { proxyUnderTest } from '../../support/netns-proxy.js';
import {
  type Difference,
  differencesOf,
  type Facts,
  type LocalProxy,
  portNames,
  startLocalProxy,
} from '../../support/oracle.js';
import { describeReply } from '../../support/oracle.js';
import { sdpCorpus } from '../../support/sdp-corpus.js';
import { answerTo } from './answerer.js';
import { EXPECTED, type Expected, NOT_COMPARED } from './differences.js';
import { ROWS, type Row } from './rows.js';

const subjectKind = proxyUnderTest();
const SHAPES = sdpCorpus().filter(({ name }) => !(name in NOT_COMPARED));
const AT_ONCE = 6;
const PORTS = 8_000;

describeLocalPeers(['rtpengine'], 'every flag on every shape of SDP, to rtpengine 10.5 as well', () => {
  let oracle: LocalProxy;
  let subject: LocalProxy;
  beforeAll(async () => {
    oracle = await startLocalProxy('rtpengine', 22233, 40_000, PORTS);
    subject = await startLocalProxy(subjectKind, 22234, 50_000, PORTS);
  });
  afterAll(async () => {
    await oracle?.[Symbol.asyncDispose]();
    await subject?.[Symbol.asyncDispose]();
  });

  const seen = new Set<string>();
  const rows = [NO_FLAG, ...ROWS].filter(({ check }) => check.kind === 'compared');
  let passed = 0;
  for (const row of rows) {
    it(row.word, async () => {
      const differences = (await differencesWith(row, oracle, subject)).map(({ shape, difference }) => {
        const expected = subjectKind === 'tandem' ? expectedOf(difference, row, shape) : undefined;
        if (expected === undefined) return inWords(shape, difference);
        seen.add(expected.name);
        return '';
      });
      expect(
        differences
          .filter((text) => text !== '')
          .sort()
          .join('\n'),
      ).toBe('');
      passed += 1;
    });
  }

  it('shows every difference that is expected', () => {
    if (subjectKind !== 'tandem' || passed < rows.length) return;
    expect(EXPECTED.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual([]);
  });
});

type Found = { readonly shape: string; readonly difference: Difference };

/** What both proxies make of every shape with this flag, some of them at a time. */
async function differencesWith(row: Row, oracle: LocalProxy, subject: LocalProxy): Promise<readonly Found[]> {
  const { check } = row;
  if (check.kind !== 'compared') return [];
  const found: Found[] = [];
  const waiting = [...SHAPES];
  const work = async (): Promise<void> => {
    for (let shape = waiting.shift(); shape !== undefined; shape = waiting.shift()) {
      const { name, text } = shape;
      const callId = `${row.word}/${name}`;
      const [theirs, ours] = await Promise.all([
        conversation(oracle, text, check, callId),
        conversation(subject, text, check, callId),
      ]);
      for (const [at, command] of ['offer', 'answer'].entries()) {
        const differences = differencesOf(command, at + 1, theirs[at] ?? {}, ours[at] ?? {});
        found.push(...differences.map((difference) => ({ shape: name, difference })));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

type Compared = Extract<Row['check'], { kind: 'compared' }>;

/** Offer and answer through one proxy; what it said, by meaning. */
async function conversation(
  { ng }: LocalProxy,
  text: string,
  check: Compared,
  callId: string,
): Promise<Facts[]> {
  const ports = portNames();
  const common = { 'call-id': callId, replace: ['origin', 'session-connection'], 'from-tag': 'a' };
  const offer = await ng.command({
    ...common,
    ...(check.with === 'answer' ? {} : check.keys),
    command: 'offer',
    sdp: text,
  });
  const facts = [describeReply('offer', offer, ports, callId)];
  if (typeof offer.sdp === 'string' && offer.result === 'ok') {
    const answer = await ng.command({
      ...common,
      'to-tag': 'b',
      ...(check.with === 'offer' ? {} : check.keys),
      command: 'answer',
      sdp: answerTo(offer.sdp),
    });
    facts.push(describeReply('answer', answer, ports, callId));
  }
  await ng.command({ command: 'delete', 'call-id': callId, 'delete delay': 0 });
  return facts;
}

function expectedOf(difference: Difference, row: Row, shape: string): Expected | undefined {
  return EXPECTED.find(({ matches }) => matches(difference, row, shape));
}

function inWords(shape: string, { command, fact, oracle, subject }: Difference): string {
  return `${shape} ${command}: ${fact} is ${oracle ?? 'absent'} at rtpengine and ${subject ?? 'absent'} here`;
}

const NO_FLAG: Row = { word: 'no flag', check: { kind: 'compared', keys: {}, with: 'both' } };
