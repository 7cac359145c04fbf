import { describe, expect, it } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { parseCommandLine } from '../../../src/config/rtpengine/command-line.js';
import { RTPPROXY_OPTIONS } from '../../../src/config/rtpproxy/options.js';
import { translateRtpproxy } from '../../../src/config/rtpproxy/translate.js';
import type { Config } from '../../../src/config/schema.js';
import { parseValue } from '../../../src/config/value.js';

const HOST = {
  addressesOf: (name: string) =>
    name === 'any' ? ['192.0.2.10', '2001:db8::10'] : name === 'eth0' ? ['192.0.2.10'] : [],
  ownAddresses: [],
  cores: 2,
};
const ANYWHERE = { isLocal: () => true };
const SHORT = new Map([...RTPPROXY_OPTIONS.keys()].map((name) => [name, name]));

function loaded(line: string): { config: Config; warnings: readonly string[]; mistakes: readonly string[] } {
  const given = parseCommandLine(line.split(' '), { rules: RTPPROXY_OPTIONS, short: SHORT });
  const translated = translateRtpproxy(given.options, HOST);
  const { config, mistakes } = decodeConfig(translated.value, ANYWHERE);
  const all = [...given.mistakes, ...translated.mistakes, ...mistakes];
  return {
    config,
    warnings: translated.warnings,
    mistakes: all.map(({ where, text }) => `${where}: ${text}`),
  };
}

function configOf(line: string): Config {
  const { config, mistakes } = loaded(line);
  expect(mistakes).toEqual([]);
  return config;
}

const addressesOf = ({ interfaces }: Config) =>
  interfaces.map(({ name, addresses }) => [
    name,
    ...addresses.map(({ bind, advertise }) => `${bind}!${advertise}`),
  ]);

describe('rtpproxy command lines', () => {
  it('a usual one gives a whole configuration', () => {
    const line =
      '-s udp:127.0.0.1:22222 -l 192.0.2.10 -m 20000 -M 20100 -T 30 -W 10 -F -f -d DBUG:LOG_LOCAL1 -p /run/x.pid';
    expect(configOf(line)).toMatchObject({
      listen: { ng: [], rtpproxy: [{ kind: 'udp', address: '127.0.0.1', port: 22_222 }] },
      interfaces: [{ portMin: 20_000, portMax: 20_100 }],
      timeouts: { mediaSeconds: 30, silentSeconds: 30, offerSeconds: 10 },
      log: { level: 'debug' },
    });
  });

  it('without options it is what rtpproxy would be', () => {
    const config = configOf('-F');
    expect(config.listen.rtpproxy).toEqual([{ kind: 'unix', path: '/var/run/rtpproxy.sock' }]);
    expect(config).toMatchObject({
      interfaces: [{ portMin: 35_000, portMax: 65_000 }],
      tos: 184,
      timeouts: { offerSeconds: 60 },
    });
    expect(addressesOf(config)).toEqual([['default', '192.0.2.10!192.0.2.10']]);
  });

  it.each([
    ['-l 10.0.0.1', [['default', '10.0.0.1!10.0.0.1']]],
    ['-l 10.0.0.1=203.0.113.1', [['default', '10.0.0.1!203.0.113.1']]],
    ['-l eth0', [['default', '192.0.2.10!192.0.2.10']]],
    ['-l 10.0.0.1 -6 2001:db8::1', [['default', '10.0.0.1!10.0.0.1', '2001:db8::1!2001:db8::1']]],
    ['-6 *', [['default', '2001:db8::10!2001:db8::10']]],
    [
      '-l 10.0.0.1/10.0.1.1',
      [
        ['internal', '10.0.0.1!10.0.0.1'],
        ['external', '10.0.1.1!10.0.1.1'],
      ],
    ],
    [
      '-l 10.0.0.1 -6 /2001:db8::1',
      [
        ['internal', '10.0.0.1!10.0.0.1'],
        ['external', '2001:db8::1!2001:db8::1'],
      ],
    ],
    [
      '-l 10.0.0.1/10.0.1.1 -A 10.0.0.1/203.0.113.1',
      [
        ['internal', '10.0.0.1!10.0.0.1'],
        ['external', '10.0.1.1!203.0.113.1'],
      ],
    ],
    [
      '-l 10.0.0.1 -l wan@10.0.1.1',
      [
        ['default', '10.0.0.1!10.0.0.1'],
        ['wan', '10.0.1.1!10.0.1.1'],
      ],
    ],
  ])('%s', (line, expected) => expect(addressesOf(configOf(line))).toEqual(expected));

  it('a bridge is asymmetric unless it is said to be symmetric', () => {
    expect(configOf('-l 10.0.0.1/10.0.1.1').rtpproxy.asymmetricBridge).toBe(true);
    expect(configOf('-l 10.0.0.1/10.0.1.1 --bridge_symmetric').rtpproxy.asymmetricBridge).toBe(false);
    expect(configOf('-l 10.0.0.1').rtpproxy.asymmetricBridge).toBe(false);
  });

  it('several sockets, and targets with and without prefix', () => {
    const config = configOf(
      '-s unix:/run/a -s cunix:/run/b -s tcp6:[::1]:5000 -s udp:* -n /run/n -n tcp:%%CC_SELF%%:99 -w 0666',
    );
    expect(config.listen.rtpproxy).toEqual([
      { kind: 'unix', path: '/run/a' },
      { kind: 'cunix', path: '/run/b' },
      { kind: 'tcp', address: '::1', port: 5000 },
      { kind: 'udp', address: '0.0.0.0', port: 22_222 },
    ]);
    expect(config.rtpproxy).toMatchObject({
      notify: ['unix:/run/n', 'tcp:%%CC_SELF%%:99'],
      socketMode: 0o666,
    });
  });

  it('recording options say what is recorded where; a spool directory is accepted with a line', () => {
    const { config, warnings } = loaded('-r /tmp -S /var/spool -P -a -R');
    expect(config.recording).toMatchObject({
      directory: '/tmp',
      format: 'eth',
      rtcp: false,
      everyCall: true,
    });
    expect(warnings).toEqual(['-S is accepted and has no effect: files are written where they stay']);
  });

  it('every mistake is named', () => {
    expect(loaded('-q -l nowhere -m x').mistakes).toEqual([
      '-q: unknown option',
      '-l: nowhere is no address, device or host name',
      '-m: x is not a port (1-65535)',
      'rtpproxy options: at least one address is needed',
    ]);
  });
});

describe('listen.rtpproxy', () => {
  it.each(['udp:1.2.3', 'sctp:1.2.3.4', 'unix:', 'udp:1.2.3.4:0', 'somewhere'])(
    '%s is a mistake',
    (written) => {
      const { value } = parseValue(`listen: { rtpproxy: ['${written}'] }`, 'x');
      expect(decodeConfig(value, ANYWHERE).mistakes.map(({ path }) => path)).toEqual(['listen.rtpproxy[0]']);
    },
  );
});
