import type { RelayEvent, RelayOutcomes } from '../call/relays.js';
import type { RelayOutcome, SessionPlan } from '../dataplane/protocol.gen.js';

/** Waits for what relays say of ports, so that it can be in the SDP; never for long, and only its own call does. */
export class Relays {
  readonly #waits = new Map<string, Wait>();
  readonly #patienceMs: number;

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs;
  }

  /**
   * To be called before the plan is applied: an answer may be quicker than the response. Resolves with what is known
   * when all have answered, or when patience ends; `cancel` ends it at once.
   */
  expect(plan: SessionPlan): { readonly outcomes: Promise<RelayOutcomes>; cancel(): void } | undefined {
    const locals = plan.streams.flatMap((stream) => stream.locals);
    const open = new Set(locals.filter(({ relay }) => relay && relay.rtp === null).map(({ id }) => id));
    if (open.size === 0) return undefined;
    const outcomes = new Map<number, RelayOutcome>();
    let finish = (): void => {};
    const promise = new Promise<RelayOutcomes>((resolve) => {
      finish = () => {
        clearTimeout(timer);
        this.#waits.delete(plan.session);
        resolve(outcomes);
      };
    });
    const timer = setTimeout(() => finish(), this.#patienceMs);
    this.#waits.set(plan.session, { open, outcomes, finish: () => finish() });
    return { outcomes: promise, cancel: () => finish() };
  }

  /** Takes in an answer, at once: the turn of its call is taken by who waits. */
  note({ session, local, outcome }: RelayEvent): void {
    const wait = this.#waits.get(session);
    if (wait === undefined || !wait.open.delete(local)) return;
    wait.outcomes.set(local, outcome);
    if (wait.open.size === 0) wait.finish();
  }
}

type Wait = {
  readonly open: Set<number>;
  readonly outcomes: Map<number, RelayOutcome>;
  readonly finish: () => void;
};

/** Longer than the data plane needs to give up on a server that does not answer, as a rule. */
const PATIENCE_MS = 2_000;
