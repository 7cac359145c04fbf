import { thisHost } from './config/load.js';
import { loadRtpengine } from './config/rtpengine/load.js';
import { OPTIONS } from './config/rtpengine/options.js';
import { describeMistake } from './config/value.js';
import { isLaunching, launchOrRun, ownWords } from './drop-in.js';
import { version } from './version.js';

const WRONG_USAGE = 2;

process.exit(await main(process.argv.slice(2)));

/** Starts Tandem with rtpengine's command line; `--print-launch` first: see `launchOrRun`. */
async function main(words: readonly string[]): Promise<number> {
  const loaded = await loadRtpengine(ownWords(words), thisHost());
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
    case 'config':
      return launchOrRun('rtpengine', isLaunching(words), loaded);
  }
}

function usage(): string {
  const lines = [...OPTIONS].map(([name, { short, takes, fate }]) => {
    const option = `${short === undefined ? '   ' : `-${short},`} --${name}${takes === 'flag' ? '' : '=VALUE'}`;
    return fate === 'used' ? `  ${option}` : `  ${option.padEnd(44)} (no effect)`;
  });
  return `Usage: rtpengine [OPTION]...\n\n${lines.join('\n')}\n`;
}
