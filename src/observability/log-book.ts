import type { LogLevels, LogSubsystem } from '../command/log-subsystems.js';
import type { LogConfig, LogLevel } from '../config/schema.js';
import type { Logger } from './logger.js';

type Line = (fields: object, text: string) => void;

/** Where lines of events go. */
export type Lines = Readonly<Record<'error' | 'warn' | 'info' | 'debug', Line>> & {
  /** The lines of a part of the log; absent: it has none. */
  readonly of?: (subsystem: LogSubsystem) => Lines;
  /** There will be no more lines of this call. */
  readonly over?: (callId: string) => void;
};

/** The log by its subsystems, each with a level of its own, and calls of which everything is told whatever the level. */
export class LogBook {
  readonly start: LogLevels;
  readonly #loggers: Readonly<Record<LogSubsystem, Logger>>;
  readonly #everything: Logger;
  readonly #watched = new Set<string>();
  #current: LogLevels;

  constructor(logger: Logger, { level, levels }: Pick<LogConfig, 'level' | 'levels'>) {
    const numbers = mapped((name) => {
      const own = levels.get(name);
      if (own === undefined && name === 'internals') return NOTHING;
      return SYSLOG_LEVELS[own ?? level];
    });
    this.start = numbers;
    this.#current = numbers;
    this.#loggers = mapped((name) => logger.child({}, { level: levelOf(numbers[name]) }));
    this.#everything = logger.child({}, { level: 'trace' });
  }

  get current(): LogLevels {
    return this.#current;
  }

  change(subsystem: LogSubsystem, level: number): void {
    this.#current = { ...this.#current, [subsystem]: level };
    this.#loggers[subsystem].level = levelOf(level);
  }

  logger(subsystem: LogSubsystem): Logger {
    return this.#loggers[subsystem];
  }

  /** Everything is told of this call from now on, or no longer. */
  watch(callId: string, on: boolean): void {
    this.#watched.delete(callId);
    if (on) this.#watched.add(callId);
    // Calls of other nodes may be over without a word here.
    if (this.#watched.size > MOST_WATCHED) this.#watched.delete([...this.#watched][0] ?? '');
  }

  /** What is told with a call's ID is told of the call. */
  lines(subsystem: LogSubsystem = 'core'): Lines {
    const to = (level: 'error' | 'warn' | 'info' | 'debug'): Line => {
      const logger = this.#loggers[subsystem];
      return (fields, text) => (this.#isWatched(fields) ? this.#everything : logger)[level](fields, text);
    };
    const lines = { error: to('error'), warn: to('warn'), info: to('info'), debug: to('debug') };
    return { ...lines, of: (other) => this.lines(other), over: (callId) => this.watch(callId, false) };
  }

  #isWatched(fields: object): boolean {
    if (this.#watched.size === 0 || !('callId' in fields)) return false;
    return typeof fields.callId === 'string' && this.#watched.has(fields.callId);
  }
}

function mapped<T>(value: (name: LogSubsystem) => T): Readonly<Record<LogSubsystem, T>> {
  return {
    ...{ core: value('core'), spandsp: value('spandsp'), ffmpeg: value('ffmpeg'), dtx: value('dtx') },
    ...{ transcoding: value('transcoding'), codec: value('codec'), rtcp: value('rtcp'), ice: value('ice') },
    ...{ crypto: value('crypto'), srtp: value('srtp'), internals: value('internals') },
    ...{ http: value('http'), control: value('control') },
  };
}

/** The most talkative of ours that is not more talkative than asked. */
function levelOf(syslog: number): LogLevel | 'silent' {
  if (syslog < 0) return 'silent';
  if (syslog <= SYSLOG_LEVELS.error) return 'error';
  if (syslog < SYSLOG_LEVELS.info) return 'warn';
  if (syslog < SYSLOG_LEVELS.debug) return 'info';
  return syslog < SYSLOG_LEVELS.trace ? 'debug' : 'trace';
}

const MOST_WATCHED = 256;
const NOTHING = -1;
/** Syslog has no number for the last one. */
const SYSLOG_LEVELS: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7, trace: 8 };
