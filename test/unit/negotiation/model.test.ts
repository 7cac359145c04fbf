import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCall, encodeCall, withPorts } from '../../../src/store/call-codec.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { Conversation, sdp } from './sample.js';

/** What a party may do next in a random call between alice and her branches. */
type Move =
  | { readonly kind: 'offer'; readonly side: 'alice' | 'bob'; readonly port: number; readonly shape: Shape }
  | { readonly kind: 'answer'; readonly port: number; readonly shape: Shape }
  | { readonly kind: 'fork'; readonly branch: number }
  | { readonly kind: 'restart' };

type Shape = {
  readonly direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
  readonly zero: boolean;
  readonly mux: boolean;
  readonly ice: boolean;
  readonly medias: number;
};

const HOSTS = { alice: '198.51.100.10', bob: '198.51.100.20' } as const;

const shapes: fc.Arbitrary<Shape> = fc.record({
  direction: fc.constantFrom('sendrecv', 'sendrecv', 'sendonly', 'recvonly', 'inactive'),
  zero: fc.boolean(),
  mux: fc.boolean(),
  ice: fc.boolean(),
  medias: fc.integer({ min: 1, max: 3 }),
});

const ports = fc.constantFrom(4000, 4010, 4020);

const moves: fc.Arbitrary<Move> = fc.oneof(
  fc.record({
    kind: fc.constant('offer'),
    side: fc.constantFrom('alice', 'bob'),
    port: ports,
    shape: shapes,
  }),
  fc.record({ kind: fc.constant('answer'), port: ports, shape: shapes }),
  fc.record({ kind: fc.constant('fork'), branch: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('restart') }),
);

function bodyOf(host: string, port: number, shape: Shape): string {
  const lines = [
    'v=0',
    `o=x 1 1 IN IP4 ${host}`,
    's=-',
    `c=IN IP4 ${shape.zero ? '0.0.0.0' : host}`,
    't=0 0',
  ];
  for (let media = 0; media < shape.medias; media += 1) {
    const own = port + 100 * media;
    lines.push(`m=audio ${own} RTP/AVP 0`, `a=${shape.direction}`, `a=rtcp:${own + 1} IN IP4 ${host}`);
    if (shape.mux) lines.push('a=rtcp-mux');
    if (shape.ice) {
      lines.push('a=ice-ufrag:abcd', 'a=ice-pwd:0123456789012345678901');
      lines.push(`a=candidate:1 1 UDP 2130706431 ${host} ${own} typ host`);
    }
  }
  return sdp(...lines);
}

/** `replace=origin` takes the last place a party's address has in a body. */
const FLAGS = { replace: new Set(['origin'] as const) };

class Run {
  conversation = new Conversation();
  offerer: 'alice' | 'bob' = 'alice';
  branch: number | undefined;
  isAnswered = false;

  /** Returns the SDP the other party gets, if the move makes one. */
  play(move: Move): string | undefined {
    switch (move.kind) {
      case 'offer': {
        const side = this.isAnswered ? move.side : 'alice';
        this.offerer = side;
        const who = this.isAnswered
          ? { from: side, to: side === 'alice' ? 'bob' : 'alice' }
          : this.#branchOnly();
        return this.conversation.offer(bodyOf(HOSTS[side], move.port, move.shape), FLAGS, who);
      }
      case 'answer': {
        if (this.conversation.call === undefined) return undefined;
        const side = this.offerer === 'alice' ? 'bob' : 'alice';
        this.isAnswered = true;
        const who = { from: this.offerer, to: side };
        return this.conversation.answer(bodyOf(HOSTS[side], move.port, move.shape), FLAGS, who);
      }
      case 'fork': {
        if (this.isAnswered) return undefined;
        this.branch = move.branch;
        const shape: Shape = { direction: 'sendrecv', zero: false, mux: false, ice: false, medias: 1 };
        return this.conversation.offer(bodyOf(HOSTS.alice, 4000, shape), FLAGS, this.#branchOnly());
      }
      case 'restart': {
        const { call, plan } = this.conversation;
        if (call === undefined || plan === undefined) return undefined;
        const listed = {
          ...plan,
          streams: plan.streams.map((stream) => ({ ...stream, locals: this.#bound(stream.locals) })),
        };
        const read = decodeCall(plan.memo);
        expect(read).toBeDefined();
        if (read) this.conversation.call = withPorts(read, listed);
        return undefined;
      }
    }
  }

  #branchOnly() {
    return this.branch === undefined ? {} : { branch: `br${this.branch}` };
  }

  #bound<L extends { readonly id: number; port: number | null }>(locals: readonly L[]): L[] {
    const { plan } = this.conversation;
    const bound = new Map(plan ? this.conversation.bind(plan).map(({ local, port }) => [local, port]) : []);
    return locals.map((local) => ({ ...local, port: bound.get(local.id) ?? local.port }));
  }
}

const RUNS = { numRuns: 60 };

const sequences = fc.array(moves, { minLength: 1, maxLength: 14 });

describe('any sequence of offers, answers, forks and restarts', () => {
  test('never shows a party the address or the port of another', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const run = new Run();
        for (const move of sequence) {
          const told = run.play(move);
          if (told === undefined) continue;
          expect(told).not.toContain('198.51.100.');
          expect(told).not.toMatch(/candidate|ice-/);
          for (const [, port] of told.matchAll(/m=\w+ (\d+)/g)) {
            expect(Number(port) === 0 || Number(port) >= 30_000).toBe(true);
          }
        }
      }),
      RUNS,
    );
  });

  test('gives each address of a party the same ports again, as long as it does not move by itself', () => {
    fc.assert(
      fc.property(sequences, fc.constantFrom(4000, 4010), (sequence, port) => {
        const run = new Run();
        const shape: Shape = { direction: 'sendrecv', zero: false, mux: false, ice: false, medias: 1 };
        for (const move of sequence) run.play(move);
        run.play({ kind: 'answer', port: 5000, shape });
        const offer: Move = { kind: 'offer', side: 'alice', port, shape };
        const first = run.play(offer);
        run.play({ kind: 'offer', side: 'alice', port: 4444, shape });
        expect(mediaLine(run.play(offer))).toBe(mediaLine(first));
      }),
      RUNS,
    );
  });

  test('makes plans the data plane takes: ids are unique, routes lead somewhere, revisions grow', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const run = new Run();
        let revision = 0;
        const portOfLocal = new Map<number, number>();
        for (const move of sequence) {
          if (run.play(move) === undefined) continue;
          const { plan } = run.conversation;
          if (plan === undefined) continue;
          expect(plan.revision).toBeGreaterThan(revision);
          revision = plan.revision;
          const streams = plan.streams.map(({ id }) => id);
          const locals = plan.streams.flatMap((stream) => stream.locals);
          expect(new Set(streams).size).toBe(streams.length);
          expect(new Set(locals.map(({ id }) => id)).size).toBe(locals.length);
          for (const { locals: own } of plan.streams) expect(own.length).toBeGreaterThan(0);
          for (const { from, to } of plan.routes) expect(streams).toEqual(expect.arrayContaining([from, to]));
          expect(new Set(plan.routes.map(({ from, to }) => `${from} ${to}`)).size).toBe(plan.routes.length);
          for (const { id, port } of locals) {
            if (port === null) continue;
            expect(portOfLocal.get(id) ?? port).toBe(port);
            portOfLocal.set(id, port);
          }
        }
      }),
      RUNS,
    );
  });

  test('survives being written and read', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const run = new Run();
        for (const move of sequence) run.play(move);
        const { call } = run.conversation;
        if (call === undefined) return;
        expect(decodeCall(encodeCall(call))).toEqual(call);
        expect(planOf(call)).toEqual(planOf(call));
      }),
      RUNS,
    );
  });

  test('changes nothing when the last message comes again', () => {
    fc.assert(
      fc.property(sequences, moves, (sequence, last) => {
        const run = new Run();
        for (const move of sequence) run.play(move);
        if (last.kind === 'restart') return;
        const first = run.play(last);
        if (first === undefined) return;
        const before = run.conversation.call;
        expect(run.play(last)).toBe(first);
        const after = run.conversation.call;
        if (before && after) {
          const { memo: _, revision: __, ...planBefore } = planOf(before);
          const { memo: ___, revision: ____, ...planAfter } = planOf(after);
          expect(planAfter).toEqual(planBefore);
        }
      }),
      RUNS,
    );
  });
});

function mediaLine(body: string | undefined): string | undefined {
  return body?.split('\r\n').find((line) => line.startsWith('m='));
}
