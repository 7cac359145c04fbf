import { type Mistake, putAt, type Value } from '../value.js';
import type { Environment } from '../variables.js';
import type { Given, GivenOptions } from './command-line.js';

/** What `PW@HOST:PORT/DB` says. */
type Place = { readonly address: string; readonly database: number | undefined };

/**
 * Says in our words what rtpengine's options say of Redis. There a node has a database of its own, and others subscribe to it; here
 * all of them share one, the lowest of those that a node names, and a node's number is its keyspace in it.
 */
export function putRedis(
  root: Map<string, Value>,
  options: GivenOptions,
  environment: Environment,
): { warnings: readonly string[]; mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  const last = (name: string): Given | undefined => options.get(name)?.at(-1);
  const put = (key: string, where: string, value: string | number | boolean): void =>
    putAt(root, ['replication', key], { kind: 'scalar', where, value });
  const placeOf = (name: string, variable: string): (Place & { readonly where: string }) | undefined => {
    const given = last(name);
    if (given === undefined) return undefined;
    const place = readPlace(given.value, environment[variable]);
    if (place === undefined)
      mistakes.push({ where: given.where, path: '', text: 'is not [PASSWORD@]HOST:PORT[/DATABASE]' });
    return place && { ...place, where: given.where };
  };

  const own = placeOf('redis', 'RTPENGINE_REDIS_AUTH_PW');
  const write = placeOf('redis-write', 'RTPENGINE_REDIS_WRITE_AUTH_PW');
  const subscribe = placeOf('redis-subscribe', 'RTPENGINE_REDIS_SUBSCRIBE_AUTH_PW');
  const read = subscribe ?? own ?? write;
  if (read === undefined) return { warnings: [], mistakes };

  put('redis', read.where, read.address);
  const writeTo = write ?? own;
  if (writeTo !== undefined && writeTo.address !== read.address) put('write', writeTo.where, writeTo.address);
  const followed = (options.get('subscribe-keyspace') ?? []).flatMap((one) => keyspacesOf(one, mistakes));
  const keyspace = writeTo?.database ?? read.database ?? 0;
  put('keyspace', read.where, keyspace);
  put('database', read.where, Math.min(keyspace, own?.database ?? keyspace, ...followed));
  putAt(root, ['replication', 'follow'], {
    kind: 'list',
    where: last('subscribe-keyspace')?.where ?? read.where,
    items: followed.map((value) => ({ kind: 'scalar', where: read.where, value })),
  });
  const isOn = (name: string): boolean => last(name)?.value === 'true';
  put('required', read.where, !isOn('no-redis-required'));
  put('takeOverWithAddress', read.where, isOn('active-switchover'));
  for (const [name, key, none] of NUMBERS) {
    const given = last(name);
    if (given === undefined) continue;
    const value = /^-?\d+$/.test(given.value) ? Number(given.value) : given.value;
    put(key, given.where, value === none ? 'off' : value);
  }
  const hasKey = environment.TANDEM_REPLICATION_KEY_FILE !== undefined;
  if (!hasKey) put('plaintext', read.where, true);
  return { warnings: hasKey ? [] : [READABLE], mistakes };
}

function readPlace(written: string, password: string | undefined): Place | undefined {
  const read = /^(?:(.*)@)?([^@/]+?)(?:\/(\d{1,5}))?$/s.exec(written);
  const host = read?.[2];
  if (host === undefined) return undefined;
  const secret = read?.[1] ?? password;
  const key = secret === undefined ? '' : `:${encodeURIComponent(secret)}@`;
  const database = read?.[3];
  return {
    address: `redis://${key}${host}`,
    database: database === undefined ? undefined : Number(database),
  };
}

/** Several may be in one value: `1 2 3`, `1,2`. */
function keyspacesOf({ value, where }: Given, mistakes: Mistake[]): readonly number[] {
  return value
    .split(/[\s,;]+/)
    .filter((word) => word !== '')
    .flatMap((word) => {
      if (/^\d{1,5}$/.test(word)) return [Number(word)];
      // rtpengine's word for none.
      if (word !== '-1') mistakes.push({ where, path: '', text: `${word} is not the number of a keyspace` });
      return [];
    });
}

const NUMBERS: readonly (readonly [name: string, key: string, none: number | undefined])[] = [
  ['redis-expires', 'expireSeconds', undefined],
  ['redis-allowed-errors', 'allowedErrors', -1],
  ['redis-disable-time', 'disableSeconds', undefined],
  ['redis-cmd-timeout', 'commandTimeoutMs', 0],
  ['redis-connect-timeout', 'connectTimeoutMs', undefined],
];

const READABLE =
  'the keys of media are readable in Redis, as with rtpengine: set TANDEM_REPLICATION_KEY_FILE to a file with the output of ' +
  '`openssl rand -base64 32`, the same on all nodes';
