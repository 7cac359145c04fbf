import { mkdtempSync, rmdirSync, writeFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { callDefaults } from '../../../src/config/derive.js';
import { decodeConfig } from '../../../src/config/decode.js';
import { parseCommandLine } from '../../../src/config/rtpengine/command-line.js';
import { putRecording } from '../../../src/config/rtpengine/recording.js';
import { parseValue, type Value } from '../../../src/config/value.js';

const directory = mkdtempSync(join(tmpdir(), 'tandem-recording-'));
afterAll(() => rmdirSync(directory));

function decoded(recording: string) {
  const { value } = parseValue(`interfaces: [127.0.0.1]\nrecording: ${recording}`, 'test');
  const { config, mistakes } = decodeConfig(value, { isLocal: () => true });
  return { config, mistakes: mistakes.map(({ path, text }) => `${path}: ${text}`) };
}

describe('recording', () => {
  test('is off unless a directory is named', () => {
    const { config, mistakes } = decoded('{}');
    expect(mistakes).toEqual([]);
    expect(callDefaults(config, 'here')).toMatchObject({ recording: null, forwardTo: null });
  });

  test('has a directory, a format and a side', () => {
    const { config } = decoded(
      `{ dir: ${directory}/, format: eth, side: both, rtcp: false, everyCall: true }`,
    );
    expect(callDefaults(config, 'here').recording).toEqual({
      ...{ directory, link: 'ethernet', side: 'both', rtcp: false, everyCall: true },
    });
  });

  test.each([
    ['{ dir: /nowhere/at/all }', 'recording.dir: /nowhere/at/all is not a directory that exists'],
    ['{ dir: relative }', 'recording.dir: relative is not an absolute path'],
    ['{ dir: /tmp/ä }', 'recording.dir: has characters that are not ASCII'],
    ['{ dir: / }', 'recording.dir: is the whole file system'],
    ['{ method: proc }', 'recording.method: proc is not one of pcap'],
    ['{ format: wav }', 'recording.format: wav is not one of raw, eth'],
    ['{ side: left }', 'recording.side: left is not one of arriving, leaving, both'],
    ['{ everyCall: true }', 'recording.everyCall: needs recording.dir'],
    [
      '{ forwardTo: nobody }',
      'recording.forwardTo: nobody is not an address with a port, such as 192.0.2.1:4000',
    ],
    [
      '{ forwardTo: "0.0.0.0:4000" }',
      'recording.forwardTo: 0.0.0.0:4000 is not an address with a port, such as 192.0.2.1:4000',
    ],
    ['{ direktory: /tmp }', 'recording.direktory: unknown key'],
  ])('%s is a mistake', (text, mistake) => {
    expect(decoded(text).mistakes).toEqual([expect.stringContaining(mistake)]);
  });

  test('does not take a file for a directory', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    expect(decoded(`{ dir: ${file} }`).mistakes).toHaveLength(1);
    rmSync(file);
  });

  test('forwards RTCP to the next port', () => {
    expect(callDefaults(decoded('{ forwardTo: "192.0.2.1:4000" }').config, 'here').forwardTo).toEqual({
      ...{ kind: 'datagrams', rtp: '192.0.2.1:4000', rtcp: '192.0.2.1:4001' },
    });
  });
});

describe("rtpengine's options", () => {
  test.each<[string, Record<string, string>, number]>([
    ['--recording-dir=/rec --recording-format=ETH', { dir: '/rec', format: 'eth' }, 0],
    ['--recording-method=pcap', { method: 'pcap' }, 0],
    ['--recording-method=proc', {}, 1],
    ['--recording-method=all', {}, 1],
    ['--recording-method=nonsense', { method: 'nonsense' }, 0],
    ['--record-egress', { side: 'leaving' }, 0],
    ['--record-egress --record-both', { side: 'both' }, 0],
  ])('%s', (line, expected, warnings) => {
    const root = new Map<string, Value>();
    const warned = putRecording(root, parseCommandLine(line.split(' ')).options);
    const written = root.get('recording');
    const entries = written?.kind === 'map' ? [...written.entries] : [];
    const plain = entries.map(([key, value]) => [key, value.kind === 'scalar' ? value.value : '']);
    expect(Object.fromEntries(plain)).toEqual(expected);
    expect(warned).toHaveLength(warnings);
  });
});
