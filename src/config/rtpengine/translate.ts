import { LOG_SUBSYSTEM_NAMES } from '../../command/log-subsystems.js';
import { familyOf } from '../addresses.js';
import { type Mistake, putAt, type Value } from '../value.js';
import type { Environment } from '../variables.js';
import type { Given, GivenOptions } from './command-line.js';
import type { IniFile } from './ini.js';
import { OPTIONS } from './options.js';
import { putRecording } from './recording.js';
import { putRedis } from './redis.js';

/** What translation has to know of the machine. */
export type Surroundings = {
  /** Addresses behind a device or host name; `any`: all but loopback. Empty if there is no such name. */
  addressesOf(name: string): readonly string[];
  /** Every address a wildcard listener stands for. */
  readonly ownAddresses: readonly string[];
  readonly cores: number;
};

export type Translated = {
  /** The configuration as if it had been written in YAML; each value knows its option. */
  readonly value: Value;
  readonly warnings: readonly string[];
  readonly mistakes: readonly Mistake[];
};

/** Says in Tandem's configuration what rtpengine's options say. */
export function translate(
  options: GivenOptions,
  file: IniFile,
  around: Surroundings,
  environment: Environment = {},
): Translated {
  const mistakes: Mistake[] = [];
  const warnings = [...options].flatMap(([name, given]) => describeFate(name, given));
  const root = new Map<string, Value>();
  const put = (
    name: string,
    key: string,
    convert: (value: string) => number | string | boolean | null | undefined,
  ): void => {
    const given = options.get(name)?.at(-1);
    if (given === undefined) return;
    const converted = convert(given.value);
    if (converted !== undefined) putAt(root, key.split('.'), scalar(given.where, converted));
  };

  putAt(root, ['listen', 'ng'], listeners(options.get('listen-ng') ?? [], around, mistakes));
  putAt(root, ['listen', 'ngTcp'], listeners(options.get('listen-tcp-ng') ?? [], around, mistakes));
  putAt(root, ['listen', 'http'], listeners(options.get('listen-http') ?? [], around, mistakes));
  putAt(root, ['listen', 'https'], listeners(options.get('listen-https') ?? [], around, mistakes));
  putAt(root, ['listen', 'cli'], listeners(options.get('listen-cli') ?? [], around, mistakes));
  put('https-cert', 'http.certificate', (value) => value);
  put('https-key', 'http.privateKey', (value) => value);
  putAt(root, ['listen', 'rtpproxy'], rtpproxyListeners(options, around, mistakes));
  root.set('interfaces', interfaces(options, file, around, mistakes));
  put('port-min', 'portMin', number);
  put('port-max', 'portMax', number);
  put('tos', 'tos', number);
  put('control-tos', 'controlTos', number);
  put('endpoint-learning', 'endpointLearning', (value) => value);
  put('sip-source', 'sipSource', (value) => value === 'true');
  put('timeout', 'timeouts.mediaSeconds', aboveZero);
  put('silent-timeout', 'timeouts.silentSeconds', aboveZero);
  put('offer-timeout', 'timeouts.offerSeconds', aboveZero);
  put('final-timeout', 'timeouts.finalSeconds', (value) => aboveZero(value) ?? 'off');
  put('delete-delay', 'deleteDelaySeconds', number);
  put('rtcp-interval', 'rtcpIntervalMs', number);
  put('dtmf-digit-delay', 'keyGapMs', number);
  put('max-sessions', 'maxSessions', (value) => (Number(value) < 0 ? 'off' : number(value)));
  put('max-load', 'limits.loadAverage', limit);
  put('max-cpu', 'limits.cpuPercent', limit);
  put('max-bandwidth', 'limits.bytesPerSecond', limit);
  put('num-threads', 'dataPlane.shards', (value) => {
    const threads = aboveZero(value);
    return typeof threads === 'number' ? Math.min(threads, around.cores) : threads;
  });
  if (options.has('b2b-url')) putAt(root, ['notify', 'xmlrpc', 'format'], scalar('--xmlrpc-format', 'sems'));
  put('b2b-url', 'notify.xmlrpc.url', (value) => value);
  put('xmlrpc-format', 'notify.xmlrpc.format', (value) => XMLRPC_FORMATS[Number(value)] ?? value);
  put('dtmf-log-dest', 'notify.dtmf.udp', (value) => value);
  put('dtmf-log-ng-tcp', 'notify.dtmf.ngTcp', (value) => value === 'true');
  if (options.has('graphite')) putAt(root, ['graphite', 'intervalSeconds'], scalar('--graphite-interval', 1));
  put('graphite', 'graphite.server', (value) => value);
  put('graphite-interval', 'graphite.intervalSeconds', aboveZero);
  put('graphite-prefix', 'graphite.prefix', (value) => value);
  put('graphite-timeout', 'graphite.timeoutSeconds', aboveZero);
  put('log-level', 'log.level', logLevel);
  for (const name of LOG_SUBSYSTEM_NAMES) put(`log-level-${name}`, `log.levels.${name}`, logLevel);
  put('no-log-timestamps', 'log.timestamps', (value) => value !== 'true');
  put('log-facility-dtmf', 'notify.dtmf.log', () => true);
  put('log-facility-cdr', 'log.callRecords', () => true);
  put('log-facility-cdr', 'log.callRecordForm', () => 'commas');
  warnings.push(...putRecording(root, options));
  const redis = putRedis(root, options, environment);
  warnings.push(...redis.warnings);
  mistakes.push(...redis.mistakes);
  put('dtls-cert-cipher', 'dtls.key', (value) => certificateKey(value, options));
  for (const name of ['templates', 'signalling-templates']) {
    const section = options.get(name)?.at(-1);
    if (section === undefined) continue;
    const entries = file.sections.get(section.value);
    if (entries === undefined) mistakes.push(mistake(section, `there is no section [${section.value}]`));
    for (const { key, value, line } of entries ?? [])
      putAt(root, ['templates', key], scalar(`line ${line}`, value));
  }
  if (options.get('dtls-passive')?.at(-1)?.value === 'true') waitForHandshakes(root);
  const table = options.get('table')?.at(-1);
  if (table && !/^-?\d+$/.test(table.value))
    mistakes.push(mistake(table, `${table.value} is no number of a table`));
  const withKernel = Number(table?.value ?? 0) >= 0;
  const noFallback = options.get('no-fallback')?.at(-1)?.value === 'true';
  const fastPath = withKernel ? (noFallback ? 'require' : 'auto') : 'off';
  root.set('fastPath', scalar(withKernel ? '--no-fallback' : '--table', fastPath));
  return { value: { kind: 'map', where: 'rtpengine options', entries: root }, warnings, mistakes };
}

/** A template of its own, contained in the one for all commands: those and clients may say otherwise. */
function waitForHandshakes(root: Map<string, Value>): void {
  const templates = root.get('templates');
  const before = templates?.kind === 'map' ? templates.entries.get('default') : undefined;
  const where = before?.where ?? '--dtls-passive';
  const words = before?.kind === 'scalar' ? ` ${String(before.value)}` : '';
  putAt(root, ['templates', 'dtls-passive'], scalar('--dtls-passive', 'DTLS=passive'));
  putAt(root, ['templates', 'default'], scalar(where, `template=dtls-passive${words}`));
}

/** The size of the key counts for RSA only. */
function certificateKey(cipher: string, options: GivenOptions): string {
  if (cipher === 'prime256v1') return 'ecdsa';
  if (cipher.toLowerCase() !== 'rsa') return cipher;
  return `rsa-${options.get('dtls-rsa-key-size')?.at(-1)?.value ?? '2048'}`;
}

function describeFate(name: string, [given]: readonly Given[]): string[] {
  const fate = OPTIONS.get(name)?.fate ?? 'used';
  if (fate === 'used' || given === undefined) return [];
  const because = 'noted' in fate ? fate.noted : `${fate.missing} does not exist here yet`;
  return [`--${name} is accepted and has no effect: ${because}`];
}

/** Bare ports and wildcard addresses stand for each address of the host, so that replies leave from the right one. */
function listeners(given: readonly Given[], around: Surroundings, mistakes: Mistake[]): Value {
  const items = given.flatMap((one): Value[] => {
    const written = /^(?:\[?(.*?)\]?:)?(\d+)$/.exec(one.value);
    const port = written?.[2];
    if (port === undefined || Number(port) < 1 || Number(port) > 65535) {
      mistakes.push(mistake(one, `${one.value} is not [ADDRESS:]PORT`));
      return [];
    }
    const host = written?.[1] ?? '';
    const addresses = isWildcard(host)
      ? ownAddresses(host, around)
      : addressesAt({ ...one, value: host }, around, mistakes);
    return addresses.map((address) =>
      scalar(one.where, familyOf(address) === 'IP6' ? `[${address}]:${port}` : `${address}:${port}`),
    );
  });
  return { kind: 'list', where: given[0]?.where ?? 'rtpengine options', items };
}

function rtpproxyListeners(options: GivenOptions, around: Surroundings, mistakes: Mistake[]): Value {
  const items = (['udp', 'tcp'] as const).flatMap((transport): readonly Value[] => {
    const bound = listeners(options.get(`listen-${transport}`) ?? [], around, mistakes);
    if (bound.kind !== 'list') return [];
    return bound.items.map((item) =>
      item.kind === 'scalar' ? { ...item, value: `${transport}:${item.value}` } : item,
    );
  });
  return { kind: 'list', where: 'rtpengine options', items };
}

function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

function ownAddresses(wildcard: string, around: Surroundings): readonly string[] {
  if (wildcard === '') return around.ownAddresses;
  return around.ownAddresses.filter((address) => familyOf(address) === familyOf(wildcard));
}

function interfaces(options: GivenOptions, file: IniFile, around: Surroundings, mistakes: Mistake[]): Value {
  const given = options.get('interface') ?? [];
  const items = given.flatMap((one) => legacyInterface(one, around, mistakes));
  const prefix = options.get('interfaces-config')?.at(-1);
  if (prefix !== undefined) items.push(...sectionInterfaces(prefix.value, file, around, mistakes));
  return { kind: 'list', where: given[0]?.where ?? prefix?.where ?? 'rtpengine options', items };
}

/** `[NAME/]ADDR[!ADVERTISED]` or `ALIAS=NAME`; ADDR may be a device, a host name or `any`. */
function legacyInterface(given: Given, around: Surroundings, mistakes: Mistake[]): Value[] {
  const written = /^(?:([^/!]+)\/)?([^/!]+)(?:!([^/!]+))?$/.exec(given.value);
  if (/^[^/!]+=[^/!]+$/.test(given.value) || written?.[2] === undefined)
    return [scalar(given.where, given.value)];
  const [, name = 'default', address] = written;
  const bound = addressesAt({ ...given, value: address }, around, mistakes);
  const advertised =
    written[3] === undefined ? [] : addressesAt({ ...given, value: written[3] }, around, mistakes);
  return bound.map((one) => scalar(given.where, `${name}/${one}${advertisement(one, advertised)}`));
}

/** Of an address, a device or a host; a mistake if there are none. */
function addressesAt(given: Given, around: Surroundings, mistakes: Mistake[]): readonly string[] {
  const name = given.value.replace(/^\[(.*)\]$/, '$1');
  const found = familyOf(name) === undefined ? around.addressesOf(name) : [name];
  if (found.length === 0) mistakes.push(mistake(given, `${name} is no address, device or host name`));
  return found;
}

/** An advertised address belongs to the addresses of its family. */
function advertisement(address: string, advertised: readonly string[]): string {
  const fitting = advertised.find((one) => familyOf(one) === familyOf(address));
  return fitting === undefined ? '' : `!${fitting}`;
}

function sectionInterfaces(
  prefix: string,
  file: IniFile,
  around: Surroundings,
  mistakes: Mistake[],
): Value[] {
  const byName = new Map<string, Map<string, Value>>();
  const aliases: Value[] = [];
  for (const [section, entries] of file.sections) {
    if (!section.startsWith(`${prefix}-`)) continue;
    const suffix = section.slice(prefix.length + 1);
    const key = (...names: string[]): Given | undefined => {
      const entry = entries.findLast((one) => names.includes(one.key));
      return entry === undefined
        ? undefined
        : { value: entry.value, where: `[${section}] line ${entry.line}` };
    };
    const where = `[${section}]`;
    const name = key('name')?.value ?? suffix;
    const alias = key('alias');
    if (alias !== undefined) {
      aliases.push(scalar(alias.where, `${name}=${alias.value}`));
      continue;
    }
    const address = key('address');
    if (address === undefined) {
      mistakes.push({ where, path: '', text: 'address is missing' });
      continue;
    }
    const advertisedAs = key(...ADVERTISED);
    const advertised = advertisedAs === undefined ? [] : addressesAt(advertisedAs, around, mistakes);
    const found = addressesAt(address, around, mistakes);
    const member = byName.get(name) ?? new Map<string, Value>([['name', scalar(where, name)]]);
    byName.set(name, member);
    append(
      member,
      'addresses',
      where,
      found.map((one) => scalar(address.where, `${one}${advertisement(one, advertised)}`)),
    );
    for (const [from, to] of [
      ['port-min', 'portMin'],
      ['port-max', 'portMax'],
    ] as const) {
      const port = key(from);
      if (port !== undefined) member.set(to, scalar(port.where, number(port.value)));
    }
    const excluded = key('exclude-ports');
    if (excluded !== undefined) {
      append(
        member,
        'excludePorts',
        where,
        splitList(excluded.value).map((port) => scalar(excluded.where, number(port))),
      );
    }
  }
  return [
    ...[...byName].map(([name, entries]): Value => ({ kind: 'map', where: `[${prefix}-${name}]`, entries })),
    ...aliases,
  ];
}

/** A list in the file is separated by semicolons. */
export function splitList(value: string): readonly string[] {
  return value
    .split(';')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function append(entries: Map<string, Value>, key: string, where: string, items: readonly Value[]): void {
  const before = entries.get(key);
  entries.set(key, {
    kind: 'list',
    where,
    items: [...(before?.kind === 'list' ? before.items : []), ...items],
  });
}

function scalar(where: string, value: string | number | boolean | null): Value {
  return { kind: 'scalar', where, value };
}

function mistake(given: Given, text: string): Mistake {
  return { where: given.where, path: '', text };
}

/** A number where it is one; otherwise the text, so that the mistake shows what was written. */
function number(value: string): number | string {
  return /^(-?\d+|0x[\da-f]+)$/i.test(value) ? Number(value) : value;
}

/** Up to 0 there is none. What is no number is shown in the mistake. */
function limit(value: string): number | string {
  if (!/^-?\d+(?:\.\d*)?$/.test(value)) return value;
  return Number(value) > 0 ? Number(value) : 'off';
}

/** rtpengine takes other numbers for the default. */
function aboveZero(value: string): number | string | undefined {
  const converted = number(value);
  return typeof converted === 'number' && converted <= 0 ? undefined : converted;
}

/** All spellings of one key. */
export const ADVERTISED = [
  'advertised',
  'advertised address',
  'advertised-address',
  'advertised_address',
] as const;

/** By their numbers. */
const XMLRPC_FORMATS: readonly string[] = ['sems', 'callId', 'dialog'];

/** Syslog levels 0 to 7. */
function logLevel(value: string): string {
  const level = Number(value);
  if (!Number.isInteger(level) || level < 0) return value;
  if (level <= 3) return 'error';
  if (level === 4) return 'warn';
  return level <= 6 ? 'info' : 'debug';
}
