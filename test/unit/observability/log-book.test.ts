import { describe, expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { describeMistake, parseValue } from '../../../src/config/value.js';
import { newCounters } from '../../../src/observability/counters.js';
import { createEvents } from '../../../src/observability/events.js';
import type { Event } from '../../../src/dataplane/protocol.gen.js';
import { LogBook } from '../../../src/observability/log-book.js';
import { createLogger } from '../../../src/observability/logger.js';

const ICE = { kind: 'iceState', session: 'call', revision: 1, stream: 1, state: 'completed' } as const;
const LEARNED: Extract<Event, { kind: 'remoteLearned' }> = {
  kind: 'remoteLearned',
  ...{ session: 'call', revision: 1, stream: 1, component: 'rtp', address: '192.0.2.1:4000' },
};

/** The log of a configuration, and what events have made of it. */
function logged(text: string) {
  const { value } = parseValue(text, 'x.yaml');
  const { config, mistakes } = decodeConfig(value, { isLocal: () => true });
  const lines: string[] = [];
  const output = { write: (line: string) => void lines.push(line.replace(/^\S+ (.*)\n$/, '$1')) };
  const logs = new LogBook(createLogger(config.log, output), config.log);
  const events = createEvents(logs.lines(), newCounters());
  return { logs, events, lines, mistakes: mistakes.map(describeMistake) };
}

describe('levels of parts of the log', () => {
  test('are those of all unless they have their own', () => {
    const { logs } = logged('log: {level: warn, levels: {ice: debug, srtp: error}}\n');
    expect(logs.start).toMatchObject({ core: 4, ice: 7, srtp: 3, control: 4, internals: -1 });
  });

  test('decide which events are told', () => {
    const { events, lines } = logged('log: {levels: {ice: debug}}\n');
    events.iceState(ICE);
    events.remoteLearned(LEARNED);
    expect(lines).toEqual(['debug ICE callId=call stream=1 state=completed']);
  });

  test('can be changed, down to nothing at all', () => {
    const { logs, events, lines } = logged('');
    logs.change('ice', 7);
    events.iceState(ICE);
    logs.change('ice', -1);
    events.iceState({ ...ICE, state: 'failed' });
    expect(lines).toHaveLength(1);
    expect(logs.current).toEqual({ ...logs.start, ice: -1 });
  });

  test('are named with their mistakes', () => {
    expect(logged('log:\n  levels:\n    ice: loud\n    ise: debug\n').mistakes).toEqual([
      'x.yaml:3: log.levels.ice: loud is not one of error, warn, info, debug, trace',
      'x.yaml:4: log.levels.ise: unknown key, did you mean ice?',
    ]);
  });
});

describe('a call that is watched', () => {
  test('has everything told of it, and no other has', () => {
    const { logs, events, lines } = logged('log: {level: error}\n');
    logs.watch('call', true);
    events.remoteLearned(LEARNED);
    events.iceState(ICE);
    events.remoteLearned({ ...LEARNED, session: 'other' });
    expect(lines.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'debug peer found',
      'debug ICE callId=call',
    ]);
    logs.watch('call', false);
    events.remoteLearned(LEARNED);
    expect(lines).toHaveLength(2);
  });

  test('is forgotten with its end, which is told', () => {
    const { logs, events, lines } = logged('log: {level: error}\n');
    logs.watch('call', true);
    events.callEnded({ callId: 'call', createdMs: 0 }, 'deleted', 1_000, null);
    events.remoteLearned(LEARNED);
    expect(lines).toEqual(['info call ended callId=call reason=deleted seconds=1 packets=0']);
  });

  test('has what control protocols say of it told', () => {
    const { logs, lines } = logged('log: {level: error}\n');
    logs.watch('call', true);
    for (const callId of ['call', 'other']) logs.lines('control').warn({ callId }, 'not understood');
    expect(lines).toEqual(['warn not understood callId=call']);
  });

  test('is forgotten when another node has it', () => {
    const { logs, events, lines } = logged('log: {level: error}\n');
    logs.watch('call', true);
    events.callLeft('call');
    events.remoteLearned(LEARNED);
    expect(lines).toEqual([]);
  });
});
