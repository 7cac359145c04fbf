import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { generatorCore } from './process.js';
import { end, type Replication, spawnFirst } from './proxy.js';

/** A Redis of the benchmark's own, that keeps nothing on disk, beside the generator. */
export type RunningRedis = {
  readonly replication: (node: string) => Replication;
  readonly stop: () => Promise<void>;
};

export async function startRedis(namespace: string, address: string): Promise<RunningRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-bench-redis-'));
  const keyFile = join(directory, 'key');
  writeFileSync(keyFile, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const log = join(directory, 'log');
  const pinned = ['ip', 'netns', 'exec', namespace, 'taskset', '-c', `${generatorCore}`];
  const options = ['--bind', address, '--port', `${port}`, '--protected-mode', 'no', '--save', ''];
  const child = spawnFirst([...pinned, 'redis-server', ...options, '--dir', directory], log);
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(directory, { recursive: true, force: true });
  };
  for (
    const deadline = Date.now() + 5_000;
    !readFileSync(log, 'latin1').includes('Ready to accept');
    await pause(50)
  ) {
    if (child.exitCode === null && Date.now() < deadline) continue;
    await stop();
    throw new Error('redis-server does not start (the package redis-server)');
  }
  return { replication: (node) => ({ redis: `${address}:${port}`, node, keyFile }), stop };
}

const port = 6379;
