import type { Difference } from '../support/oracle.js';

/** A difference from rtpengine 10.5 that is meant, with the reason. */
export type KnownDifference = {
  readonly reason: string;
  readonly matches: (difference: Difference) => boolean;
};

export const KNOWN_DIFFERENCES: Readonly<Record<string, KnownDifference>> = {};
