import type { CreatedMedia, MeshFlow, PartySelection } from '../../command/command.js';
import { DEFAULT_FLAGS, type MediaFlags } from '../../command/flags.js';
import type { SubscriptionWord } from './subscriptions.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** A command while its keys are read, one after the other. */
export type Draft = {
  readonly flags: Writable<MediaFlags>;
  readonly warnings: Warnings;
  callId?: string;
  fromTag?: string;
  toTag?: string;
  viaBranch?: string;
  sdp?: string;
  /** Selection of parties by commands that are not about SDP. */
  all?: Exclude<PartySelection['all'], undefined>;
  address?: string;
  toLabel?: string;
  /** Parties of `from-tags`. */
  fromTags: readonly string[];
  /** Call of the to-tag, if it is another one. */
  toCallId?: string;
  /** Of `create`. */
  medias: readonly CreatedMedia[];
  /** Of `mesh`. */
  calls: readonly string[];
  flows: readonly MeshFlow[];
  unsubscribes: boolean;
  /** For parties that know one side only. */
  interface?: string;
  readonly wishes: Set<SubscriptionWord>;
  directional: boolean;
  /** The request holds a flag string, which its client has not read. */
  hasFlagString: boolean;
  /** The client says that its to-tag counts. */
  toTagCounts: boolean;
  fatal: boolean;
  fast: boolean;
  /** A recording is not to end, but to wait. */
  pause: boolean;
  deleteDelaySeconds?: number;
  limit?: number;
  /** A line of the command line. */
  body?: string;
  supportsLoadLimit: boolean;
  /** Interfaces named one by one in a flag string so far. */
  directions: number;
  /** `SRTP`, `AVPF`, `DTLS` of a flag string: one bit each. */
  transportBits: number;
};

export function newDraft(): Draft {
  return {
    flags: { ...DEFAULT_FLAGS },
    warnings: new Warnings(),
    fromTags: [],
    medias: [],
    calls: [],
    flows: [],
    unsubscribes: false,
    wishes: new Set(),
    directional: false,
    hasFlagString: false,
    toTagCounts: false,
    fatal: false,
    fast: false,
    pause: false,
    supportsLoadLimit: false,
    directions: 0,
    transportBits: 0,
  };
}

/** What was not understood, for the log. Bounded: a datagram can hold thousands of unknown keys. */
export class Warnings {
  readonly list: string[] = [];
  /** Of these, what nobody can have meant. */
  readonly mistakes: string[] = [];

  unknownKey(key: string): void {
    this.add(`unknown key ${quoted(key)}`);
  }

  unknownFlag(flag: string): void {
    this.add(`unknown flag ${quoted(flag)}`);
  }

  unknownValue(key: string, value: string): void {
    this.add(`unknown value ${quoted(value)} of ${quoted(key)}`);
  }

  /** Part of the protocol, but of a feature that does not exist here. */
  noEffect(word: string): void {
    if (this.list.length < MAX_WARNINGS) this.list.push(`${quoted(word)} has no effect`);
  }

  add(warning: string): void {
    if (this.list.length >= MAX_WARNINGS) return;
    this.list.push(warning);
    this.mistakes.push(warning);
  }
}

function quoted(word: string): string {
  return JSON.stringify(word.length <= 60 ? word : `${word.slice(0, 60)}…`);
}

const MAX_WARNINGS = 20;
