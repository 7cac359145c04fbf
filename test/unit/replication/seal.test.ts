import { expect, test } from 'vitest';
import { Seal } from '../../../src/replication/seal.js';

const [ONE, OTHER] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

test('what is sealed is read with its key, about its call', () => {
  const seal = new Seal([ONE]);
  const sealed = seal.seal('the keys \u00ff', 'call');
  expect(sealed.includes('keys')).toBe(false);
  expect(seal.open(sealed, 'call')).toBe('the keys \u00ff');
  expect(seal.open(sealed, 'another call')).toBeUndefined();
  expect(new Seal([OTHER]).open(sealed, 'call')).toBeUndefined();
  expect(new Seal([OTHER, ONE]).open(sealed, 'call')).toBe('the keys \u00ff');
});

test('no two seals are alike', () => {
  const seal = new Seal([ONE]);
  expect(seal.seal('text', 'call').equals(seal.seal('text', 'call'))).toBe(false);
});

test('what was altered anywhere, or cut off, is not read', () => {
  const seal = new Seal([ONE]);
  const sealed = seal.seal('text', 'call');
  for (let at = 0; at < sealed.length; at++) {
    const altered = Buffer.from(sealed);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(seal.open(altered, 'call')).toBeUndefined();
    expect(seal.open(sealed.subarray(0, at), 'call')).toBeUndefined();
  }
});

test('without a key everything is readable, and nothing that is sealed', () => {
  const plain = new Seal([]);
  expect(plain.open(plain.seal('text', 'call'), 'call')).toBe('text');
  expect(plain.open(new Seal([ONE]).seal('text', 'call'), 'call')).toBeUndefined();
  expect(new Seal([ONE]).open(plain.seal('text', 'call'), 'call')).toBeUndefined();
});
