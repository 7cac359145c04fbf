import { detailRecord } from '../call/detail-record.js';
import type { DetailRecorder } from '../service/ports.js';
import { type Logger, RECORD_LEVEL } from './logger.js';

/** Writes call records beside the lines of a log, under a level of their own and whatever the log's level is. */
export function detailRecorder(logger: Logger): DetailRecorder {
  const records = logger.child({}, { level: 'record', customLevels: { record: RECORD_LEVEL } });
  return (call, reason, media, endedMs) =>
    records.record(detailRecord(call, reason, media, endedMs), 'call record');
}
