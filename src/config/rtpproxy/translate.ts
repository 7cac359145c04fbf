import { familyOf } from '../addresses.js';
import type { Given, GivenOptions } from '../rtpengine/command-line.js';
import type { Surroundings, Translated } from '../rtpengine/translate.js';
import { type Mistake, putAt, type Value } from '../value.js';
import { RTPPROXY_OPTIONS } from './options.js';

/** Says in Tandem's configuration what rtpproxy's options say. */
export function translateRtpproxy(options: GivenOptions, around: Surroundings): Translated {
  const mistakes: Mistake[] = [];
  const last = (name: string): Given | undefined => options.get(name)?.at(-1);
  const placed = interfaces(options, around, mistakes);
  const timeout = last('T') ?? DEFAULT_TIMEOUT;
  const entries: [path: string, value: Value][] = [
    ['listen.ng', listOf([])],
    ['listen.rtpproxy', listOf(options.get('s') ?? [DEFAULT_SOCKET])],
    ['interfaces', placed.value],
    ['portMin', number(last('m') ?? given('35000'))],
    ['portMax', number(last('M') ?? given('65000'))],
    ['timeouts.mediaSeconds', number(timeout)],
    ['timeouts.silentSeconds', number(timeout)],
    ['timeouts.offerSeconds', number(last('W') ?? timeout)],
    ['tos', number(last('t') ?? given('184'))],
    ['rtpproxy.notify', listOf(options.get('n') ?? [])],
    ['rtpproxy.asymmetricBridge', scalar(given(''), placed.isBridge && !options.has('bridge_symmetric'))],
  ];
  const [mode, level] = [last('w'), last('d')];
  if (mode !== undefined) entries.push(['rtpproxy.socketMode', scalar(mode, mode.value.replace(/^0+/, ''))]);
  if (level !== undefined) entries.push(['log.level', scalar(level, logLevel(level.value))]);
  entries.push(...recording(options));
  const root = new Map<string, Value>();
  for (const [path, value] of entries) putAt(root, path.split('.'), value);
  return {
    value: { kind: 'map', where: WHERE, entries: root },
    warnings: warningsOf(options),
    mistakes,
  };
}

/** `-P` makes no difference: what is written is always pcap, with the link layer that `-P` has. */
function recording(options: GivenOptions): [path: string, value: Value][] {
  const directory = options.get('r')?.at(-1);
  if (directory === undefined) return [];
  const entries: [string, Value][] = [
    ['recording.dir', scalar(directory, directory.value)],
    ['recording.format', scalar(directory, 'eth')],
  ];
  if (options.has('R')) entries.push(['recording.rtcp', scalar(directory, false)]);
  if (options.has('a')) entries.push(['recording.everyCall', scalar(directory, true)]);
  return entries;
}

/** Options of one missing feature share a line. */
function warningsOf(options: GivenOptions): readonly string[] {
  const missing = new Map<string, string[]>();
  const warnings: string[] = [];
  if (options.has('r') && !options.has('P'))
    warnings.push('-r without -P: recordings are pcap files all the same');
  for (const name of options.keys()) {
    const fate = RTPPROXY_OPTIONS.get(name)?.fate ?? 'used';
    const shown = name.length === 1 ? `-${name}` : `--${name}`;
    if (fate === 'used') continue;
    if ('noted' in fate) warnings.push(`${shown} is accepted and has no effect: ${fate.noted}`);
    else missing.set(fate.missing, [...(missing.get(fate.missing) ?? []), shown]);
  }
  for (const [feature, names] of missing) {
    const verb = names.length === 1 ? 'is' : 'are';
    warnings.push(`${names.join(', ')} ${verb} accepted without effect: ${feature} does not exist here yet`);
  }
  return warnings;
}

type Side = { readonly name: string; readonly addresses: Given[]; readonly advertised: string | undefined };

/** `-l A/B`, `-l A -6 /B`: two sides of a bridge. `-l LABEL@A`: one more interface, asked for by name. */
function interfaces(
  options: GivenOptions,
  around: Surroundings,
  mistakes: Mistake[],
): { readonly value: Value; readonly isBridge: boolean } {
  const listened = (options.get('l') ?? []).filter(({ value }) => !value.includes('@'));
  const labelled = (options.get('l') ?? []).filter(({ value }) => value.includes('@'));
  const [ip4, ip6] = [listened.at(-1), options.get('6')?.at(-1)];
  const sides = [halves(ip4), halves(ip6)];
  const isBridge = sides.some(([, second]) => second !== undefined);
  const advertised = halves(options.get('A')?.at(-1)).map((half) => half?.value);
  const names = isBridge ? ['internal', 'external'] : ['default'];
  const pairs: Side[] = names.map((name, at) => ({
    name,
    addresses: sides.flatMap((side) => side[at] ?? []),
    advertised: advertised[at],
  }));
  const [first] = pairs;
  if (first !== undefined && pairs.every(({ addresses }) => addresses.length === 0) && labelled.length === 0)
    first.addresses.push(given('*'));
  const all = [
    ...pairs,
    ...labelled.map((one) => {
      const [name = '', address = ''] = one.value.split('@', 2);
      return { name, addresses: [{ ...one, value: address }], advertised: undefined };
    }),
  ];
  const items = all
    .filter(({ addresses }) => addresses.length > 0)
    .map((side) => interfaceOf(side, around, mistakes));
  return { value: { kind: 'list', where: WHERE, items }, isBridge };
}

function interfaceOf(
  { name, addresses, advertised }: Side,
  around: Surroundings,
  mistakes: Mistake[],
): Value {
  const items = addresses.flatMap((one): Value[] => {
    const [written = '', own] = one.value.split('=', 2);
    const bind = addressOf(written, one.where === '-6' ? 'IP6' : 'IP4', around);
    if (bind === undefined) {
      mistakes.push({ where: one.where, path: '', text: `${written} is no address, device or host name` });
      return [];
    }
    const wanted = own ?? advertised;
    const fits = wanted !== undefined && familyOf(wanted) === familyOf(bind);
    return [scalar(one, fits || own !== undefined ? `${bind}!${wanted}` : bind)];
  });
  const entries = new Map<string, Value>([
    ['name', scalar(given(''), name)],
    ['addresses', { kind: 'list', where: WHERE, items }],
  ]);
  return { kind: 'map', where: WHERE, entries };
}

/** `A/B` in its halves; an empty one is none. */
function halves(given: Given | undefined): readonly [Given | undefined, Given | undefined] {
  if (given === undefined) return [undefined, undefined];
  const [first = '', second = ''] = given.value.split('/', 2);
  const half = (value: string): Given | undefined => (value === '' ? undefined : { ...given, value });
  return [half(first), half(second)];
}

/** Replies have to name an address; any address is the first that is not loopback. */
function addressOf(written: string, family: 'IP4' | 'IP6', around: Surroundings): string | undefined {
  const isAny = written === '*' || written === '0.0.0.0' || written === '::';
  if (!isAny && familyOf(written) !== undefined) return written;
  const found = around.addressesOf(isAny ? 'any' : written);
  return found.find((address) => familyOf(address) === family) ?? (isAny ? undefined : found[0]);
}

/** `LEVEL[:FACILITY]`, as rtpproxy names levels. */
function logLevel(written: string): string {
  const [level = ''] = written.split(':', 1);
  return LEVELS.get(level.toUpperCase()) ?? level.toLowerCase();
}

const LEVELS: ReadonlyMap<string, string> = new Map([
  ['DBUG', 'debug'],
  ['WARN', 'warn'],
  ['ERR', 'error'],
  ['CRIT', 'error'],
]);

function listOf(items: readonly Given[]): Value {
  return {
    kind: 'list',
    where: items[0]?.where ?? WHERE,
    items: items.map((one) => scalar(one, one.value)),
  };
}

function scalar({ where }: Given, value: string | number | boolean): Value {
  return { kind: 'scalar', where, value };
}

/** A number where it is one; otherwise the text, so that the mistake shows what was written. */
function number(one: Given): Value {
  const { value } = one;
  return scalar(one, /^(0x[0-9a-f]+|\d+)$/i.test(value) ? Number(value) : value);
}

function given(value: string): Given {
  return { value, where: WHERE };
}

const WHERE = 'rtpproxy options';
const DEFAULT_TIMEOUT: Given = { value: '60', where: WHERE };
const DEFAULT_SOCKET: Given = { value: 'unix:/var/run/rtpproxy.sock', where: WHERE };
