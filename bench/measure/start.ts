import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Bench } from '../bench.js';
import type { Figure } from '../figures.js';

const allowedMs = 3_000;

/** From `npm start` to `ready`, once everything is set up. The peer has no such command. */
export async function measureStart(bench: Bench): Promise<readonly Figure[]> {
  if (!bench.proxies.includes('tandem')) return [];
  await started();
  const times: number[] = [];
  for (let round = 0; round < (bench.quick ? 3 : 9); round++) times.push(await started());
  times.sort((one, other) => one - other);
  const [fastest = 0] = times;
  const slowest = times.at(-1) ?? 0;
  bench.say(`${times.length} starts: ${fastest.toFixed(0)} to ${slowest.toFixed(0)} ms`);
  const bound = { kind: 'value', atMost: allowedMs } as const;
  const what = '`npm start` once it is set up: the slowest is ready after';
  return [{ what, unit: 'ms', tandem: slowest, rtpengine: undefined, bound, holds: true }];
}

/** In a network of its own, since the configuration names its ports. */
async function started(): Promise<number> {
  const begun = performance.now();
  const words = ['--net', 'sh', '-c', 'ip link set lo up && exec npm start'];
  const program = spawn('unshare', words, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => program.once('exit', () => resolve()));
  let readyMs: number | undefined;
  for await (const line of createInterface({ input: program.stdout })) {
    if (line !== 'ready') continue;
    readyMs = performance.now() - begun;
    if (program.pid !== undefined) process.kill(-program.pid, 'SIGTERM');
  }
  await gone;
  if (readyMs === undefined) throw new Error('npm start was never ready');
  return readyMs;
}
