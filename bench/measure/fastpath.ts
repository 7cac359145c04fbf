import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { type Bench, establish, withProxy } from '../bench.js';
import { type Figure, median } from '../figures.js';
import { type PhaseReport, sendStreams } from '../loadgen.js';
import { prefer, processName, proxyCore } from '../process.js';
import type { ProxyName, RunningProxy } from '../proxy.js';

type Round = {
  readonly cpuNs: number;
  readonly processNs: number;
  readonly lost: number;
  readonly latencyP99Us: number;
};

const variants = {
  kernel: { proxy: 'tandem', fastPath: 'require' },
  userspace: { proxy: 'tandem', fastPath: 'off' },
  rtpengine: { proxy: 'rtpengine', fastPath: 'off' },
} as const satisfies Record<string, { proxy: ProxyName; fastPath: 'require' | 'off' }>;
type Variant = keyof typeof variants;

const few = 500;
const many = 4_000;

/**
 * CPU time per packet, kernel and process together: the receiving device hands packets to a kernel thread of its own
 * (threaded NAPI) in all variants, so what else happens in softirqs on somebody's account is seen.
 */
export async function measureFastPath(bench: Bench): Promise<readonly Figure[]> {
  const thread = new ReceivingThread(bench);
  const rounds: Record<Variant, Round[]> = { kernel: [], userspace: [], rtpengine: [] };
  const wide: Round[] = [];
  for (let round = 0; round < (bench.quick ? 2 : 5); round += 1) {
    for (const variant of names(bench)) rounds[variant].push(await measure(bench, thread, variant, few));
    wide.push(await measure(bench, thread, 'kernel', many));
  }
  const of = (variant: Variant, field: (round: Round) => number) => median(rounds[variant].map(field));
  const cpu = (variant: Variant) => of(variant, ({ cpuNs }) => cpuNs / 1000);
  const kernel = cpu('kernel');
  const [userspace, wideCpu] = [cpu('userspace'), median(wide.map(({ cpuNs }) => cpuNs / 1000))];
  const figure = (
    what: string,
    unit: string,
    tandem: number | undefined,
    bound: Figure['bound'],
  ): Figure => ({
    what,
    unit,
    tandem,
    rtpengine: undefined,
    bound,
  });
  const quotient = (one: number | undefined, other: number | undefined) =>
    one === undefined || other === undefined ? undefined : one / other;
  return [
    {
      ...figure('CPU per packet in the kernel', 'µs', kernel, { kind: 'ratio', atMost: 0.125 }),
      rtpengine: cpu('rtpengine'),
    },
    figure(
      '  of it in the process',
      'µs',
      of('kernel', ({ processNs }) => processNs / 1000),
      { kind: 'none' },
    ),
    figure('  against our own userspace', 'x', quotient(kernel, userspace), { kind: 'none' }),
    figure(`  ${many} streams against ${few}`, 'x', quotient(wideCpu, kernel), {
      kind: 'value',
      atMost: 1.25,
    }),
    figure(
      '  packets lost',
      '',
      of('kernel', ({ lost }) => lost),
      { kind: 'value', atMost: 0 },
    ),
    {
      ...figure("CPU per packet in userspace, with the kernel's part", 'µs', userspace, { kind: 'none' }),
      rtpengine: cpu('rtpengine'),
    },
    {
      ...figure(
        '  latency in the kernel, 99 %',
        'µs',
        of('kernel', (round) => round.latencyP99Us),
        { kind: 'none' },
      ),
      rtpengine: of('rtpengine', (round) => round.latencyP99Us),
    },
  ];
}

function names({ proxies }: Bench): readonly Variant[] {
  return (['kernel', 'userspace', 'rtpengine'] as const).filter((name) =>
    proxies.includes(variants[name].proxy),
  );
}

async function measure(
  bench: Bench,
  thread: ReceivingThread,
  variant: Variant,
  calls: number,
): Promise<Round> {
  const { proxy, fastPath } = variants[variant];
  return withProxy({ ...bench, tandem: { ...bench.tandem, fastPath } }, proxy, async (running) => {
    const [inKernel, inProcess] = await phases(bench, thread, running, calls);
    const round = {
      cpuNs: inKernel.cpu.totalNs / inKernel.received,
      processNs: inProcess.cpu.totalNs / inProcess.received,
      lost: inKernel.sent - inKernel.received,
      latencyP99Us: inKernel.latencyP99Us,
    };
    bench.say(
      `${variant}: ${calls} streams, ${(round.cpuNs / 1000).toFixed(2)} µs a packet, ${round.lost} lost`,
    );
    return round;
  });
}

/** The same twice: watching process and kernel thread, and watching the process alone. */
async function phases(
  bench: Bench,
  thread: ReceivingThread,
  proxy: RunningProxy,
  calls: number,
): Promise<readonly [PhaseReport, PhaseReport]> {
  const routes = await establish(bench, proxy, calls);
  const warmUp = { rate: Math.max(5_000, calls * 4), seconds: 2 };
  const phase = { rate: bench.rate, seconds: bench.quick ? 2 : 3 };
  const both = await sendStreams(bench.lab, routes, [warmUp, phase], [...proxy.processes, ...thread.find()]);
  const alone = await sendStreams(bench.lab, routes, [phase], proxy.processes);
  const [inKernel, inProcess] = [both.phases[1], alone.phases[0]];
  if (inKernel === undefined || inProcess === undefined || both.sinkOverrun > 0) {
    throw new Error('the sink could not keep up');
  }
  return [inKernel, inProcess];
}

/** The kernel thread that takes in packets for the proxy. */
class ReceivingThread {
  /** Others of that name belong to other benchmarks. */
  readonly #others = threads();

  constructor({ lab }: Bench) {
    const inside = (namespace: string, ...words: readonly string[]): void => {
      execFileSync('ip', ['netns', 'exec', namespace, ...words], { stdio: 'ignore' });
    };
    // A veth end takes frames from XDP only if its other end's driver polls, which GRO makes it do.
    for (const device of ['prx0', 'prx1']) inside(lab.proxyNamespace, 'ethtool', '-K', device, 'gro', 'on');
    inside(lab.source.namespace, 'ethtool', '-K', lab.source.interface, 'gro', 'on');
    inside(lab.sink.namespace, 'ethtool', '-K', lab.sink.interface, 'gro', 'on');
    inside(lab.proxyNamespace, 'sh', '-c', 'echo 1 > /sys/class/net/prx0/threaded');
  }

  find(): readonly number[] {
    const ours = [...threads()].filter((thread) => !this.#others.has(thread));
    if (ours.length === 0) throw new Error('the kernel has no threaded NAPI for veth devices');
    for (const thread of ours) {
      execFileSync('taskset', ['-pc', `${proxyCore}`, `${thread}`], { stdio: 'ignore' });
      execFileSync('renice', ['-n', '-19', '-p', `${thread}`], { stdio: 'ignore' });
      prefer(thread);
    }
    return ours;
  }
}

function threads(): ReadonlySet<number> {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
  const isReceiving = (process: number): boolean => {
    try {
      return processName(process).startsWith('napi/prx0');
    } catch {
      return false;
    }
  };
  return new Set(processes.filter(isReceiving));
}
