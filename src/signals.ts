import { LOG_SUBSYSTEM_NAMES } from './command/log-subsystems.js';
import { LOG_LEVELS } from './control/cli/settings.js';
import type { Events } from './observability/events.js';
import type { LogBook } from './observability/log-book.js';
import type { Drain } from './service/drain.js';

/** What SIGUSR1 and SIGUSR2 are for: the second takes a drain back, or both change the log level as with rtpengine. */
export type SignalMeaning = 'drain' | 'logLevel';

export type TalkingParts = {
  readonly logs: Pick<LogBook, 'current' | 'change'>;
  readonly events: Pick<Events, 'settingChanged'>;
};

export type ObeyingParts = TalkingParts & {
  readonly drain: Pick<Drain, 'start' | 'stop'>;
  readonly meaning: SignalMeaning;
};

/** Obeys the signals that do not end the program. */
export function obeySignals({ drain, meaning, ...parts }: ObeyingParts): void {
  process.on('SIGHUP', () => drain.start());
  // Without a listener SIGUSR1 would have Node listen for debuggers.
  process.on('SIGUSR1', meaning === 'logLevel' ? () => talk(parts, -1) : () => {});
  process.on('SIGUSR2', meaning === 'logLevel' ? () => talk(parts, 1) : () => drain.stop());
}

/** Has all parts of the log say more, or less. */
export function talk({ logs, events }: TalkingParts, more: 1 | -1): void {
  const before = logs.current;
  for (const name of LOG_SUBSYSTEM_NAMES) {
    const level = Math.min(LOG_LEVELS.max, Math.max(0, before[name] + more));
    if (before[name] >= 0 && level !== before[name]) logs.change(name, level);
  }
  if (logs.current !== before) events.settingChanged('log-level', logs.current.core);
}
