import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { showTransportAddress } from './config/addresses.js';
import { HELP, parseArguments } from './config/arguments.js';
import { launchArguments } from './config/launch.js';
import { loadConfig } from './config/load.js';
import type { Config } from './config/schema.js';
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
    case 'launch':
    case 'pinDirectory':
    case 'fastPathStatus': {
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
      if (wanted.kind === 'pinDirectory') {
        process.stdout.write(`${loaded.config.fastPath.pinDirectory}\n`);
        return 0;
      }
      if (wanted.kind === 'fastPathStatus') return printFastPathStatus(loaded.config);
      // Loaded only now: a check or a launch has no use for it, and start-up is counted in tenths of a second.
      const { runNode } = await import('./node.js');
      return runNode(loaded.config, { version: version(), file, signals: 'drain' });
    }
  }
}

async function printFastPathStatus({ listen }: Config): Promise<number> {
  const [address] = listen.http;
  if (address === undefined) {
    process.stderr.write('tandem: listen.http is empty: there is nobody to ask\n');
    return WRONG_USAGE;
  }
  try {
    const response = await fetch(`http://${showTransportAddress(address)}/fast-path`);
    process.stdout.write(`${JSON.stringify(await response.json(), null, 2)}\n`);
    return response.ok ? 0 : 1;
  } catch (error) {
    process.stderr.write(`tandem: nobody answers on ${showTransportAddress(address)}: ${String(error)}\n`);
    return 1;
  }
}

function defaultFile(): string {
  const file = fileURLToPath(new URL('../config/default.yaml', import.meta.url));
  const fromHere = relative(process.cwd(), file);
  return fromHere.startsWith('..') ? file : fromHere;
}
