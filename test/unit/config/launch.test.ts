import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../../src/config/arguments.js';
import { decodeConfig } from '../../../src/config/decode.js';
import { launchArguments, parseInheritedListeners } from '../../../src/config/launch.js';
import { parseValue } from '../../../src/config/value.js';

function launch(text: string): readonly string[] {
  const { config, mistakes } = decodeConfig(parseValue(text, 'x.yaml').value, { isLocal: () => true });
  expect(mistakes).toEqual([]);
  return launchArguments(config);
}

describe('the supervisor is told', () => {
  test('which addresses to hold, and that the data plane answers on those of ng', () => {
    const listen = 'listen: {ng: ["127.0.0.1:2223", "[::1]:2223"], rtpproxy: "udp:127.0.0.1:22222"}';
    const rtpproxy = ['--listen-udp', '127.0.0.1:22222'];
    expect(launch(listen)).toEqual([
      ...['--answer-udp', '127.0.0.1:2223', '--answer-udp', '[::1]:2223'],
      ...rtpproxy,
    ]);
    expect(launch(`${listen}\ndataPlane: {patterns: false}`)).toEqual([
      ...['--listen-udp', '127.0.0.1:2223', '--listen-udp', '[::1]:2223'],
      ...rtpproxy,
    ]);
  });

  test('nothing of a wildcard: its replies need a socket for each address', () => {
    expect(launch('listen: {ng: ["0.0.0.0:2223"]}')).toEqual([]);
  });

  test('which Unix sockets to hold, and for whom', () => {
    const listen =
      'listen: {ng: "0.0.0.0:1", rtpproxy: ["unix:/run/a", "cunix:/run/b", "unix-dgram:/run/c"]}';
    const held = ['--listen-unix', '/run/a', '--listen-unix', '/run/b', '--listen-unix-dgram', '/run/c'];
    expect(launch(listen)).toEqual(held);
    expect(launch(`${listen}\nrtpproxy: {socketMode: 600}`)).toEqual([...held, '--socket-mode', '600']);
  });

  test('how the data plane is to run', () => {
    const text =
      'listen: {ng: "0.0.0.0:1"}\ndataPlane: {socket: /run/x, io: io_uring, shards: 3}\nlog: {level: debug}';
    expect(launch(text)).toEqual([
      '--socket',
      '/run/x',
      '--io',
      'uring',
      '--shards',
      '3',
      '--log-level',
      'debug',
    ]);
  });
});

describe('inherited sockets', () => {
  test('are read from the environment', () => {
    const listener = { protocol: 'udp', address: '127.0.0.1', port: 2223, fd: 7 };
    const local = { protocol: 'unix', path: '/run/a', fd: 8 };
    expect(parseInheritedListeners(JSON.stringify([listener, local]))).toEqual([listener, local]);
    expect(parseInheritedListeners(undefined)).toEqual([]);
  });

  test('must be what they claim to be', () => {
    expect(() => parseInheritedListeners('[{"fd":"7"}]')).toThrow('TANDEM_LISTEN_FDS');
  });
});

describe('the command line', () => {
  test.each([
    [[], { kind: 'run', configFile: undefined, settings: [] }],
    [['--config', 'x.yaml', '--check'], { kind: 'check', configFile: 'x.yaml', settings: [] }],
    [['--config=x.yaml'], { kind: 'run', configFile: 'x.yaml', settings: [] }],
    [['--set', 'a=1', '--set=b=2'], { kind: 'run', configFile: undefined, settings: ['a=1', 'b=2'] }],
    [['-v'], { kind: 'version' }],
    [['--help'], { kind: 'help' }],
    [['--config'], { kind: 'mistake', text: '--config needs a value' }],
    [['--chek'], { kind: 'mistake', text: 'unknown option --chek, did you mean --check?' }],
    [['extra'], { kind: 'mistake', text: 'unknown option extra' }],
  ])('%j', (words, expected) => {
    expect(parseArguments(words)).toEqual(expected);
  });
});
