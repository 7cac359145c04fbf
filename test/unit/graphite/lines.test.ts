import { describe, expect, test } from 'vitest';
import { graphiteText, graphiteValues, type NodeMoment } from '../../../src/graphite/lines.js';
import { NODE } from '../control/ng/node.js';

const NOW: NodeMoment = {
  atMs: 1_700_000_060_900,
  totals: NODE,
  families: { IP4: 2, IP6: 1, mixed: 0 },
  interval: NODE.interval,
  controls: NODE.controls,
  isWhole: true,
};

function valuesOf(before: typeof NODE | undefined, now: NodeMoment = NOW): ReadonlyMap<string, string> {
  return new Map(graphiteValues({ node: before, relayed: before }, now));
}

describe('what is told of an interval', () => {
  test('is how long commands took in it, how many came in a second, and how many since the start', () => {
    const values = valuesOf(undefined);
    const names = ['time_min', 'time_max', 'time_avg'].map((name) => values.get(`offer_${name}`));
    expect(names).toEqual(['0.000500', '0.002000', '0.001250']);
    expect(['min', 'max', 'avg'].map((name) => values.get(`offers_ps_${name}`))).toEqual(['1', '3', '2']);
    expect(values.get('offer_count')).toBe('2');
    expect(values.get('answer_time_avg')).toBe('0.000000');
  });

  test('names commands of two words in one', () => {
    const values = valuesOf(undefined);
    expect(values.get('block_media_count')).toBe('1');
    expect([...values.keys()].filter((name) => /\s/.test(name))).toEqual([]);
  });

  test('is what has come since the interval before', () => {
    const before = {
      ...NODE,
      ...{ managedSessions: 6, regularTerminatedSessions: 5, timeoutSessions: 1 },
      ...{ relayedPackets: 90, relayedBytes: 15_000, relayedPacketErrors: 2 },
      relayedInKernel: { packets: 55, bytes: 10_000 },
      callsDuration: { ...NODE.callsDuration, total: 95 },
    };
    const values = valuesOf(before);
    expect(values.get('managed_sess')).toBe('4');
    expect(values.get('regular_term_sess')).toBe('4');
    expect(values.get('timeout_sess')).toBe('0');
    expect(values.get('average_call_dur')).toBe('7.500000');
    expect(values.get('relayed_packets')).toBe('10');
    expect(values.get('relayed_packets_kernel')).toBe('5');
    expect(values.get('relayed_packets_user')).toBe('5');
    expect(values.get('relayed_bytes_user')).toBe('1880');
    expect(values.get('relayed_errors')).toBe('0');
  });

  test('is what there is now, and what there was most and least', () => {
    const values = valuesOf(NODE);
    const names = ['current_sessions_total', 'current_sessions_ipv4', 'managed_sess_min', 'managed_sess_max'];
    expect(names.map((name) => values.get(name))).toEqual(['3', '2', '1', '4']);
    expect(values.get('call_dur')).toBe('7.500000');
    expect(values.get('ports_free_pub_192.0.2.10')).toBe('9700');
    expect(values.get('ports_used_pub_192.0.2.10')).toBe('250');
  });

  test('begins again with a data plane that has started again', () => {
    const values = valuesOf({ ...NODE, relayedPackets: 5_000, relayedBytes: 900_000 });
    expect(values.get('relayed_packets')).toBe('100');
    expect(values.get('relayed_bytes')).toBe('17200');
  });

  test('leaves out what is not known while the data plane does not answer', () => {
    const values = valuesOf(NODE, { ...NOW, isWhole: false, totals: { ...NODE, interfaces: [] } });
    expect([...values.keys()].filter((name) => /^(?:relayed|ports)_/.test(name))).toEqual([]);
    expect(values.get('current_sessions_own')).toBe('3');
  });
});

test('a line is prefix and name, value, and whole seconds', () => {
  expect(graphiteText('voice.', 1_700_000_060_900, [['offer_count', '2']])).toBe(
    'voice.offer_count 2 1700000060\n',
  );
});
