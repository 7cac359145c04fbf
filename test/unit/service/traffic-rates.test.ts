import { describe, expect, test } from 'vitest';
import type { NodeCounters } from '../../../src/dataplane/protocol.gen.js';
import { TrafficMeter } from '../../../src/service/traffic-rates.js';
import { NOTHING_SUSPECT } from '../../support/fake-data-plane.js';

const counters = (fields: Partial<NodeCounters>): NodeCounters => ({
  receivedPackets: 0,
  receivedBytes: 0,
  sentPackets: 0,
  sentBytes: 0,
  droppedPackets: 0,
  sendFailures: 0,
  fastPathPackets: 0,
  fastPathBytes: 0,
  suspect: NOTHING_SUSPECT,
  ...fields,
});

const NOTHING = { packets: 0, bytes: 0, errors: 0 };

describe('the traffic of a node', () => {
  test('is what came since the reading before, a second', () => {
    const meter = new TrafficMeter(0);
    meter.read(counters({ sentPackets: 100, sentBytes: 1_000 }), 10_000);
    const now = counters({
      sentPackets: 500,
      sentBytes: 5_000,
      fastPathPackets: 300,
      fastPathBytes: 3_000,
      droppedPackets: 3,
      sendFailures: 1,
    });
    expect(meter.read(now, 12_000)).toEqual({
      userspace: { packets: 50, bytes: 500, errors: 2 },
      kernel: { packets: 150, bytes: 1_500, errors: 0 },
    });
  });

  test('is the same to two who ask within a second', () => {
    const meter = new TrafficMeter(0);
    const first = meter.read(counters({ sentPackets: 100 }), 1_000);
    expect(meter.read(counters({ sentPackets: 9_000 }), 1_999)).toEqual(first);
    expect(first.userspace.packets).toBe(100);
  });

  test('goes on when the data plane has started again and counts from zero', () => {
    const meter = new TrafficMeter(0);
    meter.read(counters({ sentPackets: 10_000 }), 10_000);
    expect(meter.read(counters({ sentPackets: 40 }), 12_000).userspace.packets).toBe(20);
  });

  test('is the last one known while the data plane does not answer', () => {
    const meter = new TrafficMeter(0);
    expect(meter.read(undefined, 5_000)).toEqual({ userspace: NOTHING, kernel: NOTHING });
  });
});
