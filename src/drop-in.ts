import { launchArguments } from './config/launch.js';
import type { Config } from './config/schema.js';
import { version } from './version.js';

/** What another program's command line asks for, in our words. */
export type DropIn = {
  readonly config: Config;
  readonly daemon: {
    readonly foreground: boolean;
    readonly pidfile: string | null;
    readonly syslog: { readonly tag: string; readonly facility: string };
  };
  readonly warnings: readonly string[];
};

/** First word of a command line that wants to know how to launch, instead of running. */
const PRINT_LAUNCH = '--print-launch';

export function isLaunching(words: readonly string[]): boolean {
  return words[0] === PRINT_LAUNCH;
}

/** The words that are the other program's own. */
export function ownWords(words: readonly string[]): readonly string[] {
  return isLaunching(words) ? words.slice(1) : words;
}

/**
 * Prints what `bin/rtpengine` has to know, a line each (whether to stay in the foreground, the pid file, tag and facility of
 * syslog, then the
 * supervisor's arguments), or runs the control plane. Resolves with the exit code.
 */
export async function launchOrRun(
  program: 'rtpengine' | 'rtpproxy',
  launching: boolean,
  { config, daemon, warnings }: DropIn,
): Promise<number> {
  if (launching) {
    for (const warning of warnings) process.stderr.write(`${program}: ${warning}\n`);
    const { tag, facility } = daemon.syslog;
    const mode = daemon.foreground ? 'foreground' : 'daemon';
    process.stdout.write([mode, daemon.pidfile ?? '', tag, facility, ...launchArguments(config)].join('\n'));
    return 0;
  }
  const { runNode } = await import('./node.js');
  const signals = program === 'rtpengine' ? 'logLevel' : 'drain';
  return runNode(config, { version: version(), file: `from ${program} options`, signals });
}
