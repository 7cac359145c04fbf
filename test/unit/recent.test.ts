import { expect, test } from 'vitest';
import { Recent } from '../../src/recent.js';

test('what was asked for lately is kept', () => {
  const recent = new Recent<number>(10);
  for (let number = 0; number < 100; number += 1) {
    recent.set(`key ${number}`, number);
    expect(recent.get('key 0')).toBe(0);
  }
});

test('what nobody asks for is forgotten', () => {
  const recent = new Recent<number>(10);
  for (let number = 0; number < 20; number += 1) recent.set(`key ${number}`, number);
  expect(recent.get('key 0')).toBeUndefined();
});

test('never holds more than its limit', () => {
  const recent = new Recent<number>(10);
  for (let number = 0; number < 1000; number += 1) {
    recent.set(`key ${number % 37}`, number);
    recent.get(`key ${(number * 7) % 37}`);
    expect(recent.size).toBeLessThanOrEqual(11);
  }
});
