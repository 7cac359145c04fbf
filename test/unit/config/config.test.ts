import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { loadConfig } from '../../../src/config/load.js';
import { interfaceFamily } from '../../../src/config/schema.js';
import { describeMistake, parseValue, type Value } from '../../../src/config/value.js';
import { VARIABLES, withEnvironment, withSettings } from '../../../src/config/variables.js';

const LOCAL = new Set(['127.0.0.1', '::1', '192.0.2.10', '10.0.0.5', '2001:db8::10']);
const host = { isLocal: (address: string) => LOCAL.has(address) };

function decoded(text: string) {
  const { value, mistakes } = parseValue(text, 'x.yaml');
  const read = decodeConfig(value, host);
  return { config: read.config, mistakes: [...mistakes, ...read.mistakes].map(describeMistake) };
}

function configOf(text: string) {
  const { config, mistakes } = decoded(text);
  expect(mistakes).toEqual([]);
  return config;
}

describe('the default configuration', () => {
  test('says exactly what holds without any configuration', () => {
    expect(configOf(readFileSync('config/default.yaml', 'utf8'))).toEqual(configOf(''));
  });

  test('listens on loopback only', () => {
    const config = configOf('');
    expect(config.listen.ng).toEqual([{ address: '127.0.0.1', port: 2223 }]);
    expect(config.interfaces.flatMap(({ addresses }) => addresses.map(({ bind }) => bind))).toEqual([
      '127.0.0.1',
      '::1',
    ]);
  });

  test('has every key that an environment variable can set, and no other', () => {
    const { value } = parseValue(readFileSync('config/default.yaml', 'utf8'), 'default.yaml');
    expect(keysOf(value, []).sort()).toEqual([...VARIABLES.values()].sort());
  });
});

/** Paths of all keys that are no sections. Flag templates have names of their own, which no variable can spell. */
function keysOf(value: Value, path: readonly string[]): string[] {
  if (value.kind !== 'map') return [path.join('.')];
  return [...value.entries].flatMap(([key, entry]) => keysOf(entry, [...path, key]));
}

describe('interfaces', () => {
  test('are read from shorthand, several addresses under one name', () => {
    const config = configOf(
      'interfaces:\n  - pub/192.0.2.10!203.0.113.10\n  - pub/2001:db8::10\n  - priv/10.0.0.5\n  - inside=priv\n',
    );
    expect(config.interfaces).toEqual([
      {
        name: 'pub',
        aliases: [],
        addresses: [
          { bind: '192.0.2.10', advertise: '203.0.113.10', family: 'IP4' },
          { bind: '2001:db8::10', advertise: '2001:db8::10', family: 'IP6' },
        ],
        portMin: 30000,
        portMax: 39999,
        excludePorts: [],
      },
      {
        name: 'priv',
        aliases: ['inside'],
        addresses: [{ bind: '10.0.0.5', advertise: '10.0.0.5', family: 'IP4' }],
        portMin: 30000,
        portMax: 39999,
        excludePorts: [],
      },
    ]);
  });

  test('have their own port range if they say so', () => {
    const config = configOf(
      'portMin: 20000\ninterfaces:\n  - {name: a, addresses: [10.0.0.5], portMax: 21000}\n  - {name: b, addresses: [192.0.2.10]}\n',
    );
    expect(config.interfaces.map(({ portMin, portMax }) => [portMin, portMax])).toEqual([
      [20000, 21000],
      [20000, 39999],
    ]);
  });

  test('never give out the port of a listener', () => {
    const config = configOf(
      'listen: {ng: "127.0.0.1:30001"}\ninterfaces: [{addresses: [10.0.0.5], excludePorts: [30004, 40000]}]\n',
    );
    expect(config.interfaces[0]?.excludePorts).toEqual([30001, 30004]);
  });

  test('leave out an optional address the host does not have', () => {
    const config = configOf(
      'interfaces: [{addresses: [10.0.0.5, {bind: "2001:db8::99", optional: true}]}]\n',
    );
    expect(config.interfaces[0]?.addresses.map(({ bind }) => bind)).toEqual(['10.0.0.5']);
  });

  test('named BASE:SUFFIX belong to a family', () => {
    expect(interfaceFamily('edge:1')).toBe('edge');
    expect(interfaceFamily('edge')).toBeUndefined();
  });

  test('take any spelling of an IPv6 address', () => {
    const config = configOf('interfaces: [{addresses: ["2001:DB8:0::10"]}]\n');
    expect(config.interfaces[0]?.addresses[0]?.bind).toBe('2001:db8::10');
  });
});

describe('limits of load', () => {
  test('may have fractions, and are off unless they are set', () => {
    expect(configOf('limits: {loadAverage: 2.5, cpuPercent: 70.5}\n').limits).toEqual({
      loadAverage: 2.5,
      cpuPercent: 70.5,
      bytesPerSecond: null,
    });
    expect(configOf('limits: {loadAverage: off, cpuPercent: , bytesPerSecond: 9}\n').limits).toEqual({
      loadAverage: null,
      cpuPercent: null,
      bytesPerSecond: 9,
    });
  });
});

describe('a mistake is named with its line and key', () => {
  test.each([
    ['port\n', 'x.yaml:1: port is not a mapping of keys to values'],
    [
      `${'x\u009b[2J'.repeat(100)}\n`,
      `x.yaml:1: ${'x\ufffd[2J'.repeat(16)}… is not a mapping of keys to values`,
    ],
    ['portMax: 70000\n', 'x.yaml:1: portMax: 70000 is not a port (1-65535)'],
    ['portMax: "39999"\n', 'x.yaml:1: portMax: 39999 is not a port (1-65535)'],
    [
      'portMin: 30000\nportMax: 30001\n',
      'x.yaml:2: portMax: the range 30000-30001 is too small: a call needs at least 4 ports',
    ],
    [
      'tos: 0\ninterfaces:\n  - name: a\n    addresses: [10.0.0.5]\n    portMax: 70000\n',
      'x.yaml:5: interfaces[0].portMax: 70000 is not a port (1-65535)',
    ],
    [
      'interfaces: [{addresses: [10.0.0.5], portMin: 40000}]\n',
      'x.yaml:1: interfaces[0].portMin: the range 40000-39999 is too small: a call needs at least 4 ports',
    ],
    [
      'interfaces:\n  - {name: a, addresses: [10.0.0.5]}\n  - {name: a, addresses: [192.0.2.10]}\n',
      'x.yaml:3: interfaces[1].name: there is another interface named a',
    ],
    [
      'interfaces:\n  - a/10.0.0.5\n  - {name: b, addresses: [192.0.2.10], aliases: [a]}\n',
      'x.yaml:3: interfaces[1].aliases: there is another interface named a',
    ],
    ['interfaces: [b=a]\n', 'x.yaml:1: interfaces[0]: there is no interface named a'],
    ['interfaces: []\n', 'x.yaml:1: interfaces: at least one interface is needed'],
    [
      'interfaces:\n  - name: a\n    addresses:\n      - bind: 10.0.0.5\n        advertise: 2001:db8::1\n',
      'x.yaml:4: interfaces[0].addresses[0]: 10.0.0.5 is advertised as 2001:db8::1, an address of the other family',
    ],
    [
      'interfaces: [203.0.113.10]\n',
      'x.yaml:1: interfaces[0]: 203.0.113.10 is not an address of this host (a public address in front of NAT goes to advertise)',
    ],
    [
      'interfaces: [0.0.0.0]\n',
      'x.yaml:1: interfaces[0]: 0.0.0.0 is no certain address: name the addresses media shall use',
    ],
    ['interfaces: [sip.example.com]\n', 'x.yaml:1: interfaces[0]: sip.example.com is not an IP address'],
    ['interfaces: [{name: a}]\n', 'x.yaml:1: interfaces[0].addresses: at least one address is needed'],
    [
      'interfaces: [{addresses: [{advertise: 203.0.113.10}]}]\n',
      'x.yaml:1: interfaces[0].addresses[0].bind: the address to bind sockets to is missing',
    ],
    [
      'interfaces: [{addresses: [{bind: 203.0.113.10, optional: true}]}]\n',
      'x.yaml:1: interfaces[0].addresses: none of these addresses is an address of this host',
    ],
    [
      'listen:\n  ng: 2223\n',
      'x.yaml:2: listen.ng: 2223 is not an address with a port, such as 127.0.0.1:2223 or "[::1]:2223"',
    ],
    [
      'listen:\n  ng:\n    - 127.0.0.1:2223\n    - 127.0.0.1:2223\n',
      'x.yaml:4: listen.ng[1]: 127.0.0.1:2223 is named twice',
    ],
    ['listen:\n  ng: []\n', 'x.yaml:2: listen.ng: at least one address is needed'],
    [
      'timeouts:\n  mediaSecond: 3\n',
      'x.yaml:2: timeouts.mediaSecond: unknown key, did you mean mediaSeconds?',
    ],
    ['timeout: 30\n', 'x.yaml:1: timeout: unknown key, did you mean timeouts.mediaSeconds?'],
    ['port_max: 30\n', 'x.yaml:1: port_max: unknown key, did you mean portMax?'],
    ['colour: blue\n', 'x.yaml:1: colour: unknown key'],
    [
      'timeouts: {finalSeconds: 0}\n',
      'x.yaml:1: timeouts.finalSeconds: 0 is not off or a number of seconds (1-2592000)',
    ],
    [
      'tos: 0\nrtcpIntervalMs: 5s\n',
      'x.yaml:2: rtcpIntervalMs: 5s is not a number of milliseconds (100-120000)',
    ],
    ['rtcpIntervalMs: 0\n', 'x.yaml:1: rtcpIntervalMs: 0 is not a number of milliseconds (100-120000)'],
    ['strictSource: yes\n', 'x.yaml:1: strictSource: yes is not true or false'],
    [
      'endpointLearning: fast\n',
      'x.yaml:1: endpointLearning: fast is not one of heuristic, delayed, immediate, off',
    ],
    ['templates: {offer: [a]}\n', 'x.yaml:1: templates.offer: a list is not a text'],
    ['templates:\n  offer: make-coffee\n', 'x.yaml:2: templates.offer: unknown flag "make-coffee"'],
    [
      'templates:\n  web: ICE=force ICE=remove\n',
      'x.yaml:2: templates.web: "ICE=remove" contradicts "ICE=force"',
    ],
    [
      'limits:\n  loadAverage: 0\n',
      'x.yaml:2: limits.loadAverage: 0 is not off or a load average (0.01-10000)',
    ],
    [
      'limits:\n  loadAverage: .nan\n',
      'x.yaml:2: limits.loadAverage: NaN is not off or a load average (0.01-10000)',
    ],
    ['limits: {cpuPercent: 101}\n', 'x.yaml:1: limits.cpuPercent: 101 is not off or a percentage (1-100)'],
    ['limits: {cpuPercent: 70%}\n', 'x.yaml:1: limits.cpuPercent: 70% is not off or a percentage (1-100)'],
    [
      'limits: {bytesPerSecond: 1.5}\n',
      'x.yaml:1: limits.bytesPerSecond: 1.5 is not off or a number of bytes (1-1000000000000)',
    ],
    [
      'tos: 0\nlimits:\n  loadAverag: 1\n',
      'x.yaml:3: limits.loadAverag: unknown key, did you mean loadAverage?',
    ],
    ['max-load: 3\n', 'x.yaml:1: max-load: unknown key, did you mean limits.loadAverage?'],
    ['limits: 3\n', 'x.yaml:1: limits: 3 is not a mapping of keys to values'],
    ['log: {callRecordForm: csv}\n', 'x.yaml:1: log.callRecordForm: csv is not one of fields, commas'],
    ['dataPlane: {shards: 0}\n', 'x.yaml:1: dataPlane.shards: 0 is not auto or a number of threads (1-64)'],
  ])('%j', (text, expected) => {
    expect(decoded(text).mistakes).toEqual([expected]);
  });

  test('and all of them are named at once', () => {
    expect(decoded('portMax: 0\ntos: 256\nlog: {level: loud}\nfoo: 1\n').mistakes).toHaveLength(4);
  });

  test('also if the text is not YAML', () => {
    expect(decoded('tos: 0\nlisten: {ng: [::1]:2223}\n').mistakes[0]).toMatch(/^x\.yaml:2: not YAML: /);
  });

  test('and no text at all makes reading fail', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abprtMni:-[]{}",\n 0159.!/=') }), (text) => {
        decoded(text);
      }),
    );
  });
});

describe('the environment', () => {
  test('overrides the file, numbers and lists included', () => {
    const file = parseValue('timeouts: {mediaSeconds: 10, silentSeconds: 20}\n', 'x.yaml').value;
    const { value, mistakes } = withEnvironment(file, {
      TANDEM_TIMEOUTS_MEDIA_SECONDS: '30',
      TANDEM_INTERFACES: 'pub/192.0.2.10!203.0.113.10; priv/10.0.0.5',
      TANDEM_LISTEN_NG: '127.0.0.1:1000,[::1]:1000',
      TANDEM_LISTEN_RTPPROXY: 'udp:127.0.0.1:22222;unix:/run/tandem/rtpproxy.sock',
      TANDEM_DTLS_ROTATION_HOURS: '24',
      PATH: '/bin',
    });
    const { config } = decodeConfig(value, host);
    expect(mistakes).toEqual([]);
    expect(config.timeouts).toMatchObject({ mediaSeconds: 30, silentSeconds: 20 });
    expect(config.interfaces.map(({ name }) => name)).toEqual(['pub', 'priv']);
    expect(config.listen.ng).toEqual([
      { address: '127.0.0.1', port: 1000 },
      { address: '::1', port: 1000 },
    ]);
    expect(config.listen.rtpproxy).toHaveLength(2);
    expect(config.dtls).toMatchObject({ rotationHours: 24 });
  });

  test('is named where its value is wrong', () => {
    const { value } = withEnvironment(parseValue('', 'x.yaml').value, { TANDEM_PORT_MAX: '1e9' });
    expect(decodeConfig(value, host).mistakes.map(describeMistake)).toEqual([
      'TANDEM_PORT_MAX: portMax: 1000000000 is not a port (1-65535)',
    ]);
  });

  test('lets foreign variables pass, but no misspelt one', () => {
    const { mistakes } = withEnvironment(parseValue('', 'x.yaml').value, {
      TANDEM_SERVICE_HOST: '10.0.0.1',
      TANDEM_PORT: 'tcp://10.0.0.1:80',
      TANDEM_LOG_LEVL: 'debug',
    });
    expect(mistakes.map(describeMistake)).toEqual([
      'TANDEM_LOG_LEVL: unknown variable, did you mean TANDEM_LOG_LEVEL?',
    ]);
  });
});

describe('--set', () => {
  test('wins over the environment', () => {
    const { value } = withEnvironment(parseValue('', 'x.yaml').value, { TANDEM_LOG_LEVEL: 'debug' });
    const { config } = decodeConfig(withSettings(value, ['log.level=error']).value, host);
    expect(config.log.level).toBe('error');
  });

  test('must name a key', () => {
    expect(withSettings(parseValue('', 'x').value, ['loglevel']).mistakes.map(describeMistake)).toEqual([
      '--set: loglevel is not KEY=VALUE',
    ]);
    const { value } = withSettings(parseValue('', 'x').value, ['log.levl=debug']);
    expect(decodeConfig(value, host).mistakes.map(describeMistake)).toEqual([
      '--set log.levl: log.levl: unknown key, did you mean level?',
    ]);
  });
});

test('a file that cannot be read is a mistake', () => {
  const loaded = loadConfig({ file: '/nonexistent/tandem.yaml', environment: {}, settings: [] });
  expect(loaded).toMatchObject({ kind: 'mistakes' });
});
