import { describe, expect, test } from 'vitest';
import type { Reply } from '../../../../src/command/reply.js';
import { failure } from '../../../../src/command/reply.js';
import { encodeNg } from '../../../../src/control/ng/encode.js';
import { encodeJson } from '../../../../src/control/ng/json.js';
import { NODE } from './node.js';

const json = (reply: Reply) => encodeJson(encodeNg(reply));

describe('replies', () => {
  test.each<[Reply, string]>([
    [{ kind: 'pong' }, '{"result":"pong"}'],
    [{ kind: 'done' }, '{"result":"ok"}'],
    [{ kind: 'sdp', sdp: 'v=0\r\n' }, '{"sdp":"v=0\\r\\n","result":"ok"}'],
    [{ kind: 'deleted', warning: 'none' }, '{"warning":"none","result":"ok"}'],
    [{ kind: 'calls', callIds: ['a', 'b'] }, '{"calls":["a","b"],"result":"ok"}'],
    [
      { kind: 'loadLimit', message: 'Load limit exceeded' },
      '{"result":"load limit","message":"Load limit exceeded"}',
    ],
    [failure('outOfPorts', 'Ran out of ports'), '{"result":"error","error-reason":"Ran out of ports"}'],
  ])('%j', (reply, expected) => {
    expect(json(reply)).toBe(expected);
  });

  test('statistics of the node', () => {
    const reply: unknown = JSON.parse(json({ kind: 'nodeStatistics', statistics: NODE }));
    expect(reply).toMatchObject({
      statistics: {
        currentstatistics: {
          sessionsown: 3,
          sessionstotal: 3,
          packetrate: 150,
          packetrate_user: 50,
          packetrate_kernel: 100,
          byterate: 25_800,
          errorrate: 1,
          media_userspace: 4,
          media_kernel: 2,
          media_mixed: 0,
        },
        totalstatistics: {
          uptime: '61',
          managedsessions: 10,
          avgcallduration: '12.500000',
          totalcallsduration: '125.000000',
          totalcallsduration2: '1662.500000',
          totalcallsduration_stddev: '3.162278',
          relayedbytes: 17200,
          relayedpackets_user: 40,
          relayedpackets_kernel: 60,
          relayedbytes_user: 6880,
          relayedbytes_kernel: 10_320,
          relayedpacketerrors: 2,
        },
        mos: {
          mos_total: '12.600000',
          mos2_total: '52.920000',
          mos_samples_total: 3,
          mos_average: '4.200000',
          mos_stddev: '0.000000',
        },
        intervalstatistics: {
          ...{ totalcallsduration: '7.500000', minmanagedsessions: 1, maxmanagedsessions: 4 },
          ...{ minofferdelay: '0.000500', maxofferdelay: '0.002000', avgofferdelay: '0.001250' },
          ...{ minofferrequestrate: 1, maxofferrequestrate: 3, avgofferrequestrate: 2 },
          ...{ 'avgblock mediadelay': '0.000000', 'maxblock mediarequestrate': 0 },
        },
        voip_metrics: {
          jitter_total: '9.000000',
          rtt_e2e_average: '40000.000000',
          rtt_dsct2_total: '1200000000.000000',
          packetloss_samples_total: 3,
          jitter_measured_average: '2.500000',
          packets_lost: 7,
          rtp_duplicates: 1,
          rtp_reordered: 2,
        },
        interfaces: [
          {
            name: 'pub',
            address: '192.0.2.10',
            ...{ packets_lost: 7, duplicates: 1 },
            ingress: { packets: 60, bytes: 10_320, errors: 3 },
            egress: { packets: 40, bytes: 6_880, errors: 0 },
            voip_metrics: { mos_average: '4.200000', jitter_samples_total: 3, packets_lost: 7 },
            ports: { min: 30_000, max: 39_999, used: 250, used_pct: '2.50', free: 9_700, totals: 10_000 },
          },
        ],
        transcoders: [],
        controlstatistics: {
          proxies: [
            { proxy: '192.0.2.1', offercount: 2, offerduration: '0.001500', blkmediacount: 1, errorcount: 4 },
          ],
          totaloffercount: 2,
          totalpingcount: 0,
        },
      },
      result: 'ok',
    });
  });
});
