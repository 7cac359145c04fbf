import { expect, test } from 'vitest';
import { IntervalMeter, NO_INTERVAL } from '../../../src/observability/intervals.js';

const START = 1_700_000_000_000;

/** A meter of three-second intervals, and a second after the other with what happens in it. */
function meter() {
  const intervals = new IntervalMeter(START, 3_000);
  let now = START;
  const second = (sessions: number, ...delays: readonly number[]): boolean => {
    for (const delay of delays) intervals.record('offer', delay);
    now += 1_000;
    return intervals.second(now, sessions);
  };
  return { intervals, second };
}

test('nothing is told before the first interval is over', () => {
  const { intervals, second } = meter();
  expect(second(4, 0.5)).toBe(false);
  expect(intervals.last).toEqual(NO_INTERVAL);
});

test('an interval has the extremes and the mean of delays, of commands a second and of calls', () => {
  const { intervals, second } = meter();
  second(2, 0.002, 0.004);
  second(5, 0.001, 0.003, 0.005, 0.009);
  expect(second(3)).toBe(true);
  const { callSeconds, sessions, commands } = intervals.last;
  expect(commands.get('offer')).toEqual({
    delay: { min: 0.001, max: 0.009, mean: 0.004 },
    rate: { min: 0, max: 4, mean: 2 },
  });
  expect(sessions).toEqual({ min: 2, max: 5, mean: 10 / 3 });
  expect(callSeconds).toBe(10);
});

test('an interval says nothing of the one before', () => {
  const { intervals, second } = meter();
  for (const sessions of [9, 9, 9]) second(sessions, 0.1);
  for (const sessions of [1, 1, 1]) second(sessions);
  expect(intervals.last.sessions).toEqual({ min: 1, max: 1, mean: 1 });
  expect(intervals.last.callSeconds).toBe(3);
  expect(intervals.last.commands.get('offer')).toEqual({
    delay: { min: 0, max: 0, mean: 0 },
    rate: { min: 0, max: 0, mean: 0 },
  });
});

test('a timer that comes a little early or late does not change which seconds are an interval', () => {
  const intervals = new IntervalMeter(START, 3_000);
  const over = [990, 1_995, 2_980, 4_020, 5_010, 5_970].map((at) => intervals.second(START + at, 1));
  expect(over).toEqual([false, false, true, false, false, true]);
});

test('rates are per second, however long the process was held up', () => {
  const intervals = new IntervalMeter(START, 4_000);
  for (let at = 0; at < 20; at += 1) intervals.record('ping', 0.001);
  expect(intervals.second(START + 4_000, 1)).toBe(true);
  expect(intervals.last.commands.get('ping')?.rate).toEqual({ min: 5, max: 5, mean: 5 });
});
