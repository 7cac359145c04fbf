import { expect, test } from 'vitest';
import { LogBook } from '../../src/observability/log-book.js';
import { createLogger } from '../../src/observability/logger.js';
import { talk } from '../../src/signals.js';

test('a signal changes the levels of all parts of the log that have one, and tells of it once', () => {
  const config = { level: 'info', levels: new Map([['ice', 'trace'] as const]) } as const;
  const logs = new LogBook(createLogger({ level: 'info', format: 'text' }, { write() {} }), config);
  const told: string[] = [];
  const events = { settingChanged: (name: string, value: number) => void told.push(`${name} ${value}`) };
  talk({ logs, events }, 1);
  expect(logs.current).toMatchObject({ core: 7, control: 7, ice: 8, internals: -1 });
  expect(told).toEqual(['log-level 7']);
  talk({ logs, events }, -1);
  expect(logs.current).toMatchObject({ core: 6, ice: 7 });
  for (let times = 0; times < 8; times += 1) talk({ logs, events }, -1);
  expect(told).toHaveLength(9);
});
