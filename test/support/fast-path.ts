import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LINKS, type Namespace, type Network, type Party } from './netns.js';

export type FastPathReport = {
  readonly state: string;
  readonly reason: string;
  readonly devices: readonly FastPathDevice[];
  readonly streams: {
    readonly kernel: number;
    readonly userspace: readonly { readonly reason: string; readonly streams: number }[];
  };
  readonly packets: { readonly kernel: number; readonly userspace: number };
};

export type FastPathDevice = {
  readonly device: string;
  readonly mode: string;
  readonly reason: string;
  readonly forwarded: number;
};

/**
 * A BPF file system of a network's own, as long as the network: `ip netns exec` has a /sys of its own, so the usual place
 * is not to be had. Answers the directory for pins.
 */
export function mountBpf(network: Network): string {
  const path = join(network.directory, 'bpf');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'bpf', 'bpf', path]);
  return join(path, 'tandem');
}

/** Lets the parties' ends of their links take frames, so that the core's ends are run natively. */
export async function takeFrames(network: Network): Promise<void> {
  for (const party of Object.keys(LINKS) as Party[]) {
    await network.parties[party].run(['ethtool', '-K', 'uplink', 'gro', 'on']);
  }
}

export async function readFastPath(core: Namespace, port: number): Promise<FastPathReport> {
  return JSON.parse(await readHttp(core, port, '/fast-path')) as FastPathReport;
}

/** What the proxy's HTTP server says, asked for inside the core. */
export function readHttp(core: Namespace, port: number, path: string): Promise<string> {
  const url = `http://127.0.0.1:${port}${path}`;
  const script = `fetch(${JSON.stringify(url)}).then((r) => r.text()).then((t) => process.stdout.write(t))`;
  return core.run([process.execPath, '-e', script]);
}
