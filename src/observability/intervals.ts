import type { CommandInterval, Extremes, IntervalStatistics } from '../command/reply.js';

/**
 * What happens from interval to interval: how long commands take, how many come in a second, how many calls there are.
 * `second` is to be called about once a second, with the
 * time of a clock that nobody sets.
 */
export class IntervalMeter {
  readonly #lengthMs: number;
  readonly #commands = new Map<string, Tally>();
  #sessions = newRange();
  #callSeconds = 0;
  #beganMs: number;
  #lookedMs: number;
  #last: IntervalStatistics = NO_INTERVAL;

  constructor(nowMs: number, lengthMs: number) {
    this.#lengthMs = lengthMs;
    this.#beganMs = nowMs;
    this.#lookedMs = nowMs;
  }

  /** The last interval that is over. */
  get last(): IntervalStatistics {
    return this.#last;
  }

  record(command: string, seconds: number): void {
    const tally = this.#commands.get(command) ?? { delays: newRange(), rates: newRange(), lately: 0 };
    this.#commands.set(command, tally);
    take(tally.delays, seconds);
    tally.lately += 1;
  }

  /** Looks at the second that has passed. True: with it an interval is over. */
  second(nowMs: number, sessions: number): boolean {
    const elapsed = Math.max(0, nowMs - this.#lookedMs) / 1000;
    this.#lookedMs = nowMs;
    take(this.#sessions, sessions);
    this.#callSeconds += sessions * elapsed;
    for (const tally of this.#commands.values()) {
      take(tally.rates, Math.round(tally.lately / Math.max(elapsed, SHORTEST_SECOND)));
      tally.lately = 0;
    }
    // Timers come a little early or late; the seconds of an interval are counted, not measured.
    if (nowMs - this.#beganMs < this.#lengthMs - HALF_A_SECOND_MS) return false;
    this.#last = this.#summary();
    this.#beganMs = nowMs;
    this.#callSeconds = 0;
    this.#sessions = newRange();
    for (const tally of this.#commands.values()) {
      tally.delays = newRange();
      tally.rates = newRange();
    }
    return true;
  }

  #summary(): IntervalStatistics {
    const commands = [...this.#commands].map(([name, { delays, rates }]): [string, CommandInterval] => {
      const { mean, ...rate } = extremes(rates);
      return [name, { delay: extremes(delays), rate: { ...rate, mean: Math.round(mean) } }];
    });
    return {
      callSeconds: this.#callSeconds,
      sessions: extremes(this.#sessions),
      commands: new Map(commands),
    };
  }
}

type Tally = {
  /** In seconds. */
  delays: Range;
  /** Per second. */
  rates: Range;
  /** Since the last second. */
  lately: number;
};

type Range = { min: number; max: number; total: number; samples: number };

function newRange(): Range {
  return { min: Number.POSITIVE_INFINITY, max: 0, total: 0, samples: 0 };
}

function take(range: Range, value: number): void {
  range.min = Math.min(range.min, value);
  range.max = Math.max(range.max, value);
  range.total += value;
  range.samples += 1;
}

function extremes({ min, max, total, samples }: Range): Extremes {
  return samples === 0 ? NOTHING : { min, max, mean: total / samples };
}

const NOTHING: Extremes = { min: 0, max: 0, mean: 0 };
/** What is told before the first interval is over. */
export const NO_INTERVAL: IntervalStatistics = { callSeconds: 0, sessions: NOTHING, commands: new Map() };
const HALF_A_SECOND_MS = 500;
/** In seconds: what two timers in a row say of a rate means nothing. */
const SHORTEST_SECOND = 0.5;
