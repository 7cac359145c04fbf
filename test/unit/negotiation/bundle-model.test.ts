import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { checkPlan } from '../../support/case/plan-rules.js';
import { Conversation, FACTS, sdp } from './sample.js';

/** What the offerer does with a section, and whether the answerer takes it. */
type Section = { readonly place: 'bundled' | 'alone' | 'removed'; readonly isTaken: boolean };
type Exchange = { readonly sections: readonly Section[]; readonly order: readonly number[] };

const TYPES = ['audio 8', 'video 31', 'video 34'];
const SECURE = new Set(['srtp', 'ice'] as const);
const FACTS_WITH_KEYS = {
  ...FACTS,
  capabilities: SECURE,
  certificate: {
    id: 'A1',
    former: [],
    fingerprints: [{ hash: 'sha-256', value: 'A1'.repeat(32).replace(/..(?!$)/g, '$&:') }],
  },
};

const section = fc.record({
  place: fc.constantFrom('bundled' as const, 'bundled' as const, 'alone' as const, 'removed' as const),
  isTaken: fc.boolean(),
});
const exchange: fc.Arbitrary<Exchange> = fc.record({
  sections: fc.array(section, { minLength: 1, maxLength: 3 }),
  order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
});
const exchanges = fc.array(exchange, { minLength: 1, maxLength: 6 });

function offer({ sections, order }: Exchange, isSecured: boolean): string {
  const group = order.filter((line) => sections[line]?.place === 'bundled');
  const [tagged] = group;
  const media = sections.flatMap(({ place }, line) => {
    const [type, payload] = (TYPES[line] ?? '').split(' ');
    const port = place === 'removed' ? 0 : place === 'alone' ? 4100 + 2 * line : 4000;
    const protocol = isSecured ? 'UDP/TLS/RTP/SAVPF' : 'RTP/AVP';
    const own = isSecured && (place === 'alone' || line === tagged) ? keys(line) : [];
    return [`m=${type} ${port} ${protocol} ${payload}`, `a=mid:m${line}`, 'a=rtcp-mux', ...own];
  });
  const named = group.length === 0 ? [] : [`a=group:BUNDLE ${group.map((line) => `m${line}`).join(' ')}`];
  return sdp('v=0', 'o=a 1 1 IN IP4 198.51.100.10', 's=-', 'c=IN IP4 198.51.100.10', ...named, ...media);
}

function keys(line: number): string[] {
  const fingerprint = `${line}${line}`.repeat(32).replace(/..(?!$)/g, '$&:');
  return [`a=setup:actpass`, `a=fingerprint:sha-256 ${fingerprint}`, 'a=ice-ufrag:abcd', `a=ice-pwd:${PWD}`];
}

/** Plain, with a port for each section. */
function answer({ sections }: Exchange, lines: number): string {
  const media = Array.from({ length: lines }, (_, line) => {
    const [type, payload] = (TYPES[line] ?? '').split(' ');
    const taken = sections[line]?.place !== 'removed' && sections[line]?.isTaken === true;
    return `m=${type} ${taken ? 5000 + 2 * line : 0} RTP/AVP ${payload}`;
  });
  return sdp('v=0', 'o=b 1 1 IN IP4 198.51.100.20', 's=-', 'c=IN IP4 198.51.100.20', ...media);
}

/** The sections of an SDP, `m=` line first. */
function sectionsOf(body: string): string[][] {
  const [, ...medias] = body.split(/^m=/m);
  return medias.map((media) => media.trimEnd().split('\r\n'));
}

function groupOf(body: string): string[] {
  return /^a=group:BUNDLE (.*)\r$/m.exec(body)?.[1]?.split(' ') ?? [];
}

for (const isSecured of [false, true]) {
  test(`any sequence of offers keeps the port of a bundle, ${isSecured ? 'protected' : 'in the clear'}`, () => {
    fc.assert(
      fc.property(exchanges, (sequence) => {
        const conversation = new Conversation(isSecured ? FACTS_WITH_KEYS : FACTS);
        let lines = 0;
        let former: number | undefined;
        for (const [turn, step] of sequence.entries()) {
          lines = Math.max(lines, step.sections.length);
          const flags = {
            bundle: new Set(['accept'] as const),
            rtcpMux: new Set(['demux'] as const),
            transportProtocol: 'RTP/AVP',
            ice: 'remove' as const,
          };
          conversation.offer(offer(step, isSecured), flags, turn === 0 ? {} : { to: 'bob' });
          checkedPlan(conversation);
          const answered = conversation.answer(answer(step, lines));
          const { streams } = checkedPlan(conversation);
          const port = bundlePort(answered, step, isSecured);
          // As long as there is a bundle, it keeps its port, unless who opened it goes on without it.
          const isParted = step.sections.some(({ place, isTaken }) => place === 'alone' && isTaken);
          if (port !== undefined && former !== undefined && !isParted) expect(port).toBe(former);
          if (port !== undefined) expect(streams.some(({ locals }) => locals[0]?.port === port)).toBe(true);
          former = port;
        }
      }),
      { numRuns: 150 },
    );
  });
}

/** Checks an answer against what was exchanged; returns the port of its bundle. */
function bundlePort(answered: string, { sections, order }: Exchange, isSecured: boolean): number | undefined {
  const taken = order.filter((line) => sections[line]?.place === 'bundled' && sections[line]?.isTaken);
  expect(groupOf(answered)).toEqual(taken.map((line) => `m${line}`));
  const medias = sectionsOf(answered);
  const portOf = (line: number) => Number(medias[line]?.[0]?.split(' ')[1]);
  const ports = new Set(taken.map(portOf));
  expect(ports.size).toBe(taken.length === 0 ? 0 : 1);
  const withKeys = taken.filter((line) => medias[line]?.some((text) => text.startsWith('a=fingerprint')));
  expect(withKeys).toEqual(isSecured ? taken.slice(0, 1) : []);
  for (const [line, { place, isTaken }] of sections.entries()) {
    if (place === 'alone' && isTaken) expect(ports).not.toContain(portOf(line));
  }
  return [...ports][0];
}

function checkedPlan({ call }: Conversation): SessionPlan {
  if (call === undefined) throw new Error('there is no call');
  const plan = planOf(call);
  checkPlan(plan, undefined);
  return plan;
}

const PWD = 'abcdefghijklmnopqrstuv';
