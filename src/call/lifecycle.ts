import type { DeleteCommand } from '../command/command.js';
import type { Call } from './call.js';

export type Deletion =
  /** The whole call goes now. */
  | { readonly kind: 'call' }
  /** Parties went; the rest of the call goes on. */
  | { readonly kind: 'party'; readonly call: Call }
  /** Something goes later: see `nextDeadline`. */
  | { readonly kind: 'scheduled'; readonly call: Call }
  | { readonly kind: 'notFound' };

export function deleteParty(call: Call, command: DeleteCommand, now: number): Deletion {
  void call, void command, void now;
  return { kind: 'notFound' };
}

/** When `expire` has something to do, in milliseconds since the epoch: a scheduled deletion or the final timeout. */
export function nextDeadline(call: Call): number | undefined {
  void call;
  return undefined;
}

export type Expiry =
  | { readonly kind: 'call'; readonly reason: 'deleted' | 'finalTimeout' }
  | { readonly kind: 'party'; readonly call: Call }
  | { readonly kind: 'nothing' };

/** Carries out what is due. */
export function expire(call: Call, now: number): Expiry {
  void call, void now;
  return { kind: 'nothing' };
}
