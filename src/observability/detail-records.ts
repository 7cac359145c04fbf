import { detailLine } from '../call/detail-line.js';
import { detailRecord } from '../call/detail-record.js';
import type { KeyPress } from '../call/keys.js';
import { KEYPAD } from '../command/flags.js';
import type { DetailRecorder } from '../service/ports.js';
import { type Logger, RECORD_LEVEL } from './logger.js';

/** Of call records: fields of a log line, or rtpengine's line. */
export type RecordForm = 'fields' | 'commas';

/** Writes keys that parties press beside the lines of a log, whatever the log's level is. */
export function keyRecorder(logger: Logger): { tellKey(press: KeyPress): void; close(): void } {
  const records = logger.child({}, { level: 'record', customLevels: { record: RECORD_LEVEL } });
  return {
    tellKey: ({ callId, tag, event, durationMs, volume }) =>
      records.record({ callId, tag, key: KEYPAD[event] ?? event, durationMs, volume }, 'key'),
    close() {},
  };
}

/** Writes call records beside the lines of a log, under a level of their own and whatever the log's level is. */
export function detailRecorder(logger: Logger, form: RecordForm): DetailRecorder {
  const records = logger.child({}, { level: 'record', customLevels: { record: RECORD_LEVEL } });
  switch (form) {
    case 'fields':
      return (...end) => records.record(detailRecord(...end), 'call record');
    case 'commas':
      return (...end) => records.record(detailLine(...end));
  }
}
