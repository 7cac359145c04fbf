import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { checkPlan } from '../../support/case/plan-rules.js';
import { Conversation, FACTS, sdp } from './sample.js';
import { forgetAndRead, secureFacts } from './secure-parties.js';

/** What the offerer does with a section, and whether the answerer takes it. */
type Section = { readonly place: 'bundled' | 'alone' | 'removed'; readonly isTaken: boolean };
type Exchange = {
  readonly sections: readonly Section[];
  readonly order: readonly number[];
  /** What the offerer's transport has new. */
  readonly change: 'nothing' | 'ICE' | 'certificate';
  /** The same is offered, and refused, before: nothing of it lasts. */
  readonly refused: boolean;
  /** The control plane loses its memory after the exchange. */
  readonly restart: boolean;
};

const TYPES = ['audio 8', 'video 31', 'video 34'];
const section = fc.record({
  place: fc.constantFrom('bundled' as const, 'bundled' as const, 'alone' as const, 'removed' as const),
  isTaken: fc.boolean(),
});
const exchange: fc.Arbitrary<Exchange> = fc.record({
  sections: fc.array(section, { minLength: 1, maxLength: 3 }),
  order: fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
  change: fc.constantFrom('nothing' as const, 'nothing' as const, 'ICE' as const, 'certificate' as const),
  refused: fc.boolean(),
  restart: fc.boolean(),
});
const exchanges = fc.array(exchange, { minLength: 1, maxLength: 6 });

/** What the offerer's transports are known by: it has one certificate, and other words for each section alone. */
type Means = { ice: number; certificate: number };

function offer({ sections, order }: Exchange, means: Means | undefined): string {
  const group = order.filter((line) => sections[line]?.place === 'bundled');
  const [tagged] = group;
  const media = sections.flatMap(({ place }, line) => {
    const [type, payload] = (TYPES[line] ?? '').split(' ');
    const port = place === 'removed' ? 0 : place === 'alone' ? 4100 + 2 * line : 4000;
    const protocol = means ? 'UDP/TLS/RTP/SAVPF' : 'RTP/AVP';
    const name = place === 'alone' ? `alone${line}` : 'all';
    const own = means && (place === 'alone' || line === tagged) ? keys(name, means) : [];
    return [`m=${type} ${port} ${protocol} ${payload}`, `a=mid:m${line}`, 'a=rtcp-mux', ...own];
  });
  const named = group.length === 0 ? [] : [`a=group:BUNDLE ${group.map((line) => `m${line}`).join(' ')}`];
  return sdp('v=0', 'o=a 1 1 IN IP4 198.51.100.10', 's=-', 'c=IN IP4 198.51.100.10', ...named, ...media);
}

function keys(name: string, { ice, certificate }: Means): string[] {
  const fingerprint = String(10 + certificate)
    .repeat(32)
    .replace(/..(?!$)/g, '$&:');
  return [
    `a=setup:actpass`,
    `a=fingerprint:sha-256 ${fingerprint}`,
    `a=ice-ufrag:${name}${ice}`,
    `a=ice-pwd:${PWD}${ice}`,
  ];
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

const FLAGS = {
  bundle: new Set(['accept'] as const),
  rtcpMux: new Set(['demux'] as const),
  transportProtocol: 'RTP/AVP',
  ice: 'remove' as const,
};

for (const isSecured of [false, true]) {
  test(`any sequence of offers keeps the transport of a bundle, ${isSecured ? 'protected' : 'in the clear'}`, () => {
    fc.assert(
      fc.property(exchanges, (sequence) => {
        const conversation = new Conversation(isSecured ? secureFacts() : FACTS);
        const means: Means = { ice: 0, certificate: 0 };
        let lines = 0;
        let former: Transport | undefined;
        for (const [turn, step] of sequence.entries()) {
          lines = Math.max(lines, step.sections.length);
          const who = turn === 0 ? {} : { to: 'bob' };
          if (step.change === 'ICE') means.ice += 1;
          if (step.change === 'certificate') means.certificate += 1;
          const body = offer(step, isSecured ? means : undefined);
          if (turn > 0 && step.refused) {
            const before = transports(conversation);
            conversation.offer(body, FLAGS, who);
            expect(transports(conversation)).toMatchObject(before);
          }
          conversation.offer(body, FLAGS, who);
          checkedPlan(conversation);
          const answered = conversation.answer(answer(step, lines));
          const { streams } = checkedPlan(conversation);
          const transport = bundleTransport(answered, step, isSecured);
          // As long as there is a bundle, it keeps its transport, unless who opened it goes on without it.
          const isParted = step.sections.some(({ place, isTaken }) => place === 'alone' && isTaken);
          if (transport && former && !isParted) {
            expect(transport.port).toBe(former.port);
            expect(transport.ufrag === former.ufrag).toBe(!isSecured || step.change !== 'ICE');
            expect(transport.tlsId === former.tlsId).toBe(!isSecured || step.change !== 'certificate');
          }
          if (transport) expect(streams.some(({ locals }) => locals[0]?.port === transport.port)).toBe(true);
          former = transport;
          if (step.restart) forgetAndRead(conversation);
        }
      }),
      { numRuns: 120 },
    );
  });
}

type Transport = {
  readonly port: number;
  readonly ufrag: string | undefined;
  readonly tlsId: string | undefined;
};

/** How each stream of which something is relayed is reached and protected, by its number. */
function transports(conversation: Conversation): Record<number, unknown> {
  const { streams, routes } = checkedPlan(conversation);
  const running = streams.filter(({ id }) => routes.some(({ from }) => from === id));
  return Object.fromEntries(
    running.map(({ id, locals, security, ice, bundle }) => [id, { local: locals[0], security, ice, bundle }]),
  );
}

/** Checks an answer against what was exchanged; returns the transport of its bundle. */
function bundleTransport(
  answered: string,
  { sections, order }: Exchange,
  isSecured: boolean,
): Transport | undefined {
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
  const [port] = ports;
  if (port === undefined) return undefined;
  const text = taken.map((line) => medias[line]?.join('\n') ?? '').join('\n');
  return {
    port,
    ufrag: /a=ice-ufrag:(\S+)/.exec(text)?.[1],
    tlsId: /a=tls-id:(\S+)/.exec(text)?.[1],
  };
}

function checkedPlan({ call }: Conversation): SessionPlan {
  if (call === undefined) throw new Error('there is no call');
  const plan = planOf(call);
  checkPlan(plan, undefined);
  return plan;
}

const PWD = 'abcdefghijklmnopqrstuv';
