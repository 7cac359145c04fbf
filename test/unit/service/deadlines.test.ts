import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deadlines } from '../../../src/service/deadlines.js';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

test('calls are due in order of their time, and not before it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 60 }), (delays) => {
      const due: [atMs: number, callId: string][] = [];
      const deadlines = new Deadlines(Date.now, (callId) => due.push([Date.now(), callId]));
      const start = Date.now();
      for (const delay of delays) deadlines.add(start + delay, String(delay));
      vi.advanceTimersByTime(101_000);
      expect(due.map(([, callId]) => Number(callId))).toEqual([...delays].sort((a, b) => a - b));
      for (const [atMs, callId] of due) {
        expect(atMs).toBeGreaterThanOrEqual(start + Number(callId));
        expect(atMs).toBeLessThanOrEqual(start + Number(callId) + 50);
      }
      expect(deadlines.size).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('one timer serves any number of calls', () => {
  const deadlines = new Deadlines(Date.now, () => {});
  for (let index = 0; index < 1000; index++) deadlines.add(Date.now() + 30_000 + index, `call-${index}`);
  expect(vi.getTimerCount()).toBe(1);
  deadlines.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('a deadline beyond what timers can count is kept', () => {
  const due = vi.fn();
  const deadlines = new Deadlines(Date.now, due);
  const thirtyDays = 30 * 86_400_000;
  deadlines.add(Date.now() + thirtyDays, 'long');
  vi.advanceTimersByTime(thirtyDays - 1000);
  expect(due).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1100);
  expect(due).toHaveBeenCalledWith('long');
});

test('a call added while others are due gets its turn', () => {
  const due: string[] = [];
  const deadlines: Deadlines = new Deadlines(Date.now, (callId) => {
    due.push(callId);
    if (callId === 'first') deadlines.add(Date.now() + 100, 'second');
  });
  deadlines.add(Date.now() + 10, 'first');
  vi.advanceTimersByTime(200);
  expect(due).toEqual(['first', 'second']);
});
