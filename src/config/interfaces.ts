import { canonical, familyOf, isWildcard, parseInterfaceShorthand } from './addresses.js';
import { boolean, finish, integer, list, mistake, type Section, section, shown, text } from './fields.js';
import type { InterfaceAddressConfig, InterfaceConfig, ListenAddress } from './schema.js';
import type { Mistake, Value } from './value.js';

/** What reading a configuration has to know of the machine. */
export type Host = {
  /** Sockets can be bound to this address. */
  isLocal(address: string): boolean;
};

/** Reads `interfaces`, and the port range they share unless they have their own. */
export function decodeInterfaces(
  top: Section,
  listeners: readonly ListenAddress[],
  host: Host,
): readonly InterfaceConfig[] {
  const range = {
    portMin: integer(top, 'portMin', PORT, 30000),
    portMax: integer(top, 'portMax', PORT, 39999),
  };
  checkRange(top, range);
  const reader = { range, listeners, host, mistakes: top.mistakes };
  const items = list(top, 'interfaces');
  if (items === undefined) {
    const addresses = LOOPBACK.filter(({ bind }) => host.isLocal(bind));
    return [named(reader, 'default', addresses)];
  }

  const found = new Map<string, InterfaceConfig>();
  const shorthands = new Set<string>();
  for (const { value, path } of items) {
    if (value.kind === 'map') {
      addSection(reader, found, section(value, path, top.mistakes));
      continue;
    }
    const text = addShorthand(reader, found, shorthands, { value, path });
    if (text !== undefined) top.mistakes.push({ where: value.where, path, text });
  }
  if (items.length === 0) mistake(top, 'interfaces', 'at least one interface is needed');
  return [...found.values()];
}

type Reader = {
  readonly range: { readonly portMin: number; readonly portMax: number };
  readonly listeners: readonly ListenAddress[];
  readonly host: Host;
  readonly mistakes: Mistake[];
};

function addSection(reader: Reader, found: Map<string, InterfaceConfig>, from: Section): void {
  const name = text(from, 'name') ?? 'default';
  const portMin = integer(from, 'portMin', PORT, reader.range.portMin);
  const portMax = integer(from, 'portMax', PORT, reader.range.portMax);
  const excluded = ports(from, 'excludePorts');
  const aliases = names(from, 'aliases');
  const addresses = decodeAddresses(reader, from);
  finish(from, new Map([['address', 'addresses']]));
  checkRange(from, { portMin, portMax });
  if (taken(found, name)) {
    mistake(from, 'name', `there is another interface named ${name}`);
    return;
  }
  for (const alias of aliases) {
    if (alias === name || taken(found, alias))
      mistake(from, 'aliases', `there is another interface named ${alias}`);
  }
  const listening = reader.listeners.map(({ port }) => port);
  const excludePorts = within([...excluded, ...listening], portMin, portMax);
  found.set(name, { name, aliases, addresses, portMin, portMax, excludePorts });
}

function decodeAddresses(reader: Reader, from: Section): readonly InterfaceAddressConfig[] {
  const items = list(from, 'addresses');
  if (items === undefined || items.length === 0) {
    mistake(from, 'addresses', 'at least one address is needed');
    return [];
  }
  const addresses: InterfaceAddressConfig[] = [];
  let leftOut = 0;
  for (const { value, path } of items) {
    const decoded = decodeAddress(reader, value, path);
    if (decoded === 'leftOut') leftOut += 1;
    else if (decoded !== undefined) addresses.push(decoded);
  }
  if (leftOut === items.length)
    mistake(from, 'addresses', 'none of these addresses is an address of this host');
  return addresses;
}

function decodeAddress(
  reader: Reader,
  value: Value,
  path: string,
): InterfaceAddressConfig | 'leftOut' | undefined {
  if (value.kind !== 'map') {
    const shorthand = value.kind === 'scalar' ? parseInterfaceShorthand(String(value.value)) : undefined;
    if (shorthand !== undefined) return checked(reader, shorthand, { where: value.where, path });
    reader.mistakes.push({ where: value.where, path, text: `${shown(value)} is not an IP address` });
    return undefined;
  }
  const from = section(value, path, reader.mistakes);
  const bind = text(from, 'bind');
  const advertise = text(from, 'advertise') ?? bind;
  const optional = boolean(from, 'optional', false);
  finish(
    from,
    new Map([
      ['address', 'bind'],
      ['advertised', 'advertise'],
      ['advertised-address', 'advertise'],
    ]),
  );
  if (bind === undefined || advertise === undefined) {
    mistake(from, 'bind', 'the address to bind sockets to is missing');
    return undefined;
  }
  if (optional && familyOf(bind) !== undefined && !reader.host.isLocal(canonical(bind))) return 'leftOut';
  const where = from.entries.get('bind')?.where ?? value.where;
  return checked(reader, { bind, advertise }, { where, path });
}

/** Both addresses are IP addresses of one family, and sockets can be bound to the first. */
function checked(
  reader: Reader,
  { bind, advertise }: { bind: string; advertise: string },
  at: { where: string; path: string },
): InterfaceAddressConfig | undefined {
  const refuse = (text: string): undefined => {
    reader.mistakes.push({ ...at, text });
    return undefined;
  };
  const family = familyOf(bind);
  if (family === undefined) return refuse(`${bind} is not an IP address`);
  const advertisedFamily = familyOf(advertise);
  if (advertisedFamily === undefined) return refuse(`${advertise} is not an IP address`);
  if (family !== advertisedFamily) {
    return refuse(`${bind} is advertised as ${advertise}, an address of the other family`);
  }
  if (isWildcard(bind)) return refuse(`${bind} is no certain address: name the addresses media shall use`);
  if (isWildcard(advertise)) return refuse(`${advertise} cannot be reached by anybody`);
  if (!reader.host.isLocal(canonical(bind))) {
    return refuse(
      `${bind} is not an address of this host (a public address in front of NAT goes to advertise)`,
    );
  }
  return { bind: canonical(bind), advertise: canonical(advertise), family };
}

/** Adds `NAME/ADDRESS!ADVERTISED` or `ALIAS=NAME`; returns what is wrong with it. */
function addShorthand(
  reader: Reader,
  found: Map<string, InterfaceConfig>,
  shorthands: Set<string>,
  { value, path }: { value: Value; path: string },
): string | undefined {
  const written = value.kind === 'scalar' ? String(value.value) : '';
  const [alias, original] = written.split('=', 2).map((name) => name.trim());
  if (alias && original) {
    const target = found.get(original);
    if (target === undefined) return `there is no interface named ${original}`;
    if (taken(found, alias)) return `there is another interface named ${alias}`;
    found.set(original, { ...target, aliases: [...target.aliases, alias] });
    return undefined;
  }
  const shorthand = parseInterfaceShorthand(written);
  if (shorthand === undefined) return `${shown(value)} is not NAME/ADDRESS!ADVERTISED or a mapping`;
  const address = checked(reader, shorthand, { where: value.where, path });
  if (address === undefined) return undefined;
  const { name } = shorthand;
  const existing = found.get(name);
  if (existing !== undefined && shorthands.has(name)) {
    found.set(name, { ...existing, addresses: [...existing.addresses, address] });
    return undefined;
  }
  if (taken(found, name)) return `there is another interface named ${name}`;
  found.set(name, named(reader, name, [address]));
  shorthands.add(name);
  return undefined;
}

function named(
  { range, listeners }: Reader,
  name: string,
  addresses: readonly InterfaceAddressConfig[],
): InterfaceConfig {
  const listening = listeners.map(({ port }) => port);
  return {
    name,
    aliases: [],
    addresses,
    ...range,
    excludePorts: within(listening, range.portMin, range.portMax),
  };
}

function checkRange(from: Section, { portMin, portMax }: { portMin: number; portMax: number }): void {
  const key = ['portMax', 'portMin'].find((candidate) => from.entries.has(candidate));
  if (key === undefined || portMax - portMin >= 3) return;
  mistake(from, key, `the range ${portMin}-${portMax} is too small: a call needs at least 4 ports`);
}

function taken(found: ReadonlyMap<string, InterfaceConfig>, name: string): boolean {
  return found.has(name) || [...found.values()].some(({ aliases }) => aliases.includes(name));
}

function within(candidates: readonly number[], min: number, max: number): readonly number[] {
  const inside = new Set(candidates.filter((port) => port >= min && port <= max));
  return [...inside].sort((left, right) => left - right);
}

function ports(from: Section, key: string): readonly number[] {
  const valid: number[] = [];
  for (const { value, path } of list(from, key) ?? []) {
    const port = value.kind === 'scalar' ? Number(value.value) : Number.NaN;
    if (Number.isInteger(port) && port >= 1 && port <= 65535) valid.push(port);
    else from.mistakes.push({ where: value.where, path, text: `${shown(value)} is not a port (1-65535)` });
  }
  return valid;
}

function names(from: Section, key: string): readonly string[] {
  const valid: string[] = [];
  for (const { value, path } of list(from, key) ?? []) {
    if (value.kind === 'scalar' && value.value !== null && value.value !== '')
      valid.push(String(value.value));
    else from.mistakes.push({ where: value.where, path, text: `${shown(value)} is not a name` });
  }
  return valid;
}

const PORT = { min: 1, max: 65535, what: 'a port' };

const LOOPBACK: readonly InterfaceAddressConfig[] = [
  { bind: '127.0.0.1', advertise: '127.0.0.1', family: 'IP4' },
  { bind: '::1', advertise: '::1', family: 'IP6' },
];
