import { LOG_SUBSYSTEM_NAMES } from './command/log-subsystems.js';
import type { CliNode } from './control/cli/node.js';
import { LOG_LEVELS } from './control/cli/settings.js';
import type { Drain } from './service/drain.js';

/** What SIGUSR1 and SIGUSR2 are for: the second takes a drain back, or both change the log level as with rtpengine. */
export type SignalMeaning = 'drain' | 'logLevel';

export type ObeyingParts = {
  readonly drain: Pick<Drain, 'start' | 'stop'>;
  readonly operated: Pick<CliNode, 'logLevels'>;
  readonly meaning: SignalMeaning;
};

/** Obeys the signals that do not end the program. */
export function obeySignals({ drain, operated: { logLevels }, meaning }: ObeyingParts): void {
  const talk = (more: 1 | -1): void => {
    for (const name of LOG_SUBSYSTEM_NAMES) {
      const before = logLevels.current[name];
      const level = Math.min(LOG_LEVELS.max, Math.max(0, before + more));
      if (before >= 0 && level !== before) logLevels.change(name, level);
    }
  };
  process.on('SIGHUP', () => drain.start());
  // Without a listener SIGUSR1 would have Node listen for debuggers.
  process.on('SIGUSR1', meaning === 'logLevel' ? () => talk(-1) : () => {});
  process.on('SIGUSR2', meaning === 'logLevel' ? () => talk(1) : () => drain.stop());
}
