import type { NodeQuality, NodeStatistics } from '../../../../src/command/reply.js';

const QUALITY: NodeQuality = {
  mos: { total: 12.6, squares: 52.92, samples: 3, mean: 4.2, deviation: 0 },
  jitter: { total: 9, squares: 27, samples: 3, mean: 3, deviation: 0 },
  roundTrip: { total: 120_000, squares: 4.8e9, samples: 3, mean: 40_000, deviation: 0 },
  roundTripLeg: { total: 60_000, squares: 1.2e9, samples: 3, mean: 20_000, deviation: 0 },
  loss: { total: 3, squares: 3, samples: 3, mean: 1, deviation: 0 },
  jitterMeasured: { total: 2.5, squares: 6.25, samples: 1, mean: 2.5, deviation: 0 },
  packetsLost: 7,
  duplicates: 1,
  reordered: 2,
};

/** A node that has seen something of everything. */
export const NODE: NodeStatistics = {
  uptimeSeconds: 61.7,
  sessions: 3,
  foreignSessions: 0,
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
  relayedPacketErrors: 2,
  relayedInKernel: { packets: 60, bytes: 10_320 },
  rates: {
    userspace: { packets: 50, bytes: 8600, errors: 1 },
    kernel: { packets: 100, bytes: 17_200, errors: 0 },
  },
  medias: { userspace: 4, kernel: 2 },
  zeroWayStreams: 0,
  oneWayStreams: 0,
  callsDuration: { total: 125, squares: 1662.5, samples: 10, mean: 12.5, deviation: 3.162278 },
  quality: QUALITY,
  interfaces: [
    {
      name: 'pub',
      address: '192.0.2.10',
      portMin: 30_000,
      portMax: 39_999,
      portsUsed: 250,
      portsFree: 9_700,
      ingress: { packets: 60, bytes: 10_320, errors: 3 },
      egress: { packets: 40, bytes: 6_880, errors: 0 },
      quality: QUALITY,
    },
  ],
  interval: {
    callSeconds: 7.5,
    sessions: { min: 1, max: 4, mean: 2.5 },
    commands: new Map([
      ['offer', { delay: { min: 0.0005, max: 0.002, mean: 0.00125 }, rate: { min: 1, max: 3, mean: 2 } }],
    ]),
  },
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
