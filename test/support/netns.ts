import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Network namespaces of one test run. Names carry the process id of the run, so that what a killed run left behind
 * is recognised and removed by the next one.
 */
const PREFIX = 'tandem';
let networks = 0;

export type Party = 'alice' | 'bob' | 'carol';
const PARTIES: readonly Party[] = ['alice', 'bob', 'carol'];

/** Addresses of one link between the core and a party. */
export type LinkAddresses = {
  readonly core: string;
  readonly party: string;
  readonly core6: string;
  readonly party6: string;
};

/** Each party has its own network with the core; 203.0.113.5 is an address the core is only known by (see `nat`). */
export const LINKS: Readonly<Record<Party, LinkAddresses>> = {
  alice: { core: '10.77.1.1', party: '10.77.1.10', core6: 'fd77:1::1', party6: 'fd77:1::10' },
  bob: { core: '10.77.2.1', party: '10.77.2.10', core6: 'fd77:2::1', party6: 'fd77:2::10' },
  carol: { core: '10.77.3.1', party: '10.77.3.10', core6: 'fd77:3::1', party6: 'fd77:3::10' },
};

export type Running = {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves with the exit code (or the signal's name) once the process has ended. */
  readonly ended: Promise<number | string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
};

/** One network namespace; processes run in it as `ip netns exec` makes them. */
export type Namespace = {
  readonly name: string;
  run(argv: readonly string[]): Promise<string>;
  start(argv: readonly string[], options?: StartOptions): Running;
};

export type StartOptions = {
  /** File that receives stdout and stderr. Without it stdout is a pipe for the caller and stderr is passed on. */
  readonly log?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
};

/** The core in the middle, a network to each party, and a directory for the files of the run. */
export type Network = AsyncDisposable & {
  readonly directory: string;
  readonly core: Namespace;
  readonly parties: Readonly<Record<Party, Namespace>>;
};

/** Why namespaces cannot be used here, or undefined if they can. */
export function namespacesMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!existsSync('/usr/sbin/ip') && !existsSync('/sbin/ip'))
    return 'ip is missing (Debian package iproute2)';
  return undefined;
}

export async function createNetwork(): Promise<Network> {
  await removeLeftovers();
  networks += 1;
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}-network-${process.pid}-`));
  const id = `${PREFIX}-${process.pid}-${networks}`;
  const core = namespace(`${id}-core`);
  const parties = {
    alice: namespace(`${id}-alice`),
    bob: namespace(`${id}-bob`),
    carol: namespace(`${id}-carol`),
  };
  const all = [core, ...Object.values(parties)];
  const dispose = async (): Promise<void> => {
    await Promise.all(all.map((each) => removeNamespace(each.name)));
    await unmountBelow(directory);
    if (process.env.TANDEM_KEEP_FILES !== '1') rmSync(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all(all.map((each) => run('ip', ['netns', 'add', each.name])));
    await Promise.all(all.map((each) => each.run(['ip', 'link', 'set', 'lo', 'up'])));
    for (const party of PARTIES) await link(core, party, parties[party]);
    // Forwarding is on: media that went around the proxy would arrive, and the capture would show it.
    await core.run([
      'sh',
      '-c',
      'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding',
    ]);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { directory, core, parties, [Symbol.asyncDispose]: dispose };
}

/**
 * One-to-one NAT as cloud providers do it: the party of `link` reaches UDP ports of the core under `publicAddress`
 * only, though the core's programs are bound to the link's own address.
 */
export async function addNat(
  network: Network,
  party: Party,
  publicAddress: string,
  ports: string,
): Promise<void> {
  const { core } = LINKS[party];
  const nat = ['iptables', '-w', '-t', 'nat', '-A'];
  const inbound = ['PREROUTING', '-p', 'udp', '-d', publicAddress, '-j', 'DNAT', '--to-destination', core];
  const outbound = [
    'POSTROUTING',
    '-p',
    'udp',
    '-s',
    core,
    '--sport',
    ports,
    '-j',
    'SNAT',
    '--to-source',
    publicAddress,
  ];
  await network.core.run([...nat, ...inbound]);
  await network.core.run([...nat, ...outbound]);
}

function namespace(name: string): Namespace {
  return {
    name,
    async run(argv) {
      const { stdout } = await run('ip', ['netns', 'exec', name, ...argv]);
      return stdout;
    },
    start(argv, options = {}) {
      return startProcess(['ip', 'netns', 'exec', name, ...argv], options);
    },
  };
}

/** Starts a process that is ended by its process id. `ip netns exec` replaces itself, so the id is the program's. */
export function startProcess(argv: readonly string[], options: StartOptions = {}): Running {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error('nothing to start');
  const child = spawn(program, rest, {
    stdio: options.log === undefined ? ['pipe', 'pipe', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  if (options.log !== undefined) {
    const log = createWriteStream(options.log, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    child.once('error', (error) => resolve(error.message));
  });
  return {
    pid: child.pid ?? 0,
    child,
    ended,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      const lastResort = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(lastResort);
    },
  };
}

async function link(core: Namespace, party: Party, peer: Namespace): Promise<void> {
  const at = LINKS[party];
  await run('ip', [
    'link',
    'add',
    'uplink',
    'netns',
    peer.name,
    'type',
    'veth',
    'peer',
    'name',
    party,
    'netns',
    core.name,
  ]);
  await batch(core, [
    `addr add ${at.core}/24 dev ${party}`,
    `addr add ${at.core6}/64 dev ${party} nodad`,
    `link set ${party} up`,
  ]);
  await batch(peer, [
    `addr add ${at.party}/24 dev uplink`,
    `addr add ${at.party6}/64 dev uplink nodad`,
    'link set uplink up',
    `route add default via ${at.core}`,
    `-6 route add default via ${at.core6}`,
  ]);
}

async function batch(where: Namespace, lines: readonly string[]): Promise<void> {
  await where.run(['sh', '-ec', lines.map((line) => `ip ${line}`).join('\n')]);
}

async function removeNamespace(name: string): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'pids', name]).catch(() => ({ stdout: '' }));
  for (const pid of stdout.split('\n').filter((line) => line !== '')) killQuietly(Number(pid));
  await run('ip', ['netns', 'delete', name]).catch(() => undefined);
}

/** Removes the namespaces, the processes in them and the mounts of runs whose own process is gone. */
async function removeLeftovers(): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']);
  const names = stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  for (const name of names) {
    const owner = new RegExp(`^${PREFIX}-(\\d+)-\\d+-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await removeNamespace(name);
  }
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${PREFIX}-network-(\\d+)-`).exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) await unmountBelow(join(tmpdir(), name));
  }
}

/** Whatever a network's own directory has mounted, also where a start has failed half-way, or another run does the same. */
async function unmountBelow(directory: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'latin1').split('\n');
  for (const place of mounts.map((mount) => mount.split(' ')[1] ?? '')) {
    if (place.startsWith(`${directory}/`)) await run('umount', ['--lazy', place]).catch(() => undefined);
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
