import { describe, expect, test } from 'vitest';
import { rtpengineMetrics } from '../../../src/http/rtpengine-metrics.js';
import { NODE } from '../control/ng/node.js';

const METRICS = rtpengineMetrics(NODE, NODE.controls);

/** Types and labels in what rtpengine 10.5 answers to `GET /metrics` with a call behind it. */
const OF_10_5 = `
sessions gauge type=own|foreign
transcoded_media gauge
mediastreams gauge type=userspace|kernel|mixed
uptime_seconds gauge
sessions_total counter
closed_sessions_total counter reason=rejected|timeout|silent_timeout|final_timeout|offer_timeout|terminated|force_terminated
packets_total counter type=userspace|kernel
packet_errors_total counter type=userspace|kernel
bytes_total counter type=userspace|kernel
zero_packet_streams_total counter
one_way_sessions_total counter
call_duration_avg gauge
call_duration_total counter
call_duration2_total counter
mos_total counter
mos2_total counter
mos_samples_total counter
requests_total counter proxy request
request_seconds_total counter proxy request
errors_total counter proxy
ports_used gauge name address
ports_free gauge name address
ports gauge name address
`;
/** What later versions have besides, as far as we know the value. */
const MEASURED = ['jitter', 'rtt_e2e', 'rtt_dsct', 'packetloss', 'jitter_measured'].flatMap(sums);
const LATER = [
  ...[...MEASURED, 'packets_lost', 'rtp_duplicates', 'rtp_reordered'],
  ...[...sums('mos'), ...MEASURED].map((name) => `interface_${name}`),
  ...['packets', 'bytes', 'errors', 'packets_lost', 'duplicates'].map((name) => `interface_${name}`),
];

function sums(name: string): readonly string[] {
  return [`${name}_total`, `${name}2_total`, `${name}_samples_total`];
}

type Metric = {
  readonly type: string;
  readonly labels: readonly string[];
  readonly values: readonly string[];
};

function theirs(): ReadonlyMap<string, Metric> {
  const rows = OF_10_5.trim().split('\n');
  return new Map(
    rows.map((row) => {
      const [name = '', type = '', ...words] = row.split(' ');
      const values = (words[0]?.split('=')[1] ?? '').split('|').filter((value) => value !== '');
      return [name, { type, labels: words.map((word) => word.split('=')[0] ?? ''), values }];
    }),
  );
}

function ours(): ReadonlyMap<string, Metric & { readonly samples: ReadonlyMap<string, number> }> {
  const typed = METRICS.matchAll(/^# TYPE rtpengine_(\w+) (\w+)$/gm);
  const types = new Map([...typed].map(([, name, type]) => [name, type]));
  const metrics = new Map<
    string,
    { type: string; labels: string[]; values: string[]; samples: Map<string, number> }
  >();
  for (const [, name = '', labels = '', value] of METRICS.matchAll(/^rtpengine_(\w+)(\{.*\})? (\S+)$/gm)) {
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)];
    const values = pairs.map(([, , of = '']) => of);
    const metric = metrics.get(name) ?? {
      type: types.get(name) ?? '',
      labels: pairs.map(([, label = '']) => label),
      values: [],
      samples: new Map<string, number>(),
    };
    metric.values.push(...values);
    metric.samples.set(values.join(' '), Number(value));
    metrics.set(name, metric);
  }
  return metrics;
}

describe('metrics under rtpengine’s names', () => {
  test.each([...theirs()])('%s has its type and its labels', (name, { type, labels, values }) => {
    const metric = ours().get(name);
    expect(metric).toMatchObject({ type, labels });
    // The kernel has no errors of its own to count.
    const known = name === 'packet_errors_total' ? ['userspace'] : values;
    if (known.length > 0) expect(metric?.values).toEqual(known);
  });

  test('there are no others than rtpengine has', () => {
    expect([...ours().keys()].toSorted()).toEqual([...theirs().keys(), ...LATER].toSorted());
  });

  test('every line is one that Prometheus reads', () => {
    const line =
      /^(# (HELP|TYPE) rtpengine_\w+ .+|rtpengine_\w+(\{\w+="[^"\\]*"(,\w+="[^"\\]*")*\})? -?[\d.]+(e[+-]\d+)?)$/;
    for (const one of METRICS.trimEnd().split('\n')) expect(one).toMatch(line);
    expect(METRICS.endsWith('\n')).toBe(true);
  });

  test('the values are the node’s, the way of the kernel apart', () => {
    const value = (name: string, labels = '') => ours().get(name)?.samples.get(labels);
    expect(value('sessions', 'own')).toBe(3);
    expect(value('closed_sessions_total', 'terminated')).toBe(9);
    expect([value('packets_total', 'userspace'), value('packets_total', 'kernel')]).toEqual([40, 60]);
    expect([value('bytes_total', 'userspace'), value('bytes_total', 'kernel')]).toEqual([6_880, 10_320]);
    expect([value('mos_total'), value('mos2_total'), value('mos_samples_total')]).toEqual([12.6, 52.92, 3]);
    expect(value('rtt_e2e2_total')).toBe(4.8e9);
    expect(value('requests_total', '192.0.2.1 block media')).toBe(1);
    expect(value('request_seconds_total', '192.0.2.1 offer')).toBe(0.0015);
    expect(value('errors_total', '192.0.2.1')).toBe(4);
    expect(value('ports', 'pub 192.0.2.10')).toBe(10_000);
  });

  test('what an interface has relayed is told by address and direction, its quality by address', () => {
    const value = (name: string, labels: string) => ours().get(`interface_${name}`)?.samples.get(labels);
    expect(ours().get('interface_packets')).toMatchObject({
      type: 'counter',
      labels: ['name', 'address', 'direction'],
    });
    expect(value('packets', 'pub 192.0.2.10 ingress')).toBe(60);
    expect(value('packets', 'pub 192.0.2.10 egress')).toBe(40);
    expect(value('bytes', 'pub 192.0.2.10 ingress')).toBe(10_320);
    expect(value('errors', 'pub 192.0.2.10 ingress')).toBe(3);
    expect(value('mos_total', 'pub 192.0.2.10')).toBe(12.6);
    expect(value('rtt_dsct2_total', 'pub 192.0.2.10')).toBe(1.2e9);
    expect(value('packets_lost', 'pub 192.0.2.10')).toBe(7);
    expect(value('duplicates', 'pub 192.0.2.10')).toBe(1);
  });

  test('nobody has asked anything yet: there are no commands to tell of', () => {
    expect(rtpengineMetrics(NODE, [])).not.toMatch(/request|errors_total\{proxy/);
  });
});
