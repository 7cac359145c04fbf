import type { BoundLocal, SessionPlan } from '../../../src/dataplane/protocol.gen.js';

/** Gives out ports in order and never one twice, so that a case can tell which sockets are which. */
export class FakeDataPlane {
  readonly #ports = new Map<number, number>();
  #next = 30_000;

  apply(plan: SessionPlan): BoundLocal[] {
    const locals = plan.streams.flatMap((stream) => stream.locals);
    const bound = locals.map(({ id, port, span }) => ({
      local: id,
      port: port ?? this.#ports.get(id) ?? this.#open(span),
    }));
    this.#ports.clear();
    for (const { local, port } of bound) this.#ports.set(local, port);
    return bound;
  }

  #open(span: 'pair' | 'single'): number {
    // A single port is of any parity: an odd one here, so that nobody can rely on even.
    const even = this.#next;
    this.#next += 2;
    return span === 'pair' ? even : even + 1;
  }
}

/** The plan as the data plane has it afterwards, every port known. */
export function withBoundPorts(plan: SessionPlan, bound: readonly BoundLocal[]): SessionPlan {
  const ports = new Map(bound.map(({ local, port }) => [local, port]));
  const streams = plan.streams.map((stream) => ({
    ...stream,
    locals: stream.locals.map((local) => ({ ...local, port: ports.get(local.id) ?? null })),
  }));
  return { ...plan, streams };
}
