import { expect, test } from 'vitest';
import type { LoadLimits } from '../../../src/command/load.js';
import { decodeConfig } from '../../../src/config/decode.js';
import { callDefaults } from '../../../src/config/derive.js';
import { parseValue } from '../../../src/config/value.js';
import { CommandLine } from '../../../src/control/cli/interpreter.js';
import type { CallRules } from '../../../src/service/call-service.js';
import { LogBook } from '../../../src/observability/log-book.js';
import { createLogger } from '../../../src/observability/logger.js';
import { operatedNode } from '../../../src/service/operator.js';

/** What an operator changes by the command line, with what was configured. */
function operated(text: string) {
  const { config } = decodeConfig(parseValue(text, 'x.yaml').value, { isLocal: () => true });
  const [limits, rules, settings]: [LoadLimits[], CallRules[], string[]] = [[], [], []];
  const node = operatedNode({
    config,
    defaults: callDefaults(config, 'n1'),
    service: {
      adjust: (to) => void rules.push(to),
      end: async () => false,
      handle: async () => ({ kind: 'pong' }),
    },
    load: { adjust: (to) => void limits.push(to) },
    registry: { callIds: [], families: () => ({ IP4: 0, IP6: 0, mixed: 0 }), find: () => undefined },
    controls: () => [],
    logs: new LogBook(createLogger({ level: 'info', format: 'text' }, { write() {} }), config.log),
    events: {
      settingChanged: (name, value) => void settings.push(`${name} ${value}`),
      callWatched: (callId, on) => void settings.push(`watched ${callId} ${on}`),
    },
  });
  const line = new CommandLine(node, { debug() {}, warn() {}, error() {} });
  return { limits, rules, settings, say: (words: string) => line.answer(words) };
}

test('limits of load are set one by one beside the configured ones, and 0 takes one off', async () => {
  const { limits, rules, settings, say } = operated('limits: {loadAverage: 2.5, bytesPerSecond: 1000}\n');
  expect(await say('list maxload')).toBe('Maximum load average configured on rtpengine: 2.50\n');
  expect(await say('list maxcpu')).toBe('Maximum CPU usage configured on rtpengine: 0.0\n');
  expect(await say('set maxcpu 55.5')).toBe('Success setting maxcpu to 55.5\n');
  await say('set maxload 0');
  await say('set maxbw 2000');
  expect(limits).toEqual([
    { loadAverage: 2.5, cpuPercent: 55.5, bytesPerSecond: 1000 },
    { loadAverage: null, cpuPercent: 55.5, bytesPerSecond: 1000 },
    { loadAverage: null, cpuPercent: 55.5, bytesPerSecond: 2000 },
  ]);
  expect(rules).toEqual([]);
  expect(await say('params diff')).toBe(
    'max-cpu: 0.0 => 55.5\nmax-load: 2.50 => 0.00\nmax-bw: 1000 => 2000\n',
  );
  await say('params revert');
  expect(limits.at(-1)).toEqual({ loadAverage: 2.5, cpuPercent: null, bytesPerSecond: 1000 });
  expect(settings).toContain('maxcpu 55.5');
});

test('the number of calls is a rule for new calls', async () => {
  const { rules, say } = operated('');
  await say('set maxsessions 5');
  await say('set maxsessions -1');
  expect(rules.map(({ maxSessions }) => maxSessions)).toEqual([5, null]);
});
