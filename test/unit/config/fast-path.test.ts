import { describe, expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { describeMistake, parseValue } from '../../../src/config/value.js';

function fastPathOf(text: string) {
  const { value } = parseValue(text, 'x.yaml');
  const { config, mistakes } = decodeConfig(value, { isLocal: () => true });
  return { fastPath: config.fastPath, mistakes: mistakes.map(describeMistake) };
}

describe('fastPath', () => {
  test('is used where it is to be had unless the configuration says otherwise', () => {
    expect(fastPathOf('')).toEqual({
      fastPath: {
        mode: 'auto',
        devices: [],
        pinDirectory: '/sys/fs/bpf/tandem',
        maxStreams: 32_768,
        hook: 'auto',
      },
      mistakes: [],
    });
  });

  test.each(['require', 'auto', 'off'])('%s can be said in a word', (mode) => {
    expect(fastPathOf(`fastPath: ${mode}\n`)).toMatchObject({ fastPath: { mode }, mistakes: [] });
  });

  test('is read with everything there is to say', () => {
    const text =
      'fastPath:\n  mode: require\n  devices: [eth0, bond0.12]\n  pinDirectory: /sys/fs/bpf/a\n  maxStreams: 100\n  hook: tc\n';
    expect(fastPathOf(text)).toEqual({
      fastPath: {
        mode: 'require',
        devices: ['eth0', 'bond0.12'],
        pinDirectory: '/sys/fs/bpf/a',
        maxStreams: 100,
        hook: 'tc',
      },
      mistakes: [],
    });
  });

  test.each([
    ['fastPath: maybe\n', 'x.yaml:1: fastPath: maybe is not one of require, auto, off'],
    ['fastPath:\n  mode: maybe\n', 'x.yaml:2: fastPath.mode: maybe is not one of require, auto, off'],
    ['fastPath:\n  devices: eth/0\n', 'x.yaml:2: fastPath.devices: eth/0 is not a name of a network device'],
    ['fastPath:\n  pinDirectory: bpf\n', 'x.yaml:2: fastPath.pinDirectory: bpf is not an absolute path'],
    [
      'fastPath:\n  maxStreams: 0\n',
      'x.yaml:2: fastPath.maxStreams: 0 is not a number of streams (1-1048576)',
    ],
    ['fastPath:\n  table: 0\n', 'x.yaml:2: fastPath.table: unknown key'],
  ])('%j is a mistake with its place', (text, mistake) => {
    expect(fastPathOf(text).mistakes).toEqual([mistake]);
  });
});
