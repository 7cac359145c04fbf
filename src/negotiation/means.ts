import type { MediaFlags } from '../command/flags.js';
import type { Draws } from './draws.js';
import type { Facts } from './facts.js';
import type { Ids } from './ids.js';

/** What a negotiation needs besides the parties and what they say. */
export type Means = {
  readonly flags: MediaFlags;
  readonly facts: Facts;
  readonly ids: Ids;
  readonly draws: Draws;
};
