import { expect, test } from 'vitest';
import { keyRecorder } from '../../../src/observability/detail-records.js';
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

test.each([
  ['text', /^info hello callId=x$/],
  ['json', /^\{"level":30,"callId":"x","msg":"hello"\}$/],
] as const)('a line of %s has no time if that is not wanted', (format, line) => {
  const lines: string[] = [];
  const output = { write: (text: string) => void lines.push(text.trimEnd()) };
  createLogger({ level: 'info', format, timestamps: false }, output).info({ callId: 'x' }, 'hello');
  expect(lines).toEqual([expect.stringMatching(line)]);
});

test('a key that was pressed is written whatever the level is, and says who pressed it', () => {
  const lines: string[] = [];
  const output = { write: (text: string) => void lines.push(text.trimEnd()) };
  const press = { callId: 'x', tag: 'a', tags: ['a', 'b'], atMs: 0, source: '192.0.2.1' };
  const logger = createLogger({ level: 'error', format: 'text', timestamps: false }, output);
  keyRecorder(logger).tellKey({ ...press, event: 11, durationMs: 100, volume: 10 } as never);
  expect(lines).toEqual(['record key callId=x tag=a key=# durationMs=100 volume=10']);
});
