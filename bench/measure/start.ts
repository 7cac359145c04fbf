import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Bench } from '../bench.js';
import type { Figure } from '../figures.js';
import { running, signalGroup } from '../proxy.js';

const allowedMs = 3_000;
/** Whoever is not ready then, or not gone, never will be; the first start may have to set things up. */
const deadlineMs = 60_000;
const setUpDeadlineMs = 600_000;

/** From `npm start` to `ready`, once everything is set up. The peer has no such command. */
export async function measureStart(bench: Bench): Promise<readonly Figure[]> {
  if (!bench.proxies.includes('tandem')) return [];
  await started(setUpDeadlineMs);
  const times: number[] = [];
  for (let round = 0; round < (bench.quick ? 3 : 9); round++) times.push(await started(deadlineMs));
  times.sort((one, other) => one - other);
  const [fastest = 0] = times;
  const slowest = times.at(-1) ?? 0;
  bench.say(`${times.length} starts: ${fastest.toFixed(0)} to ${slowest.toFixed(0)} ms`);
  const bound = { kind: 'value', atMost: allowedMs } as const;
  const what = '`npm start` once it is set up: the slowest is ready after';
  return [{ what, unit: 'ms', tandem: slowest, rtpengine: undefined, bound, holds: true }];
}

/** In a network of its own, since the configuration names its ports. */
async function started(allowed: number): Promise<number> {
  const begun = performance.now();
  const words = ['--net', 'sh', '-c', 'ip link set lo up && exec npm start'];
  const program = spawn('unshare', words, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(program);
  const gone = new Promise<void>((resolve) => program.once('exit', () => resolve()));
  const lines = createInterface({ input: program.stdout });
  let isOverdue = false;
  const overdue = setTimeout(() => {
    isOverdue = true;
    signalGroup(program, 'SIGKILL');
    lines.close();
  }, allowed);
  let readyMs: number | undefined;
  // Until all that were started have ended: they have this pipe.
  for await (const line of lines) {
    if (line !== 'ready' || readyMs !== undefined) continue;
    readyMs = performance.now() - begun;
    overdue.refresh();
    signalGroup(program, 'SIGTERM');
  }
  await gone;
  clearTimeout(overdue);
  running.delete(program);
  if (readyMs === undefined) throw new Error('npm start was never ready');
  if (isOverdue) throw new Error('npm start did not end');
  return readyMs;
}
