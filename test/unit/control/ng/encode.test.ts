import { describe, expect, test } from 'vitest';
import type { NodeStatistics, Reply } from '../../../../src/command/reply.js';
import { failure } from '../../../../src/command/reply.js';
import { encodeNg } from '../../../../src/control/ng/encode.js';
import { encodeJson } from '../../../../src/control/ng/json.js';

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
        currentstatistics: { sessionsown: 3, sessionstotal: 3 },
        totalstatistics: {
          uptime: '61',
          managedsessions: 10,
          avgcallduration: '12.500000',
          relayedbytes: 17200,
        },
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

const NODE: NodeStatistics = {
  uptimeSeconds: 61.7,
  sessions: 3,
  managedSessions: 10,
  rejectedSessions: 0,
  timeoutSessions: 1,
  silentTimeoutSessions: 0,
  finalTimeoutSessions: 0,
  offerTimeoutSessions: 0,
  regularTerminatedSessions: 9,
  forcedTerminatedSessions: 0,
  relayedPackets: 100,
  relayedBytes: 17200,
  relayedPacketErrors: 0,
  zeroWayStreams: 0,
  oneWayStreams: 0,
  averageCallDurationSeconds: 12.5,
  totalCallsDurationSeconds: 125,
  controls: [
    {
      proxy: '192.0.2.1',
      commands: new Map([
        ['offer', { count: 2, seconds: 0.0015 }],
        ['block media', { count: 1, seconds: 0.001 }],
      ]),
      errors: 4,
    },
  ],
};
