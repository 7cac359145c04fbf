import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { LogConfig } from '../config/schema.js';

export type { Logger } from 'pino';

/** Logs to standard error: one JSON document or one readable line each. */
export function createLogger(
  { level, format, timestamps = true }: Pick<LogConfig, 'level' | 'format'> & Partial<LogConfig>,
  output = stderr(),
): Logger {
  const options = { level, base: null, timestamp: timestamps ? stdTimeFunctions.isoTime : false };
  return pino(options, format === 'json' ? output : readable(output));
}

function stderr(): DestinationStream {
  return destination({ dest: 2, sync: true });
}

/** `2026-11-21T06:30:00.123Z info call created callId=abc@host` */
function readable(output: DestinationStream): DestinationStream {
  return {
    write: (line) => {
      output.write(`${readableLine(line)}\n`);
    },
  };
}

export function readableLine(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const name = LEVELS.get(Number(level)) ?? String(level);
  const shown = Object.entries(fields).map(([key, value]) => `${key}=${fieldText(value)}`);
  const when = time === undefined ? [] : [String(time)];
  return [...when, name, printable(String(msg ?? '')), ...shown].join(' ');
}

function fieldText(value: unknown): string {
  if (typeof value !== 'string') return printable(JSON.stringify(value));
  return /^[\x21-\x7e]+$/.test(value) && !value.includes('"') ? value : printable(JSON.stringify(value));
}

/** Text from the network must not be able to forge lines of its own or move the cursor. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Of call records: neither news nor trouble. */
export const RECORD_LEVEL = 35;

const LEVELS: ReadonlyMap<number, string> = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [RECORD_LEVEL, 'record'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
]);
