import type { MediaFlags } from '../../command/flags.js';
import type { Draft } from './draft.js';
import type { AddWord } from './lists.js';
import { table } from './spelling.js';
import { integer, text, type Value, words } from './value.js';

/** Reads the value of one key into the draft; a value without meaning leaves a warning. */
export type ReadKey = (draft: Draft, value: Value, key: string) => void;

type DraftText =
  | 'callId'
  | 'fromTag'
  | 'toTag'
  | 'viaBranch'
  | 'sdp'
  | 'address'
  | 'toLabel'
  | 'interface'
  | 'toCallId'
  | 'body';

export function draftText(field: DraftText): ReadKey {
  return (draft, value, key) => {
    const read = text(value);
    if (read === undefined) draft.warnings.unknownValue(key, 'no text');
    else draft[field] = read;
  };
}

type FlagText =
  | 'label'
  | 'setLabel'
  | 'metadata'
  | 'xmlrpcCallback'
  | 'dtmfLogDestination'
  | 'fromInterface'
  | 'toInterface'
  | 'inboundPeer'
  | 'outboundPeer'
  | 'mediaAddress'
  | 'transportProtocol'
  | 'dtlsFingerprint';

export function flagText(field: FlagText): ReadKey {
  return (draft, value, key) => {
    const read = text(value);
    if (read === undefined) draft.warnings.unknownValue(key, 'no text');
    else draft.flags[field] = read;
  };
}

export function flagInteger(
  field: 'sipCode' | 'ptimeMs' | 'ptimeReverseMs',
  valid: (number: number) => boolean,
): ReadKey {
  return (draft, value, key) => {
    const read = integer(value);
    if (read === undefined || !valid(read)) draft.warnings.unknownValue(key, text(value) ?? 'no number');
    else draft.flags[field] = read;
  };
}

type Choice<T> = readonly [spellings: string | readonly string[], value: T];

/** One word of several; of a list, the last that is known. `null` returns to the default. */
export function choice<K extends keyof MediaFlags>(
  field: K,
  ...choices: readonly Choice<NonNullable<MediaFlags[K]> | null>[]
): ReadKey {
  const known = table<NonNullable<MediaFlags[K]> | null>(...choices);
  return (draft, value, key) => {
    for (const word of words(value)) {
      const chosen = known.get(word);
      if (chosen === undefined) draft.warnings.unknownValue(key, word);
      else if (chosen === null) delete draft.flags[field];
      else draft.flags[field] = chosen;
    }
  };
}

export function wordList(add: AddWord): ReadKey {
  return (draft, value, key) => {
    for (const word of words(value)) {
      if (!add(draft, word)) draft.warnings.unknownValue(key, word);
    }
  };
}
