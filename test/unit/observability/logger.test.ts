import { expect, test } from 'vitest';
import { createLogger } from '../../../src/observability/logger.js';

function lines(format: 'text' | 'json', log: (logger: ReturnType<typeof createLogger>) => void): string[] {
  const written: string[] = [];
  log(createLogger({ level: 'info', format }, { write: (line) => void written.push(line) }));
  return written;
}

test('a readable line has time, level, event and fields', () => {
  const [line] = lines('text', (logger) => logger.info({ callId: 'a@b', seconds: 3 }, 'call ended'));
  expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info call ended callId=a@b seconds=3\n$/);
});

test('text from the network cannot forge lines', () => {
  const [line] = lines('text', (logger) =>
    logger.info({ callId: 'x\n2026 error fake\x1b[2J' }, 'call\ncreated'),
  );
  expect(line?.trimEnd()).not.toMatch(/\p{Cc}/u);
  expect(line).toContain('callId="x\\n2026 error fake\\u001b[2J"');
});

test('JSON on request', () => {
  const [line] = lines('json', (logger) => logger.warn({ callId: 'a' }, 'strange'));
  expect(JSON.parse(line ?? '')).toMatchObject({ level: 40, callId: 'a', msg: 'strange' });
});

test('what is below the level is not written', () => {
  expect(lines('text', (logger) => logger.debug('quiet'))).toEqual([]);
});
