import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from './netns.js';
import type { Target } from './netns-agent.js';
import { until } from './netns-until.js';

/** The proxies a scenario can run against; the second one is what is known to work. */
export type ProxyKind = 'tandem' | 'rtpengine';

export type ProxyInterface = { readonly name: string; readonly bind: string; readonly advertise?: string };

export type ProxyOptions = {
  readonly interfaces: readonly ProxyInterface[];
  readonly control: Target;
  readonly deleteDelaySeconds: number;
  readonly ports: readonly [from: number, to: number];
  /** Further keys of Tandem's configuration. */
  readonly tandem?: Readonly<Record<string, unknown>>;
  /** Directory for configuration, sockets and logs. */
  readonly directory: string;
};

/** Where the rtpproxy protocol is spoken, in the core. */
export const RTPPROXY: Target = { address: '127.0.0.1', port: 22_222 };

/** `TANDEM_INTEROP_PROXY=rtpengine` runs the scenarios against Debian's daemon, to prove the scenarios themselves. */
export function proxyUnderTest(): ProxyKind {
  return process.env.TANDEM_INTEROP_PROXY === 'rtpengine' ? 'rtpengine' : 'tandem';
}

/** A namespace, or the machine itself. */
export type Starter = {
  start(argv: readonly string[], options: { readonly log: string; readonly env: NodeJS.ProcessEnv }): Running;
};

export type RunningProxy = {
  readonly kind: ProxyKind;
  readonly running: Running;
  /** What it has logged so far. */
  log(): string;
};

export function startProxy(kind: ProxyKind, where: Starter, options: ProxyOptions): RunningProxy {
  const log = join(options.directory, `${kind}.log`);
  const running =
    kind === 'rtpengine' ? startRtpengine(where, options, log) : startTandem(where, options, log);
  return { kind, running, log: () => readFileSync(log, 'utf8') };
}

function startRtpengine(where: Starter, options: ProxyOptions, log: string): Running {
  return where.start(
    [
      ...['rtpengine', '--config-file=none', '--foreground', '--log-stderr', '--log-level=6', '--table=-1'],
      ...options.interfaces.map((each) => `--interface=${each.name}/${each.bind}${advertised(each)}`),
      `--listen-ng=${options.control.address}:${options.control.port}`,
      ...[`--port-min=${options.ports[0]}`, `--port-max=${options.ports[1]}`],
      ...[`--delete-delay=${options.deleteDelaySeconds}`, '--num-threads=2'],
    ],
    { log, env: scratch(options) },
  );
}

/** What a killed proxy cannot tidy up goes with its other files. */
function scratch({ directory }: ProxyOptions): NodeJS.ProcessEnv {
  return { TMPDIR: directory, XDG_RUNTIME_DIR: directory };
}

function advertised(each: ProxyInterface): string {
  return each.advertise === undefined ? '' : `!${each.advertise}`;
}

const TANDEM = join(import.meta.dirname, '../../bin/tandem');

function startTandem(where: Starter, options: ProxyOptions, log: string): Running {
  return where.start([TANDEM, '--config', writeTandemConfig(options)], { log, env: scratch(options) });
}

function writeTandemConfig(options: ProxyOptions): string {
  const names = [...new Set(options.interfaces.map((each) => each.name))];
  const interfaces = names.map((name) => ({
    name,
    addresses: options.interfaces
      .filter((each) => each.name === name)
      .map((each) => ({ bind: each.bind, advertise: each.advertise ?? each.bind })),
  }));
  const config = {
    listen: {
      ng: [`${options.control.address}:${options.control.port}`],
      rtpproxy: [`udp:${RTPPROXY.address}:${RTPPROXY.port}`, `unix:${options.directory}/rtpproxy.sock`],
    },
    interfaces,
    portMin: options.ports[0],
    portMax: options.ports[1],
    deleteDelaySeconds: options.deleteDelaySeconds,
    dataPlane: { socket: join(options.directory, 'dataplane.sock') },
    // What the kernel relays passes neither the NAT rules nor the captures of these networks.
    fastPath: { mode: 'off' },
    ...options.tandem,
  };
  const file = join(options.directory, 'tandem.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config, null, 2));
  return file;
}

/** Kills one of Tandem's two processes without warning, and returns when it is gone. */
export async function killHalf(proxy: RunningProxy, half: 'control' | 'dataplane'): Promise<void> {
  const pid = await halfPid(proxy, half);
  process.kill(pid, 'SIGKILL');
  await until(`the ${half} process to end`, () => (isAlive(pid) ? undefined : true));
}

/** Process id of one of the two, as soon as it runs. */
export function halfPid(proxy: RunningProxy, half: 'control' | 'dataplane'): Promise<number> {
  return until(`the ${half} process`, () => childOf(proxy.running.pid, half));
}

/** Lets a proxy fall silent, as a machine that is gone: nothing is refused. */
export function freeze({ running }: RunningProxy): void {
  const halves = (['control', 'dataplane'] as const).map((half) => childOf(running.pid, half));
  for (const pid of [running.pid, ...halves]) if (pid !== undefined) process.kill(pid, 'SIGSTOP');
}

/** Process id of the control plane; another one after a restart. */
export function controlPid(proxy: RunningProxy): number {
  return childOf(proxy.running.pid, 'control') ?? 0;
}

/** Resident memory of a process. */
export function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

function childOf(parent: number, half: 'control' | 'dataplane'): number | undefined {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .split(' ')
    .filter((each) => each !== '');
  return children.map(Number).find((pid) => {
    const isControl = commandLine(pid).includes('main.js');
    return half === 'control' ? isControl : commandLine(pid).includes('tandem-dataplane');
  });
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Neither gone nor a zombie that waits for its parent. */
function isAlive(pid: number): boolean {
  return commandLine(pid) !== '';
}
