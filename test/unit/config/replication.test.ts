import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { parseGroupKeys } from '../../../src/config/group-keys.js';
import { parseRedisAddress } from '../../../src/config/redis-address.js';
import { parseCommandLine } from '../../../src/config/rtpengine/command-line.js';
import { translate } from '../../../src/config/rtpengine/translate.js';
import type { ReplicationConfig } from '../../../src/config/schema.js';
import { parseValue, type Value } from '../../../src/config/value.js';

const KEY = Buffer.alloc(32, 7);
let directory: string;
let keyFile: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tandem-replication-'));
  keyFile = written('group.key', `# of all nodes\n${KEY.toString('base64')}\n${'ab'.repeat(32)}\n`);
});

afterAll(() => rmSync(directory, { recursive: true }));

function written(name: string, contents: string): string {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
}

function of(value: Value): { replication: ReplicationConfig | null; mistakes: readonly string[] } {
  const { config, mistakes } = decodeConfig(value, { isLocal: () => true });
  return { replication: config.replication, mistakes: mistakes.map(({ path, text }) => `${path}: ${text}`) };
}

function decoded(replication: string) {
  return of(parseValue(`interfaces: [192.0.2.1]\nreplication: ${replication}\n`, 'x.yaml').value);
}

function right(replication: string): ReplicationConfig {
  const { replication: config, mistakes } = decoded(`{keyFile: ${keyFile}, ${replication}}`);
  if (config === null || mistakes.length > 0) throw new Error(mistakes.join('\n'));
  return config;
}

test('without Redis nothing is replicated', () => {
  expect(decoded('{}')).toEqual({ replication: null, mistakes: [] });
});

test('a host and a key are enough', () => {
  const place = { host: 'redis.example', port: 6379, database: 0, username: null, password: null, tls: null };
  expect(right('redis: redis.example')).toMatchObject({
    redis: place,
    write: null,
    node: hostname(),
    group: 'tandem',
    keyspace: 0,
    follow: 'all',
    keys: [KEY, Buffer.alloc(32, 0xab)],
    plaintext: false,
    required: false,
    takeOverAfterSeconds: null,
    takeOverWithAddress: true,
  });
});

test('an address may say everything, and keys beside it win', () => {
  const url = 'redis: "rediss://ann:s%40cret@[2001:db8::1]:6380/3"';
  expect(right(url).redis).toEqual({
    ...{ host: '2001:db8::1', port: 6380, database: 3 },
    ...{ username: 'ann', password: 's@cret', tls: { ca: null } },
  });
  const passwordFile = written('password', 'other\n');
  const caFile = written('ca.pem', 'PEM');
  const beside = `${url}, database: 5, username: bob, passwordFile: ${passwordFile}, caFile: ${caFile}, write: "main:6379"`;
  const { redis, write, keyspace } = right(beside);
  expect(redis).toMatchObject({ database: 5, username: 'bob', password: 'other', tls: { ca: 'PEM' } });
  expect(write).toMatchObject({ host: 'main', database: 5, username: 'bob', password: 'other' });
  expect(keyspace).toBe(5);
});

test('keyspaces that are followed', () => {
  expect(right('redis: r, follow: none').follow).toEqual([]);
  expect(right('redis: r, follow: [1, 2]').follow).toEqual([1, 2]);
  expect(right('redis: r, follow: all').follow).toBe('all');
});

test('all mistakes are said at once, without passwords', () => {
  const { mistakes } = decoded(
    `{redis: "redis://:s3cret@h/x", write: "h:6379/none", node: "a b", follow: [x], expireSeconds: 1, caFile: /none, user: x}`,
  );
  expect(mistakes).toEqual([
    'replication.redis: is not HOST:PORT or redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]',
    'replication.write: is not HOST:PORT or redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]',
    expect.stringMatching(/^replication.caFile: \/none cannot be read: /),
    'replication.node: is not a word of letters, digits, ".", "_" and "-"',
    'replication.follow[0]: x is not all, none or the number of a keyspace',
    'replication.expireSeconds: 1 is not a number of seconds (60-2592000)',
    'replication.user: unknown key, did you mean username?',
  ]);
});

test('media keys are not stored readable unless that is wanted', () => {
  expect(decoded('{redis: r}').mistakes).toEqual([expect.stringMatching(/^replication.keyFile: is needed/)]);
  expect(decoded('{redis: r, plaintext: true}')).toMatchObject({ mistakes: [], replication: { keys: [] } });
  const both = decoded(`{redis: r, plaintext: true, keyFile: ${keyFile}}`);
  expect(both.mistakes).toEqual(['replication.plaintext: there is a keyFile']);
  const short = decoded(`{redis: r, keyFile: ${written('short', 'c2hvcnQ=')}}`);
  expect(short.mistakes).toEqual([expect.stringMatching(/short: key 1 is not 32 bytes/)]);
});

test('a file without a key is none', () => {
  expect(parseGroupKeys('# nothing\n\n')).toBe('holds no key');
});

test.each(['', '://', 'h:port', 'h:1/2/3', 'redis://h?x=1', 'redis://h/70000000'])(
  '%s is no address',
  (text) => {
    expect(parseRedisAddress(text)).toBeUndefined();
  },
);

describe('as rtpengine says it', () => {
  const around = { addressesOf: () => [], ownAddresses: [], cores: 2 };

  function translated(words: string, environment: Record<string, string> = {}) {
    const { options } = parseCommandLine([
      '--interface=192.0.2.1',
      '--listen-ng=127.0.0.1:2223',
      ...words.split(' '),
    ]);
    const file = { sections: new Map(), unreadable: [] };
    const { value, warnings, mistakes } = translate(options, file, around, environment);
    return { ...of(value), warnings, refused: mistakes.map(({ where, text }) => `${where}: ${text}`) };
  }

  test('two nodes that subscribe to each other share a database', () => {
    const one = translated('-r pw@10.0.0.1:6380/1 -k 2').replication;
    const other = translated('--redis=10.0.0.1:6380/2 --subscribe-keyspace=1', {
      RTPENGINE_REDIS_AUTH_PW: 'pw',
    }).replication;
    const redis = { host: '10.0.0.1', port: 6380, database: 1, password: 'pw' };
    expect(one).toMatchObject({ redis, keyspace: 1, follow: [2], plaintext: true });
    expect(other).toMatchObject({ redis, keyspace: 2, follow: [1] });
  });

  test('its other options', () => {
    const words =
      '-r h/4 -w p@w:7000/5 -q --active-switchover --redis-expires=3600 --redis-allowed-errors=3 --redis-disable-time=20 ' +
      '--redis-cmd-timeout=500 --redis-connect-timeout=700';
    expect(translated(words).replication).toMatchObject({
      redis: { host: 'h', database: 4 },
      write: { host: 'w', port: 7000, database: 4, password: 'p' },
      ...{ keyspace: 5, follow: [], required: false, takeOverWithAddress: true, expireSeconds: 3600 },
      ...{ allowedErrors: 3, disableSeconds: 20, commandTimeoutMs: 500, connectTimeoutMs: 700 },
    });
    const defaults = translated('-r h --redis-allowed-errors=-1 --redis-cmd-timeout=0').replication;
    expect(defaults).toMatchObject({
      required: true,
      takeOverWithAddress: false,
      allowedErrors: null,
      commandTimeoutMs: null,
    });
    const apart = translated('-r h --redis-subscribe=s --subscribe-keyspace=3,4').replication;
    expect(apart).toMatchObject({ redis: { host: 's' }, write: { host: 'h' }, follow: [3, 4] });
  });

  test('it is said that keys of media are readable, unless there is a key', () => {
    expect(translated('-r h').warnings).toEqual([expect.stringContaining('readable in Redis')]);
    expect(translated('-r h', { TANDEM_REPLICATION_KEY_FILE: keyFile }).warnings).toEqual([]);
  });

  test('what is no number or no place is refused', () => {
    expect(translated('-r h/x').refused).toEqual(['-r: is not [PASSWORD@]HOST:PORT[/DATABASE]']);
    expect(translated('-r h -k one').refused).toEqual(['-k: one is not the number of a keyspace']);
    expect(translated('-r h --redis-expires=day').mistakes).toEqual([
      'replication.expireSeconds: day is not a number of seconds (60-2592000)',
    ]);
  });
});
