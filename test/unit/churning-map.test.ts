import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChurningMap } from '../../src/churning-map.js';

test('it holds what a plain map holds, however often entries come and go', () => {
  const change = fc.record({ key: fc.integer({ min: 0, max: 40 }), isSet: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1000, maxLength: 3000 }), (changes) => {
      const [map, plain] = [new ChurningMap<number, number>(), new Map<number, number>()];
      for (const [at, { key, isSet }] of changes.entries()) {
        if (isSet) {
          map.set(key, at);
          plain.set(key, at);
        } else {
          expect(map.delete(key)).toBe(plain.delete(key));
        }
        expect(map.get(key)).toBe(plain.get(key));
      }
      expect([...map]).toEqual([...plain]);
      expect([...map.keys()]).toEqual([...plain.keys()]);
      expect([...map.values()]).toEqual([...plain.values()]);
      expect(map.size).toBe(plain.size);
      map.clear();
      expect(map.size).toBe(0);
    }),
    { numRuns: 20 },
  );
});
