import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBencode, encodeBencode } from '../../../../src/control/ng/bencode.js';
import { toDictionary } from '../../../support/ng-client.js';
import { dictionary } from './arbitrary.js';

const decode = (text: string) => decodeBencode(Buffer.from(text, 'latin1'));

describe('bencode', () => {
  test('what was written is read back, in the same order', () => {
    fc.assert(
      fc.property(dictionary, (value) => {
        const read = decode(encodeBencode(value));
        expect(read).toEqual(value);
        expect([...(read?.keys() ?? [])]).toEqual([...value.keys()]);
      }),
    );
  });

  test('strings are bytes', () => {
    expect(decode('d1:a2:\xc3\xa4e')).toEqual(new Map([['a', '\xc3\xa4']]));
  });

  test.each([
    ['unsorted keys', 'd1:b1:x1:a1:ye', { b: 'x', a: 'y' }],
    ['of duplicate keys the first', 'd1:a1:x1:a1:ye', { a: 'x' }],
    ['bytes behind the dictionary', 'd1:a1:xe\r\nmore', { a: 'x' }],
    ['a dictionary without its end', 'd1:a1:x', { a: 'x' }],
    ['a list and a dictionary without their ends', 'd1:ali1e', { a: [1] }],
    ['an empty dictionary', 'de', {}],
    ['an empty string', 'd1:a0:e', { a: '' }],
    ['zero', 'd1:ai0ee', { a: 0 }],
    ['negative integers', 'd1:ai-12ee', { a: -12 }],
    ['a plus sign', 'd1:ai+12ee', { a: 12 }],
    [
      'integers beyond what is exact, saturated',
      'd1:ai-99999999999999999999ee',
      { a: -Number.MAX_SAFE_INTEGER },
    ],
  ])('%s: accepted', (_what, text, expected) => {
    expect(decode(text)).toEqual(toDictionary(expected));
  });

  test.each([
    ['another value than a dictionary', 'li1ee'],
    ['a key without a value', 'd1:a'],
    ['a key that is an integer', 'di1e1:ae'],
    ['a string beyond the end', 'd1:a5:abe'],
    ['an integer without its end', 'd1:ai12'],
    ['an integer without digits', 'd1:aie1:b1:ce'],
    ['minus zero', 'd1:ai-0ee'],
    ['leading zeros of an integer', 'd1:ai00ee'],
    ['leading zeros of a length', 'd01:a1:be'],
    ['nothing', ''],
  ])('%s: refused', (_what, text) => {
    expect(decode(text)).toBeUndefined();
  });

  test('a nesting of ten thousand is refused without filling the stack', () => {
    expect(decode(`d1:a${'l'.repeat(10_000)}${'e'.repeat(10_000)}e`)).toBeUndefined();
    expect(decode('d1:a'.repeat(10_000))).toBeUndefined();
  });

  test('nothing throws, whatever the bytes', () => {
    const almost = fc.stringMatching(/^d[dlie0-9:a-]{0,60}$/);
    const bytes = fc.oneof(
      almost,
      fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b).toString('latin1')),
    );
    fc.assert(fc.property(bytes, (text) => void decode(text)));
  });

  test('every prefix of a message is read or refused', () => {
    const whole = 'd7:command5:offer5:flagsl3:one3:twoe3:sdp6:v=0\r\nx5:counti5ee';
    for (let length = 0; length <= whole.length; length += 1) decode(whole.slice(0, length));
    expect(decode(whole)?.get('count')).toBe(5);
  });
});
