import type { LoadLimits } from '../command/load.js';
import { finish, optionalInteger, optionalNumber, type Section } from './fields.js';

/** The section `limits`. */
export function decodeLoadLimits(limits: Section): LoadLimits {
  const decoded = {
    loadAverage: optionalNumber(limits, 'loadAverage', LOAD_AVERAGE),
    cpuPercent: optionalNumber(limits, 'cpuPercent', CPU_PERCENT),
    bytesPerSecond: optionalInteger(limits, 'bytesPerSecond', BYTES_PER_SECOND, null),
  };
  finish(limits, OTHER_NAMES);
  return decoded;
}

const LOAD_AVERAGE = { min: 0.01, max: 10_000, what: 'a load average' };
const CPU_PERCENT = { min: 1, max: 100, what: 'a percentage' };
const BYTES_PER_SECOND = {
  min: 1,
  max: 1_000_000_000_000,
  what: 'a number of bytes',
  none: 'off',
} as const;

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['max-sessions', 'maxSessions at the top level'],
  ['maxsessions', 'maxSessions at the top level'],
]);
