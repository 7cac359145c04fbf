import { describe, expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { loadRtpengine } from '../../../src/config/rtpengine/load.js';
import { describeMistake, parseValue } from '../../../src/config/value.js';

const HOST = { isLocal: () => true };

function decoded(text: string) {
  const { value, mistakes } = parseValue(text, 'x.yaml');
  const read = decodeConfig(value, HOST);
  return { graphite: read.config.graphite, mistakes: [...mistakes, ...read.mistakes].map(describeMistake) };
}

describe('graphite', () => {
  test.each([
    ['198.51.100.9:2003', { host: '198.51.100.9', port: 2003 }],
    ['graphite.example.com:2003', { host: 'graphite.example.com', port: 2003 }],
    ['"[2001:db8::9]:2003"', { host: '2001:db8::9', port: 2003 }],
  ])('is told at %s', (written, server) => {
    expect(decoded(`graphite: {server: ${written}}\n`)).toEqual({
      graphite: { server, intervalSeconds: 60, prefix: '', timeoutSeconds: 5 },
      mistakes: [],
    });
  });

  test.each([
    ['server: monitor', 'server: monitor is not a host with a port, such as'],
    ['server: monitor:0', 'server: monitor:0 is not a host with a port, such as'],
    ['server: monitor:70000', 'server: monitor:70000 is not a host with a port, such as'],
    ['server: "2001:db8::9:2003"', 'server: 2001:db8::9:2003 is not a host with a port, such as'],
    ['server: [a:1, b:2]', 'server: a list is not a text'],
    ['intervalSeconds: 0', 'intervalSeconds: 0 is not a number of seconds (1-86400)'],
    ['intervalSeconds: 1.5', 'intervalSeconds: 1.5 is not a number of seconds (1-86400)'],
    ['timeoutSeconds: soon', 'timeoutSeconds: soon is not a number of seconds (1-300)'],
    ['prefix: "voice node."', 'prefix: "voice node." is not of printable ASCII without spaces'],
    ['prefix: "a\\nb"', 'prefix: "a\\nb" is not of printable ASCII without spaces'],
    ['interval: 10', 'interval: unknown key, did you mean intervalSeconds?'],
    ['host: monitor:2003', 'host: unknown key, did you mean server?'],
  ])('%s is a mistake', (line, mistake) => {
    expect(decoded(`tos: 0\ngraphite:\n  ${line}\n`).mistakes).toEqual([
      expect.stringMatching(`^x\\.yaml:3: graphite\\.${escaped(mistake)}`),
    ]);
  });

  test('all mistakes are named at once', () => {
    const text = 'graphite:\n  server: x\n  intervalSeconds: 0\n  prefix: " "\n  timeoutSeconds: 0\n';
    expect(decoded(text).mistakes.map((mistake) => mistake.split(':').slice(0, 2).join(':'))).toEqual([
      ...['x.yaml:2', 'x.yaml:3', 'x.yaml:5', 'x.yaml:4'],
    ]);
  });
});

describe("rtpengine's --graphite", () => {
  async function graphiteOf(...words: readonly string[]) {
    const needed = ['--config-file=none', '--interface=127.0.0.1', '--listen-ng=127.0.0.1:2223'];
    const loaded = await loadRtpengine([...needed, ...words], HOST);
    if (loaded.kind === 'mistakes') return loaded.mistakes.map(describeMistake);
    return loaded.kind === 'config' ? loaded.config.graphite : loaded.kind;
  }

  test.each([[], ['--graphite-interval=0'], ['--graphite-interval=-1']])(
    'is told each second without an interval: %j',
    async (...words) => {
      expect(await graphiteOf('--graphite=127.0.0.1:2003', ...words)).toMatchObject({ intervalSeconds: 1 });
    },
  );

  test('that cannot be is named by its option', async () => {
    expect(await graphiteOf('--graphite=monitor', '--graphite-interval=often')).toEqual([
      expect.stringMatching(/^--graphite: graphite.server: monitor is not a host with a port/),
      '--graphite-interval: graphite.intervalSeconds: often is not a number of seconds (1-86400)',
    ]);
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
