import { expect, it } from 'vitest';
import { randomPool } from '../../src/random-pool.js';

it('gives as many bytes as asked for, never the same ones twice', () => {
  const random = randomPool();
  const given = [16, 512, 16_000, 40_000, 1, 512].map((count) => random.bytes(count));
  expect(given.map(({ length }) => length)).toEqual([16, 512, 16_000, 40_000, 1, 512]);
  const kept = given.map((bytes) => Buffer.from(bytes).toString('hex'));
  for (let count = 0; count < 100; count += 1) random.bytes(512);
  expect(given.map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual(kept);
  expect(new Set([given[1], given[5]].map((bytes) => Buffer.from(bytes ?? []).toString('hex'))).size).toBe(2);
});
