import { describe, expect, test } from 'vitest';
import { summary } from '../../../scripts/failures.mjs';

const failure = (name: string, lines: number) => ({
  suite: 'unit',
  name,
  reason: Array.from({ length: lines }, (_, at) => `reason ${at}`),
  logs: [{ of: 'tandem', end: Array.from({ length: 50 }, (_, at) => `log ${at}`) }],
});

describe('what a run says of its failures', () => {
  test('has a reason and the end of a log for one', () => {
    const lines = summary([failure('a', 2)], 60);
    expect(lines.slice(0, 4)).toEqual(['failed: unit: a', '    reason 0', '    reason 1', '    --- tandem']);
    expect(lines.slice(4)).toEqual(Array.from({ length: 20 }, (_, at) => `    log ${at + 30}`));
  });

  test.each([1, 2, 10, 11, 25, 5_000])('has room for the names and reasons of %i', (count) => {
    const failures = Array.from({ length: count }, (_, at) => failure(`test ${at}`, 100));
    const lines = summary(failures, 60);
    expect(lines.length).toBeLessThanOrEqual(60);
    for (let at = 0; at < Math.min(count, 10); at += 1) {
      const place = lines.indexOf(`failed: unit: test ${at}`);
      expect(lines[place + 1]).toBe('    reason 0');
    }
  });

  test('is cut where a line is endless', () => {
    const [, line = ''] = summary([{ suite: 'unit', name: 'a', reason: ['x'.repeat(10_000)], logs: [] }], 60);
    expect(line.length).toBeLessThan(300);
  });
});
