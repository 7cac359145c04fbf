import { thisHost } from './config/load.js';
import { loadRtpproxy } from './config/rtpproxy/load.js';
import { describeMistake } from './config/value.js';
import { FEATURES, VERSION } from './control/rtpproxy/features.js';
import { isLaunching, launchOrRun, ownWords } from './drop-in.js';
import { version } from './version.js';

const WRONG_USAGE = 2;

process.exit(await main(process.argv.slice(2)));

/** Starts Tandem with rtpproxy's command line. `--print-launch` first: see `launchOrRun`. */
async function main(words: readonly string[]): Promise<number> {
  const loaded = await loadRtpproxy(ownWords(words), thisHost());
  switch (loaded.kind) {
    case 'version':
      process.stdout.write(`${version()}\n`);
      return 0;
    case 'features':
      process.stdout.write(
        [`Basic version: ${VERSION}`, ...[...FEATURES].map((date) => `Extension ${date}`), ''].join('\n'),
      );
      return 0;
    case 'mistakes':
      for (const mistake of loaded.mistakes) process.stderr.write(`rtpproxy: ${describeMistake(mistake)}\n`);
      return WRONG_USAGE;
    case 'config':
      return launchOrRun('rtpproxy', isLaunching(words), loaded);
  }
}
