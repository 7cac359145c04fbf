import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { availableParallelism, networkInterfaces } from 'node:os';
import { decodeConfig } from '../decode.js';
import type { Host } from '../interfaces.js';
import type { Config } from '../schema.js';
import type { Mistake } from '../value.js';
import { withEnvironment } from '../variables.js';
import { type Given, type GivenOptions, parseCommandLine } from './command-line.js';
import { type IniFile, parseIni } from './ini.js';
import { OPTIONS } from './options.js';
import { ADVERTISED, type Surroundings, splitList, translate } from './translate.js';

/** How the program is to run, besides what is configured. */
export type Daemon = {
  readonly foreground: boolean;
  readonly pidfile: string | null;
  /** How a daemon's log is named. */
  readonly syslog: { readonly tag: string; readonly facility: string };
};

export type RtpengineLoaded =
  | { readonly kind: 'version' | 'help' }
  | { readonly kind: 'mistakes'; readonly mistakes: readonly Mistake[] }
  | {
      readonly kind: 'config';
      readonly config: Config;
      readonly daemon: Daemon;
      readonly warnings: readonly string[];
    };

const DEFAULT_FILE = '/etc/rtpengine/rtpengine.conf';

/** Reads rtpengine's command line and configuration file; the command line wins. */
export async function loadRtpengine(words: readonly string[], host: Host): Promise<RtpengineLoaded> {
  const given = parseCommandLine(words);
  if (given.options.has('version')) return { kind: 'version' };
  if (given.options.has('help')) return { kind: 'help' };
  const file = readIni(given.options.get('config-file')?.at(-1));
  const section = given.options.get('config-section')?.at(-1)?.value ?? 'rtpengine';
  const fromFile = fileOptions(file.ini, section);
  const options: GivenOptions = new Map([...fromFile.options, ...given.options]);
  const translated = translate(
    options,
    file.ini,
    await surroundingsOf(namesIn(options, file.ini)),
    process.env,
  );
  const withVariables = withEnvironment(translated.value, process.env);
  const decoded = decodeConfig(withVariables.value, host);
  const mistakes = [
    ...given.mistakes,
    ...file.mistakes,
    ...missingParts(options),
    ...syslogMistakes(options),
    ...translated.mistakes,
    ...withVariables.mistakes,
  ];
  // Mistakes made before decoding would only be repeated by it in other words.
  const all = mistakes.length > 0 ? mistakes : decoded.mistakes;
  if (all.length > 0) return { kind: 'mistakes', mistakes: all };
  return {
    kind: 'config',
    config: decoded.config,
    daemon: {
      foreground: options.get('foreground')?.at(-1)?.value === 'true',
      pidfile: options.get('pidfile')?.at(-1)?.value ?? null,
      syslog: {
        tag: options.get('log-name')?.at(-1)?.value ?? 'rtpengine',
        facility: options.get('log-facility')?.at(-1)?.value ?? 'daemon',
      },
    },
    warnings: [...fromFile.warnings, ...translated.warnings],
  };
}

function missingParts(options: GivenOptions): Mistake[] {
  const mistakes: Mistake[] = [];
  const refuse = (text: string): void => void mistakes.push({ where: 'command line', path: '', text });
  if (!options.has('interface') && !options.has('interfaces-config')) refuse('--interface is missing');
  const listeners = ['listen-ng', 'listen-tcp-ng', 'listen-udp', 'listen-tcp', 'listen-http', 'listen-https'];
  if (!listeners.some((name) => options.has(name))) refuse('none of --listen-ng, --listen-tcp-ng is given');
  return mistakes;
}

/** They become words of a shell. */
function syslogMistakes(options: GivenOptions): Mistake[] {
  const facility = options.get('log-facility')?.at(-1);
  const tag = options.get('log-name')?.at(-1);
  const mistakes: Mistake[] = [];
  if (facility !== undefined && !FACILITY.test(facility.value))
    mistakes.push({ where: facility.where, path: '', text: `${facility.value} is no facility of syslog` });
  if (tag !== undefined && !/^[\w.-]{1,48}$/.test(tag.value))
    mistakes.push({ where: tag.where, path: '', text: `${tag.value} is no name of letters, digits, . - _` });
  return mistakes;
}

function readIni(named: Given | undefined): { ini: IniFile; mistakes: readonly Mistake[] } {
  const empty: IniFile = { sections: new Map(), unreadable: [] };
  const path = named?.value ?? DEFAULT_FILE;
  if (path === 'none') return { ini: empty, mistakes: [] };
  try {
    const ini = parseIni(readFileSync(path, 'utf8'));
    const mistakes = ini.unreadable.map((line) => ({
      where: `${path}:${line}`,
      path: '',
      text: 'not KEY = VALUE',
    }));
    return { ini, mistakes };
  } catch (error) {
    if (named === undefined) return { ini: empty, mistakes: [] };
    const reason = error instanceof Error ? error.message : String(error);
    return { ini: empty, mistakes: [{ where: named.where, path: '', text: `cannot be read: ${reason}` }] };
  }
}

/** The options of a section; unknown keys are ignored with a warning, as rtpengine ignores them. */
function fileOptions(
  ini: IniFile,
  section: string,
): { options: Map<string, readonly Given[]>; warnings: readonly string[] } {
  const options = new Map<string, readonly Given[]>();
  const warnings: string[] = [];
  for (const { key, value, line } of ini.sections.get(section) ?? []) {
    const where = `[${section}] line ${line}: ${key}`;
    const rule = OPTIONS.get(key);
    if (rule === undefined) warnings.push(`${where} is not known and ignored`);
    else if (rule.takes === 'list') {
      const items = splitList(value).map((item) => ({ value: item, where }));
      options.set(key, [...(options.get(key) ?? []), ...items]);
    } else options.set(key, [{ value: value.trim(), where }]);
  }
  return { options, warnings };
}

/** The machine, with the addresses of these hosts or devices. */
export async function surroundingsOf(names: readonly string[]): Promise<Surroundings> {
  const devices = new Map<string, string[]>();
  for (const [device, entries] of Object.entries(networkInterfaces())) {
    const usable = (entries ?? []).filter(({ address }) => !address.startsWith('fe80:'));
    devices.set(
      device,
      usable.map(({ address }) => address),
    );
  }
  const all = [...devices.values()].flat();
  const hosts = await resolveAll(names.filter((name) => isHostName(name) && !devices.has(name)));
  return {
    addressesOf: (name) =>
      name === 'any'
        ? all.filter((address) => !address.startsWith('127.') && address !== '::1')
        : (devices.get(name) ?? hosts.get(name) ?? []),
    ownAddresses: all,
    cores: availableParallelism(),
  };
}

/** Everything that stands where an address may stand; asking for one too many does no harm. */
function namesIn(options: GivenOptions, ini: IniFile): string[] {
  const listeners = ['ng', 'tcp-ng', 'http', 'https', 'cli', 'udp', 'tcp'].map((name) => `listen-${name}`);
  const written = ['interface', ...listeners].flatMap((name) => options.get(name) ?? []);
  const keys: readonly string[] = ['address', ...ADVERTISED];
  const addresses = [...ini.sections.values()].flat().filter(({ key }) => keys.includes(key));
  return [...written, ...addresses].flatMap(({ value }) =>
    value
      .replace(/^[^/!]*\//, '')
      .split('!')
      .map((name) => name.replace(/:\d+$/, '')),
  );
}

function isHostName(name: string): boolean {
  return /^[a-z][a-z0-9.-]*$/i.test(name) && name !== 'any';
}

async function resolveAll(names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const resolved = await Promise.all(
    names.map(async (name): Promise<[string, string[]]> => {
      const found = await lookup(name, { all: true }).catch(() => []);
      return [name, found.map(({ address }) => address)];
    }),
  );
  return new Map(resolved);
}

const FACILITY = /^(?:auth|authpriv|cron|daemon|ftp|kern|lpr|mail|news|syslog|user|uucp|local[0-7])$/;
