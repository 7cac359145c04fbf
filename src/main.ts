import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HELP, parseArguments } from './config/arguments.js';
import { launchArguments } from './config/launch.js';
import { loadConfig } from './config/load.js';
import { describeMistake } from './config/value.js';
import { version } from './version.js';

const WRONG_USAGE = 2;

process.exit(await main(process.argv.slice(2)));

/** Resolves with the exit code. */
async function main(words: readonly string[]): Promise<number> {
  const wanted = parseArguments(words);
  switch (wanted.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'version':
      process.stdout.write(`tandem ${version()}\n`);
      return 0;
    case 'mistake':
      process.stderr.write(`tandem: ${wanted.text}\n`);
      return WRONG_USAGE;
    case 'run':
    case 'check':
    case 'launch': {
      const file = wanted.configFile ?? process.env.TANDEM_CONFIG ?? defaultFile();
      const loaded = loadConfig({ file, environment: process.env, settings: wanted.settings });
      if (loaded.kind === 'mistakes') {
        for (const mistake of loaded.mistakes) process.stderr.write(`${describeMistake(mistake)}\n`);
        return WRONG_USAGE;
      }
      if (wanted.kind === 'check') {
        process.stdout.write('configuration ok\n');
        return 0;
      }
      if (wanted.kind === 'launch') {
        process.stdout.write(launchArguments(loaded.config).join('\n'));
        return 0;
      }
      // Loaded only now: a check or a launch has no use for it, and start-up is counted in tenths of a second.
      const { runNode } = await import('./node.js');
      return runNode(loaded.config, { version: version(), file });
    }
  }
}

function defaultFile(): string {
  const file = fileURLToPath(new URL('../config/default.yaml', import.meta.url));
  const fromHere = relative(process.cwd(), file);
  return fromHere.startsWith('..') ? file : fromHere;
}
