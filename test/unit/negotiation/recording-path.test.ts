import { describe, expect, test } from 'vitest';
import { recordingPlace } from '../../../src/negotiation/recording-path.js';

const NAMES = { callId: 'call', random: '0123456789abcdef', now: 1_700_000_000_000 };
const LONGEST_OF_FILE_SYSTEMS = 255;
const DIGITS = '-0123456789abcdef'.length;

describe('a name', () => {
  test.each([
    ['a file', { file: 'a'.repeat(240) }],
    ['a file whose bytes take three each', { file: '\xe9'.repeat(100) }],
    ['a directory', { directory: `${'a'.repeat(240)}/b` }],
    ['a pattern', { pattern: '%c%c%c%r'.repeat(20) }],
  ])('of %s that no file system takes is refused for its length', (_, destination) => {
    expect(recordingPlace('/spool', destination, NAMES)).toMatchObject({
      kind: 'failure',
      message: 'recording destination has a name of more than 230 bytes',
    });
  });

  test.each([
    ['a file', { file: 'a'.repeat(230) }, 'call'],
    ['a file whose bytes take three each', { file: '\xe9'.repeat(76) }, 'call'],
    ['a Call-ID', {}, '@'.repeat(1000)],
    ['a Call-ID in a pattern', { pattern: '%c-%r' }, '.'.repeat(1000)],
  ])('of %s has room for digits behind it', (_, destination, callId) => {
    const place = recordingPlace('/spool', destination, { ...NAMES, callId });
    if (place.kind === 'failure') throw new Error(place.message);
    const name = place.path.split('/').at(-1) ?? '';
    expect(name.length + DIGITS).toBeLessThanOrEqual(LONGEST_OF_FILE_SYSTEMS);
  });
});
