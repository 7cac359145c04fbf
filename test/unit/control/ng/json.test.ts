import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, encodeJson } from '../../../../src/control/ng/json.js';
import { toDictionary } from '../../../support/ng-client.js';

const decode = (text: string) => decodeJson(Buffer.from(text, 'utf8'));

describe('JSON', () => {
  test('text is held as its UTF-8 bytes and written back as the same text', () => {
    const read = decode('{"call-id":"grüße €"}');
    expect(read?.get('call-id')).toBe(Buffer.from('grüße €', 'utf8').toString('latin1'));
    const written = encodeJson(read ?? new Map());
    expect(Buffer.from(written, 'latin1').toString('utf8')).toBe('{"call-id":"grüße €"}');
  });

  test('bytes that are no UTF-8 are written as latin1', () => {
    expect(Buffer.from(encodeJson(new Map([['a', '\xff']])), 'latin1').toString('utf8')).toBe('{"a":"ÿ"}');
  });

  test('true and false are 1 and 0, null is not there', () => {
    expect(decode('{"a":true,"b":false,"c":null,"d":[null,1,true]}')).toEqual(
      toDictionary({ a: 1, b: 0, d: [1, 1] }),
    );
  });

  test('SDP keeps its line ends', () => {
    expect(decode('{"sdp":"v=0\\r\\n"}')?.get('sdp')).toBe('v=0\r\n');
  });

  test('keys that look like properties of objects are keys', () => {
    expect(decode('{"__proto__":"x","constructor":"y"}')).toEqual(
      new Map([
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ]),
    );
  });

  test.each([
    ['{'],
    [''],
    ['[]'],
    ['{"a":}'],
    ['{"a":1} x'],
    [`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
  ])('refused: %.20s', (text) => {
    expect(decode(text)).toBeUndefined();
  });

  test('nothing throws, whatever the text', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => void decode(text)));
  });
});
