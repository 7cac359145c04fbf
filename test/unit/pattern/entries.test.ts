import { expect, test } from 'vitest';
import type { AnswerCommand, OfferCommand } from '../../../src/command/command.js';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { negotiateOffer } from '../../../src/negotiation/negotiate.js';
import { handedOver } from '../../../src/pattern/hand-over.js';
import { Learning } from '../../../src/pattern/learning.js';
import { Patterns, type RepeatedStep } from '../../../src/pattern/patterns.js';
import { CLIENT, FACTS } from '../negotiation/sample.js';
import { Both } from './both.js';

const HASH = Array.from({ length: 32 }, () => 'AB').join(':');

/** Learning takes its time on a busy machine. */
const SLOW = { timeout: 60_000 };

let drawn = 0;

const NODE: Facts = {
  ...FACTS,
  random: {
    bytes: (count) => {
      drawn += 1;
      return Uint8Array.from({ length: count }, (_, at) => (drawn * 31 + at * 7) & 0xff);
    },
  },
  capabilities: new Set(['srtp', 'ice']),
  certificate: { id: 'ours', former: [], fingerprints: [{ hash: 'sha-256', value: HASH }] },
};

/** Offers of one form have one pattern. */
function browser(form: number, number: number, extra = ''): OfferCommand {
  const lines = [
    'v=0',
    `o=- ${number} 2 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=form:${form}`,
    'm=audio 9 UDP/TLS/RTP/SAVPF 0',
    'c=IN IP4 0.0.0.0',
    `a=candidate:${number} 1 udp 2113937151 198.51.100.7 ${20_000 + number} typ host`,
    `a=ice-ufrag:abcd${number}`,
    `a=ice-pwd:0123456789012345678901${number}${extra}`,
    `a=fingerprint:sha-256 ${HASH}`,
    'a=setup:actpass',
  ];
  return {
    kind: 'offer',
    callId: `call-${number}`,
    fromTag: 'a',
    sdp: lines.map((line) => `${line}\r\n`).join(''),
    flags: { ...DEFAULT_FLAGS, sdes: { ...DEFAULT_FLAGS.sdes, off: true } },
    likeness: 1,
    supportsLoadLimit: false,
  };
}

type Outcome = 'repeated' | 'learned' | 'negotiated';

function take(patterns: Patterns, command: OfferCommand, nowMs: number): Outcome {
  const facts = { ...NODE, now: nowMs };
  const found = patterns.of(command, CLIENT, undefined, facts);
  if (found?.kind === 'repeated') return 'repeated';
  const step = negotiateOffer(undefined, command, CLIENT, facts);
  if (step.kind !== 'step') throw new Error('the offer was refused');
  found?.learn(step);
  return found === undefined ? 'negotiated' : 'learned';
}

function repeated(patterns: Patterns, command: OfferCommand): RepeatedStep {
  const found = patterns.of(command, CLIENT, undefined, { ...NODE, now: 2_000_000 });
  if (found?.kind !== 'repeated') throw new Error('no pattern');
  return found;
}

function acquainted(): Patterns {
  const patterns = new Patterns();
  take(patterns, browser(0, 1), 1_000_000);
  take(patterns, browser(0, 2), 1_000_001);
  return patterns;
}

test('the third offer of a browser is known, and each call has credentials of its own', () => {
  const patterns = acquainted();
  const credentials = [3, 4].map((number) => {
    const step = repeated(patterns, browser(0, number));
    const { sdp } = step.complete(step.pattern.opened.map((local, at) => ({ local, port: 30_000 + 2 * at })));
    const [, ufrag = ''] = /a=ice-ufrag:(\S+)/.exec(sdp) ?? [];
    const [, password = ''] = /a=ice-pwd:(\S+)/.exec(sdp) ?? [];
    const [, association = ''] = /a=tls-id:(\S+)/.exec(sdp) ?? [];
    expect(step.plan.json).toContain(`"localUfrag":"${ufrag}","localPwd":"${password}"`);
    return [ufrag, password, association];
  });
  const [one, other] = credentials;
  expect(one?.map((text) => text.length)).toEqual([8, 26, 32]);
  expect(one?.filter((text) => other?.includes(text))).toEqual([]);
});

test('patterns and what they keep of calls hold no values of the messages they were made from', () => {
  const patterns = acquainted();
  const { pattern } = repeated(patterns, browser(0, 3));
  const kept = JSON.stringify([
    pattern.samples,
    pattern.memo,
    pattern.kinds,
    pattern.plan.gaps(),
    pattern.sdp.gaps(),
  ]);
  expect(kept).not.toMatch(/abcd[12]|0123456789012345678901/);
});

test('the data plane is told what to draw, and how long records and candidates may become', () => {
  const { pattern, message } = repeated(acquainted(), browser(0, 3));
  const body = browser(0, 3).sdp;
  const written = { text: body, texts: [{ name: 'sdp', at: 0, start: 0, end: body.length }] } as const;
  const reply = { before: '', after: '' };
  const plan = handedOver(pattern, message, written, reply, { number: 1, after: null });
  expect(plan?.draws).toContainEqual({ kind: 'alphanumeric', length: 26 });
  const candidate = plan?.values.findIndex(({ spelling }) => spelling === 'candidate') ?? -1;
  expect(plan?.values[candidate]?.form).toBe('1UDP4host');
  expect(plan?.rooms).toContainEqual({ at: [candidate], bytes: 998 });
  expect(plan?.rooms?.[0]?.bytes).toBeLessThan(16_000);
  // None of the call it was made from.
  expect(JSON.stringify(plan)).not.toMatch(/abcd[123]|0123456789012345678901/);
});

test('a call whose record would become too long for the data plane is negotiated', () => {
  const patterns = acquainted();
  const long = browser(0, 3);
  const tag = 'x'.repeat(16_000);
  expect(take(patterns, { ...long, fromTag: 'y'.repeat(50) }, 1_000_002)).toBe('repeated');
  const facts = { ...NODE, now: 1_000_003 };
  expect(patterns.of({ ...long, fromTag: tag }, CLIENT, undefined, facts)).toBeUndefined();
  expect(negotiateOffer(undefined, { ...long, fromTag: tag }, CLIENT, facts)).toMatchObject({
    code: 'limit',
  });
});

test(
  'bodies made to be learned are learned at a bounded rate, and displace nothing that is in use',
  SLOW,
  () => {
    const patterns = acquainted();
    let learned = 0;
    for (let form = 1; form <= 80; form += 1) {
      for (const number of [2 * form, 2 * form + 1]) {
        if (take(patterns, browser(form, number), 1_000_001 + form * 10) === 'learned') learned += 1;
      }
    }
    // A stock, of which one is used up, and what comes back within 0.8 seconds.
    expect(learned).toBe(64 - 1 + 6);
    expect(take(patterns, browser(0, 3), 1_000_900)).toBe('repeated');
  },
);

test('bodies seen once make room for others, and displace none that is known', SLOW, () => {
  const patterns = acquainted();
  const facts = { ...NODE, now: 1_000_001 };
  const see = (form: number) => patterns.of(browser(form, form), CLIENT, undefined, facts);
  for (let form = 1; form <= 1_000; form += 1) expect(see(form)).toBeUndefined();
  expect(take(patterns, browser(0, 3), 1_000_002)).toBe('repeated');
  expect(see(1)).toBeUndefined();
  expect(see(1_000)).toMatchObject({ kind: 'unknown' });
});

test('learning has a stock that comes back with time', () => {
  const learning = new Learning(2, 4);
  expect([1, 1, 1].map((atMs) => learning.take(atMs))).toEqual([true, true, false]);
  expect([200, 251, 252].map((atMs) => learning.take(atMs))).toEqual([false, true, false]);
  // A clock that is set back brings nothing.
  expect(learning.take(10)).toBe(false);
  expect([1_000_000, 1_000_000, 1_000_000].map((atMs) => learning.take(atMs))).toEqual([true, true, false]);
});

test('an answer is known by the offer before it, whatever has been forgotten since', SLOW, () => {
  const both = new Both();
  const plain = (codecs: string, number: number): OfferCommand => ({
    ...browser(0, number),
    sdp: `v=0\r\no=- ${number} 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP ${codecs}\r\n`,
    flags: { ...browser(0, 0).flags, ice: 'force', transportProtocol: 'UDP/TLS/RTP/SAVPF' },
    likeness: 2,
  });
  const answer = (number: number): AnswerCommand => {
    const { supportsLoadLimit: _, ...offer } = browser(0, number);
    return { ...offer, kind: 'answer', toTag: 'b', flags: DEFAULT_FLAGS, likeness: 3 };
  };
  const renewed = {
    ...NODE,
    certificate: { id: 'next', former: [], fingerprints: [{ hash: 'sha-256', value: HASH }] },
  };
  const offered = (codecs: string, number: number) => both.take(undefined, plain(codecs, number), NODE);
  for (const codecs of ['0 8', '8 0', '8']) for (const number of [1, 2]) offered(codecs, number);
  const calls = ['0 8', '8 0', '8'].flatMap((codecs) =>
    [3, 4, 5, 6].map((number) => offered(codecs, number)),
  );
  const before = both.repeated;
  for (const facts of [NODE, renewed]) {
    for (const [at, call] of calls.entries()) both.take(call, answer(3 + (at % 4)), facts);
  }
  expect(before).toBe(12);
  expect(both.repeated - before).toBeGreaterThan(8);
});
