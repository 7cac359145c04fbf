import type { CliNode } from './control/cli/node.js';
import { LOG_LEVELS } from './control/cli/settings.js';
import type { Drain } from './service/drain.js';

/** What SIGUSR1 and SIGUSR2 are for: the second takes a drain back, or both change the log level as with rtpengine. */
export type SignalMeaning = 'drain' | 'logLevel';

export type ObeyingParts = {
  readonly drain: Pick<Drain, 'start' | 'stop'>;
  readonly operated: Pick<CliNode, 'settings'>;
  readonly meaning: SignalMeaning;
};

/** Obeys the signals that do not end the program. */
export function obeySignals({ drain, operated: { settings }, meaning }: ObeyingParts): void {
  const talk = (more: 1 | -1): void => {
    const level = Math.min(LOG_LEVELS.max, Math.max(LOG_LEVELS.min, settings.current.loglevel + more));
    if (level !== settings.current.loglevel) settings.change('loglevel', level);
  };
  process.on('SIGHUP', () => drain.start());
  // Without a listener SIGUSR1 would have Node listen for debuggers.
  process.on('SIGUSR1', meaning === 'logLevel' ? () => talk(-1) : () => {});
  process.on('SIGUSR2', meaning === 'logLevel' ? () => talk(1) : () => drain.stop());
}
