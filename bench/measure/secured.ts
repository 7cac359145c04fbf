import { type Bench, interleave, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import type { ProxyName } from '../proxy.js';
import { steadyPhase } from './relay.js';

/** Streams and rate are below those of plain relaying, because the generator shares its core with its own crypto. */
const streams = 500;
const rate = 20_000;
const atMost = 0.85;

const suites = {
  'AES-CM-128-80': 'AES_CM_128_HMAC_SHA1_80',
  'AEAD-AES-128-GCM': 'AEAD_AES_128_GCM',
} as const;
const directions = { 'SRTP to RTP': 'caller', 'RTP to SRTP': 'callee' } as const;

/** CPU time per packet between SRTP and RTP over sockets, each way and with each kind of suite. */
export async function measureSecured(bench: Bench): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const [suiteName, suite] of Object.entries(suites)) {
    for (const [direction, party] of Object.entries(directions)) {
      const what = `CPU per packet, ${direction}, ${suiteName}`;
      const rounds = await interleave(bench, bench.quick ? 1 : 5, async (name: ProxyName) => {
        const perPacket = await round(bench, name, { party, suite });
        bench.say(`${name}: ${what}: ${perPacket.toFixed(2)} µs`);
        return perPacket;
      });
      const { tandem, rtpengine } = rounds;
      const bound: Figure['bound'] = { kind: 'ratio', atMost };
      figures.push({ what, unit: 'µs', tandem: median(tandem), rtpengine: median(rtpengine), bound });
    }
  }
  return figures;
}

async function round(
  bench: Bench,
  name: ProxyName,
  secured: { party: 'caller' | 'callee'; suite: string },
): Promise<number> {
  return await withProxy(bench, name, async (proxy) => {
    const phase = await steadyPhase(bench, proxy, streams, rate, bench.quick ? 2 : 3, secured);
    if (phase.streamsAlive < streams) throw new Error(`${name}: ${phase.streamsAlive} streams came through`);
    // A relay that forwards as it is would be quick.
    const expected = secured.party === 'callee' ? phase.received : 0;
    if (phase.encrypted !== expected)
      throw new Error(`${name}: ${phase.encrypted} packets came out encrypted`);
    return phase.cpu.totalNs / phase.received / 1000;
  });
}
