import { decodeConfig } from '../decode.js';
import type { Host } from '../interfaces.js';
import { parseCommandLine } from '../rtpengine/command-line.js';
import { type RtpengineLoaded, surroundingsOf } from '../rtpengine/load.js';
import { withEnvironment } from '../variables.js';
import { RTPPROXY_OPTIONS } from './options.js';
import { translateRtpproxy } from './translate.js';

/** `features`: asked with `-v` for the protocol's versions. */
export type RtpproxyLoaded =
  | Exclude<RtpengineLoaded, { kind: 'version' | 'help' }>
  | { kind: 'version' | 'features' };

/** Reads rtpproxy's command line. */
export async function loadRtpproxy(words: readonly string[], host: Host): Promise<RtpproxyLoaded> {
  const given = parseCommandLine(words, { rules: RTPPROXY_OPTIONS, short: ONE_LETTER });
  if (given.options.has('V')) return { kind: 'version' };
  if (given.options.has('v')) return { kind: 'features' };
  const names = ['l', '6'].flatMap((name) => given.options.get(name) ?? []);
  const hosts = names.flatMap(({ value }) => value.split('/')).map((one) => one.replace(/^.*@|=.*$/g, ''));
  const translated = translateRtpproxy(given.options, await surroundingsOf(hosts));
  const withVariables = withEnvironment(translated.value, process.env);
  const decoded = decodeConfig(withVariables.value, host);
  const mistakes = [...given.mistakes, ...translated.mistakes, ...withVariables.mistakes];
  const all = mistakes.length > 0 ? mistakes : decoded.mistakes;
  if (all.length > 0) return { kind: 'mistakes', mistakes: all };
  return {
    kind: 'config',
    config: decoded.config,
    daemon: {
      syslog: { tag: 'rtpproxy', facility: 'daemon' },
      foreground: given.options.has('f') || given.options.has('nodaemon'),
      pidfile: given.options.get('p')?.at(-1)?.value ?? '/var/run/rtpproxy.pid',
    },
    warnings: translated.warnings,
  };
}

const ONE_LETTER: ReadonlyMap<string, string> = new Map(
  [...RTPPROXY_OPTIONS.keys()].filter((name) => name.length === 1).map((name) => [name, name]),
);
