import type { Call } from '../call/call.js';

/** Gives out ids of legs, streams and locals of one call. They are never used twice. */
export type Ids = { take(): number; next(): number };

export function idsOf(call: Call): Ids {
  let next = call.nextId;
  return {
    take() {
      next += 1;
      return next - 1;
    },
    next: () => next,
  };
}
