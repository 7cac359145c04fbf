import { launchArguments } from './config/launch.js';
import { thisHost } from './config/load.js';
import { loadRtpproxy } from './config/rtpproxy/load.js';
import { describeMistake } from './config/value.js';
import { FEATURES, VERSION } from './control/rtpproxy/features.js';
import { version } from './version.js';

const WRONG_USAGE = 2;

process.exit(await main(process.argv.slice(2)));

/** Starts Tandem with rtpproxy's command line. `--print-launch` as in `rtpengine.ts`. */
async function main(words: readonly string[]): Promise<number> {
  const launching = words[0] === '--print-launch';
  const loaded = await loadRtpproxy(launching ? words.slice(1) : words, thisHost());
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
    case 'config': {
      if (launching) {
        for (const warning of loaded.warnings) process.stderr.write(`rtpproxy: ${warning}\n`);
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
      return runNode(loaded.config, { version: version(), file: 'from rtpproxy options' });
    }
  }
}
