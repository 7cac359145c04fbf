import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from './lab.js';
import { makeCalls } from './loadgen.js';
import { family, prefer, proxyCore } from './process.js';

export type ProxyName = 'tandem' | 'rtpengine';

/** A media proxy running in the middle namespace, pinned to the proxy core. */
export type RunningProxy = {
  readonly name: ProxyName;
  readonly ng: string;
  /** All its processes, the one that relays last. */
  readonly processes: readonly number[];
  /** Goes when the proxy stops. */
  readonly directory: string;
  /** Resolves with the exit status; `null`: it had to be killed. */
  readonly stop: () => Promise<number | null>;
};

export type TandemOptions = {
  readonly io: string;
  readonly config: string | undefined;
  /** Relaying in the kernel is measured by itself. */
  readonly fastPath?: 'require' | 'off';
  readonly hook?: 'auto' | 'native' | 'generic' | 'tc';
  readonly replication?: Replication;
};

/** A Redis, and who writes to it. */
export type Replication = { readonly redis: string; readonly node: string; readonly keyFile: string };

const ports = { tandem: { min: 10_000, max: 31_999 }, rtpengine: { min: 32_000, max: 59_999 } };
const startTimeoutMs = 20_000;

export async function startProxy(lab: Lab, name: ProxyName, options: TandemOptions): Promise<RunningProxy> {
  const directory = mkdtempSync(join(tmpdir(), `tandem-bench-${name}-`));
  const ng = name === 'tandem' ? '127.0.0.1:2223' : '127.0.0.1:22222';
  const words = name === 'tandem' ? tandem(lab, ng, directory, options) : rtpengine(lab, ng, options);
  const pinned = ['ip', 'netns', 'exec', lab.proxyNamespace, 'taskset', '-c', `${proxyCore}`, ...words];
  const log = join(directory, 'log');
  const child = spawnFirst(pinned, log);
  await answers(lab, ng, child, log);
  const processes = family(child.pid ?? 0);
  const stop = async (): Promise<number | null> => {
    await end(child);
    rmSync(directory, { recursive: true, force: true });
    return child.exitCode;
  };
  return { name, ng, processes, directory, stop };
}

/** Starts a program in a session of its own that the scheduler prefers to whatever else the machine does. */
export function spawnFirst(words: readonly string[], log: string): ChildProcess {
  const file = openSync(log, 'w');
  const [program = '', ...rest] = words;
  const child = spawn(program, rest, { detached: true, stdio: ['ignore', file, file] });
  prefer(child.pid);
  running.add(child);
  return child;
}

function rtpengine(lab: Lab, ng: string, { replication }: TandemOptions): readonly string[] {
  const { min, max } = ports.rtpengine;
  return [
    'rtpengine',
    '--foreground',
    '--log-stderr',
    '--log-level=3',
    '--config-file=none',
    '--table=-1',
    '--num-threads=1',
    `--interface=${lab.proxyAddress}`,
    `--listen-ng=${ng}`,
    `--port-min=${min}`,
    `--port-max=${max}`,
    '--delete-delay=0',
    '--timeout=3600',
    '--silent-timeout=3600',
    ...(replication === undefined ? [] : [`--redis=${replication.redis}/1`]),
  ];
}

function tandem(lab: Lab, ng: string, directory: string, options: TandemOptions): readonly string[] {
  const { min, max } = ports.tandem;
  const config = options.config ?? join(directory, 'tandem.yaml');
  if (options.config === undefined) {
    const lines = [
      `listen: { ng: ["${ng}"] }`,
      `interfaces: [{ name: default, addresses: [{ bind: ${lab.proxyAddress} }] }]`,
      `portMin: ${min}`,
      `portMax: ${max}`,
      'portRestSeconds: 1',
      'timeouts: { mediaSeconds: 3600, silentSeconds: 3600 }',
      `fastPath: { mode: ${options.fastPath ?? 'off'}, hook: ${options.hook ?? 'auto'} }`,
      'log: { level: warn }',
      `dataPlane: { io: ${options.io}, shards: 1, socket: ${join(directory, 'dataplane.sock')} }`,
      ...(options.replication === undefined ? [] : [replicationLine(options.replication)]),
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
  }
  return ['bin/tandem', '--config', config];
}

function replicationLine({ redis, node, keyFile }: Replication): string {
  return `replication: { redis: "${redis}", node: ${node}, keyFile: ${keyFile} }`;
}

async function answers(lab: Lab, ng: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  const probe = { ng, calls: 1, concurrency: 1, delete: true, prefix: 'probe', watch: [] };
  for (;;) {
    const reply = await makeCalls(lab, probe).catch((error: Error) => ({
      failed: 1,
      failure: error.message,
    }));
    if (reply.failed === 0) return;
    if (child.exitCode !== null || Date.now() > deadline) {
      await end(child);
      throw new Error(`proxy does not answer at ${ng} (${reply.failure}):\n${readFileSync(log, 'utf8')}`);
    }
    await pause(100);
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    running.delete(child);
    return;
  }
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const forced = setTimeout(() => signalGroup(child, 'SIGKILL'), 8_000);
  await gone;
  clearTimeout(forced);
  running.delete(child);
}

/** For when the benchmark itself is told to end. */
export function killProxies(): void {
  for (const child of running) signalGroup(child, 'SIGKILL');
}

/** Of a child that was started with `detached`; of a group that has ended nobody is left to be told. */
export function signalGroup({ pid }: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Each leads a process group of its own. */
export const running = new Set<ChildProcess>();
