import { expect, test } from 'vitest';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { SsrcStats } from '../../../src/dataplane/protocol.gen.js';
import { placeKey } from '../../../src/observability/quality.js';
import { audio, FACTS } from '../negotiation/sample.js';
import { startFakeNode } from './fake-node.js';
import { streamStats } from './stream-stats.js';

const CLIENT = { address: '192.0.2.250', port: 5060, protocol: 'ng' } as const;

test('quality counts for the interface the source sent to', async () => {
  const { counters, dataPlane, service } = await startFakeNode();
  const [outside, inside] = FACTS.interfaces.map(({ name, addresses }) => ({
    interface: name,
    address: addresses[0]?.bind ?? '',
  }));
  const direction = { fromInterface: outside?.interface ?? '', toInterface: inside?.interface ?? '' };
  const flags = { ...DEFAULT_FLAGS, ...direction };
  const offer = { kind: 'offer', callId: 'call', fromTag: 'a', sdp: audio(7, 4000) } as const;
  await service.handle({ ...offer, flags, supportsLoadLimit: false }, CLIENT);
  const streams = dataPlane.plans.get('call')?.streams ?? [];
  const at = (name: string | undefined) =>
    streams.find(({ locals }) => locals[0]?.interface === name)?.id ?? -1;
  dataPlane.statsOf = () => ({
    revision: 1,
    streams: [
      { ...streamStats(at(outside?.interface), 50), ingress: [source(3)] },
      { ...streamStats(at(inside?.interface), 50), ingress: [source(1), source(4)] },
    ],
  });
  await service.end('call');
  const lost = [outside, inside].map(
    (place) => place && counters.qualityAt.get(placeKey(place))?.packetsLost,
  );
  expect(lost).toEqual([3, 5]);
  expect(counters.quality.packetsLost).toBe(8);
});

function source(lost: number): SsrcStats {
  return {
    ...{ ssrc: lost, packets: 50, bytes: 8_600, payloadType: 0, codec: 'PCMU' },
    ...{ lastSequence: 1, lastTimestamp: 1, reported: null },
    measured: { lost, duplicates: 0, reordered: 0, jitterMs: 1, mos: null },
  };
}
