import { readFileSync } from 'node:fs';
import { ngClient } from './loopback-ng.js';
import { until } from './netns-until.js';
import type { NgClient } from './oracle-ng-client.js';
import { nativeProgram, Process } from './process.js';
import { freePort, loopbackAddress } from './tandem.js';

type Half = 'tandem-dataplane' | 'main.js';

/** The whole program as operators start it. */
export class SupervisedTandem {
  readonly process: Process;
  readonly ng: NgClient;
  readonly address: string;
  readonly port: number;

  private constructor(process: Process, address: string, port: number) {
    this.process = process;
    this.address = address;
    this.port = port;
    this.ng = ngClient(address, port);
  }

  static async start(settings: readonly string[] = [], launcher = 'bin/tandem'): Promise<SupervisedTandem> {
    const address = loopbackAddress();
    const port = await freePort(address);
    const all = [`listen.ng=${address}:${port}`, `interfaces=${address}`, 'log.level=debug', ...settings];
    const command = [launcher, ...all.flatMap((setting) => ['--set', setting])];
    const environment = { TANDEM_SUPERVISOR: nativeProgram('tandem-supervisor') };
    const tandem = new SupervisedTandem(new Process('tandem', command, environment), address, port);
    await tandem.process.printed(/^ready$/m);
    return tandem;
  }

  /** The process of a half, by a word of its command line. */
  pidOf(half: Half): number {
    const pid = childrenOf(this.process.pid).find((child) => commandLine(child).includes(half));
    if (pid === undefined) throw new Error(`no ${half} runs`);
    return pid;
  }

  /** The command line of a half, its words ended by NUL. */
  commandOf(half: Half): string {
    return commandLine(this.pidOf(half));
  }

  /** Kills a half without warning, as a crash would, and returns its process id. */
  crash(half: Half): number {
    const pid = this.pidOf(half);
    process.kill(pid, 'SIGKILL');
    return pid;
  }

  async restarted(half: Half, before: number): Promise<void> {
    await until(`another ${half}`, () => {
      const found = childrenOf(this.process.pid).find((child) => commandLine(child).includes(half));
      return found === undefined || found === before ? undefined : found;
    });
  }
}

export function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** How long the main thread of a process has been ready to run while others ran. */
export function queuedMs(pid: number): number {
  const [, queuedNs] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
  return Number(queuedNs) / 1e6;
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
