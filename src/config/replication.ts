import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  boolean,
  finish,
  integer,
  list,
  mistake,
  optionalInteger,
  type Section,
  shown,
  text,
} from './fields.js';
import { parseGroupKeys } from './group-keys.js';
import { parseRedisAddress, type RedisAddress } from './redis-address.js';
import type { RedisEndpoint, ReplicationConfig } from './schema.js';

/** Reads `replication`; without an address of Redis nothing is replicated. */
export function decodeReplication(section: Section): ReplicationConfig | null {
  const redis = address(section, 'redis');
  const write = address(section, 'write');
  const credentials = {
    username: text(section, 'username') ?? null,
    password: passwordOf(section),
    tls: tlsOf(section),
    database: optionalInteger(section, 'database', DATABASE, null),
  };
  const secrecy = secrecyOf(section, redis !== undefined);
  const database = credentials.database ?? redis?.database ?? 0;
  const decoded = {
    node: nodeOf(section),
    group: wordOf(section, 'group', 'tandem'),
    keyspace: optionalInteger(section, 'keyspace', DATABASE, null) ?? database,
    follow: followed(section),
    expireSeconds: integer(section, 'expireSeconds', EXPIRY, 86_400),
    connectTimeoutMs: integer(section, 'connectTimeoutMs', TIMEOUT_MS, 1_000),
    commandTimeoutMs: optionalInteger(section, 'commandTimeoutMs', { ...TIMEOUT_MS, none: 'off' }, 1_000),
    allowedErrors: optionalInteger(section, 'allowedErrors', ERRORS, null),
    disableSeconds: integer(section, 'disableSeconds', PAUSE, 10),
    required: boolean(section, 'required', false),
    leaseSeconds: integer(section, 'leaseSeconds', LEASE, 5),
    takeOverAfterSeconds: optionalInteger(section, 'takeOverAfterSeconds', STANDBY, null),
    takeOverWithAddress: boolean(section, 'takeOverWithAddress', true),
  };
  finish(section, OTHER_NAMES);
  if (redis === undefined) {
    if (write !== undefined) mistake(section, 'redis', 'is needed');
    return null;
  }
  const endpoint = (of: RedisAddress): RedisEndpoint => ({
    host: of.host,
    port: of.port,
    database,
    username: credentials.username ?? of.username,
    password: credentials.password ?? of.password,
    tls: credentials.tls ?? (of.tls ? { ca: null } : null),
  });
  return {
    ...decoded,
    ...secrecy,
    redis: endpoint(redis),
    write: write === undefined ? null : endpoint(write),
  };
}

function address(section: Section, key: string): RedisAddress | undefined {
  const written = text(section, key);
  if (written === undefined) return undefined;
  const parsed = parseRedisAddress(written);
  // The text may hold a password.
  if (parsed === undefined)
    mistake(section, key, 'is not HOST:PORT or redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]');
  return parsed;
}

/** A file, so that no secret has to stand in a configuration. */
function passwordOf(section: Section): string | null {
  const written = text(section, 'password') ?? null;
  const file = text(section, 'passwordFile');
  if (file === undefined) return written;
  if (written !== null) mistake(section, 'passwordFile', 'there is a password already');
  return contentsOf(section, 'passwordFile', file)?.trim() ?? null;
}

function tlsOf(section: Section): RedisEndpoint['tls'] {
  const isOn = boolean(section, 'tls', false);
  const file = text(section, 'caFile');
  if (file === undefined) return isOn ? { ca: null } : null;
  return { ca: contentsOf(section, 'caFile', file) ?? null };
}

function secrecyOf(section: Section, isUsed: boolean): Pick<ReplicationConfig, 'keys' | 'plaintext'> {
  const plaintext = boolean(section, 'plaintext', false);
  const file = text(section, 'keyFile');
  if (file === undefined) {
    if (isUsed && !plaintext) mistake(section, 'keyFile', NO_KEY);
    return { keys: [], plaintext };
  }
  if (plaintext) mistake(section, 'plaintext', 'there is a keyFile');
  const keys = parseGroupKeys(contentsOf(section, 'keyFile', file) ?? '');
  if (typeof keys !== 'string') return { keys, plaintext };
  if (section.mistakes.length === 0) mistake(section, 'keyFile', `${file}: ${keys}`);
  return { keys: [], plaintext };
}

function contentsOf(section: Section, key: string, file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    mistake(
      section,
      key,
      `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
}

function nodeOf(section: Section): string {
  return wordOf(section, 'node', hostname());
}

/** A part of names of keys in Redis. */
function wordOf(section: Section, key: string, fallback: string): string {
  const word = text(section, key);
  if (word === undefined) return fallback;
  if (!/^[\w.-]{1,128}$/.test(word))
    mistake(section, key, 'is not a word of letters, digits, ".", "_" and "-"');
  return word;
}

function followed(section: Section): ReplicationConfig['follow'] {
  const items = list(section, 'follow');
  if (items === undefined) return 'all';
  const keyspaces: number[] = [];
  for (const { value, path } of items) {
    const written = value.kind === 'scalar' ? value.value : null;
    if (items.length === 1 && written === 'all') return 'all';
    if (items.length === 1 && (written === 'none' || written === 'off' || written === false)) return [];
    if (typeof written === 'number' && Number.isInteger(written) && written >= 0) keyspaces.push(written);
    else
      section.mistakes.push({
        where: value.where,
        path,
        text: `${shown(value)} is not all, none or the number of a keyspace`,
      });
  }
  return keyspaces;
}

const NO_KEY =
  'is needed: the keys of media are in what is stored. Make one for all nodes with `openssl rand -base64 32`, or let them be ' +
  'readable with replication.plaintext: true';

const DATABASE = { min: 0, max: 65_535, what: 'the number of a database', none: 'auto' } as const;
const EXPIRY = { min: 60, max: 30 * 86_400, what: 'a number of seconds' };
const TIMEOUT_MS = { min: 10, max: 60_000, what: 'a number of milliseconds' };
const ERRORS = { min: 0, max: 1_000_000, what: 'a number of errors', none: 'off' } as const;
const PAUSE = { min: 1, max: 86_400, what: 'a number of seconds' };
const LEASE = { min: 1, max: 3_600, what: 'a number of seconds' };
const STANDBY = { min: 0, max: 86_400, what: 'a number of seconds', none: 'off' } as const;

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['url', 'redis'],
  ['host', 'redis'],
  ['server', 'redis'],
  ['redis-write', 'write'],
  ['user', 'username'],
  ['db', 'database'],
  ['expires', 'expireSeconds'],
  ['redis-expires', 'expireSeconds'],
  ['subscribe-keyspace', 'follow'],
  ['key', 'keyFile'],
]);
