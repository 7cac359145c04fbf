import { launchArguments } from './config/launch.js';
import { thisHost } from './config/load.js';
import { loadRtpengine } from './config/rtpengine/load.js';
import { OPTIONS } from './config/rtpengine/options.js';
import { describeMistake } from './config/value.js';
import { version } from './version.js';

const WRONG_USAGE = 2;

process.exit(await main(process.argv.slice(2)));

/**
 * Starts Tandem with rtpengine's command line. With `--print-launch` first, prints what `bin/rtpengine` has to know,
 * a line each: whether to stay in the foreground, the pid file, then the supervisor's arguments.
 */
async function main(words: readonly string[]): Promise<number> {
  const launching = words[0] === '--print-launch';
  const loaded = await loadRtpengine(launching ? words.slice(1) : words, thisHost());
  switch (loaded.kind) {
    case 'version':
      process.stdout.write(`Version: ${version()}\n`);
      return 0;
    case 'help':
      process.stdout.write(usage());
      return 0;
    case 'mistakes':
      process.stderr.write('rtpengine: Bad command line:\n');
      for (const mistake of loaded.mistakes) process.stderr.write(`${describeMistake(mistake)}\n`);
      return WRONG_USAGE;
    case 'config': {
      if (launching) {
        for (const warning of loaded.warnings) process.stderr.write(`rtpengine: ${warning}\n`);
        const { foreground, pidfile } = loaded.daemon;
        const lines = [
          foreground ? 'foreground' : 'daemon',
          pidfile ?? '',
          ...launchArguments(loaded.config),
        ];
        process.stdout.write(lines.join('\n'));
        return 0;
      }
      const { runNode } = await import('./node.js');
      return runNode(loaded.config, { version: version(), file: 'from rtpengine options' });
    }
  }
}

function usage(): string {
  const lines = [...OPTIONS].map(([name, { short, takes, fate }]) => {
    const option = `${short === undefined ? '   ' : `-${short},`} --${name}${takes === 'flag' ? '' : '=VALUE'}`;
    return fate === 'used' ? `  ${option}` : `  ${option.padEnd(44)} (no effect)`;
  });
  return `Usage: rtpengine [OPTION]...\n\n${lines.join('\n')}\n`;
}
