import type { RecordingDestination } from '../../command/flags.js';
import type { ReadKey } from './key-readers.js';
import { text } from './value.js';

/** Where a recording is to be written. */
export function recordingText(field: keyof RecordingDestination): ReadKey {
  return (draft, value, key) => {
    const read = text(value);
    if (read === undefined || read === '') draft.warnings.unknownValue(key, 'no text');
    else draft.flags.recordingDestination = { ...draft.flags.recordingDestination, [field]: read };
  };
}

/** `stop recording` with it pauses; elsewhere it has a meaning of its own that does not exist here. */
export const readPause: ReadKey = (draft, value) => {
  if (['yes', 'on', 'true'].includes(text(value) ?? '')) draft.pause = true;
};
