import { suggestion } from './suggestion.js';

/** What the command line asks for. */
export type Arguments =
  | {
      readonly kind: ConfiguredKind;
      /** `undefined`: the configuration that comes with the program. */
      readonly configFile: string | undefined;
      readonly settings: readonly string[];
    }
  | { readonly kind: 'version' }
  | { readonly kind: 'help' }
  | { readonly kind: 'mistake'; readonly text: string };

/** What is done with a configuration; the last three are for `bin/tandem`. */
export type ConfiguredKind = 'run' | 'check' | 'launch' | 'pinDirectory' | 'fastPathStatus';

export function parseArguments(words: readonly string[]): Arguments {
  const rest = [...words];
  const settings: string[] = [];
  let kind: ConfiguredKind = 'run';
  let configFile: string | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [option, attached] = split(word);
    switch (option) {
      case '--help':
      case '-h':
        return { kind: 'help' };
      case '--version':
      case '-v':
        return { kind: 'version' };
      case '--check':
        kind = 'check';
        break;
      case '--print-launch':
        kind = 'launch';
        break;
      case '--print-pin-directory':
        kind = 'pinDirectory';
        break;
      case '--fast-path-status':
        kind = 'fastPathStatus';
        break;
      case '--config':
      case '--set': {
        const value = attached ?? rest.shift();
        if (value === undefined || value === '') return { kind: 'mistake', text: `${option} needs a value` };
        if (option === '--set') settings.push(value);
        else configFile = value;
        break;
      }
      default:
        return { kind: 'mistake', text: unknownOption(option) };
    }
  }
  return { kind, configFile, settings };
}

export const HELP = `Usage: tandem [--config FILE] [--set KEY=VALUE]...
       tandem fastpath status|clean [--config FILE] [--set KEY=VALUE]...

Relays the media of SIP calls for proxies that speak the ng protocol.

  --config FILE     configuration; without it the one that comes with the program (loopback only)
  --set KEY=VALUE   overrides one key, e.g. --set log.level=debug; may be given several times
  --check           says whether the configuration is fine, or all its mistakes, and ends
  --version         prints the version and ends
  --help            prints this and ends
  fastpath status   tells which way packets take in the running program (it needs listen.http), and why
  fastpath clean    removes from the kernel what a program that has died left relaying there

Every key can also be set by an environment variable: timeouts.mediaSeconds by TANDEM_TIMEOUTS_MEDIA_SECONDS.
`;

function unknownOption(option: string): string {
  const meant = suggestion(option, ['--config', '--set', '--check', '--version', '--help']);
  return `unknown option ${option}${meant === undefined ? '' : `, did you mean ${meant}?`}`;
}

/** `--config=x` → `--config`, `x`. */
function split(word: string): [option: string, attached: string | undefined] {
  const equals = word.startsWith('--') ? word.indexOf('=') : -1;
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}
