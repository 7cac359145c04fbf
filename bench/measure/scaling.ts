import { execFileSync } from 'node:child_process';
import { type Bench, interleave } from '../bench.js';
import { type Figure, median } from '../figures.js';
import type { ProxyName } from '../proxy.js';
import { relayRound } from './relay.js';

const few = 100;
const many = 5_000;
const socketsPerCall = 4;
/** Descriptors a proxy needs for itself. */
const spare = 300;

/** How the cost of a packet grows with the number of calls, at the same rate of packets. */
export async function measureScaling(bench: Bench): Promise<readonly Figure[]> {
  const most = Math.min(many, Math.floor((descriptorLimit() - spare) / socketsPerCall));
  if (most < many) bench.say(`the limit of open files allows ${most} calls in place of ${many}`);
  const rounds = await interleave(bench, bench.quick ? 1 : 5, async (name) => {
    const narrow = await relayRound(bench, name, few);
    const wide = await relayRound(bench, name, most);
    return { growth: wide.processNsPerPacket / narrow.processNsPerPacket, lost: wide.lost };
  });
  const growth = (name: ProxyName) => median(rounds[name].map((round) => round.growth));
  return [
    {
      what: `Cost per packet, ${most} calls against ${few}`,
      unit: 'x',
      tandem: growth('tandem'),
      rtpengine: growth('rtpengine'),
      bound: { kind: 'value', atMost: 1.3 },
    },
  ];
}

function descriptorLimit(): number {
  const text = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'latin1' }).trim();
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}
