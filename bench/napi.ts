import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import type { Lab } from './lab.js';
import { generatorCore, processName, proxyCore } from './process.js';

/**
 * The kernel threads that take in packets (threaded NAPI): one for the proxy, so that what happens in softirqs counts to
 * nobody else, and one for the sink, so that what the sink does counts to nobody at all.
 */
export class NapiThreads {
  readonly #inbound: string;
  readonly #names: readonly string[];
  /** Others of these names belong to other benchmarks. */
  readonly #others: ReadonlySet<number>;

  /** The lab's; devices stay set up that way. */
  static of(lab: Lab): NapiThreads {
    const known = labs.get(lab) ?? new NapiThreads(lab);
    labs.set(lab, known);
    return known;
  }

  private constructor({ source, sink, proxyNamespace, inbound, outbound }: Lab) {
    this.#inbound = inbound;
    this.#names = [inbound, sink.interface].map((device) => `napi/${device}-`);
    this.#others = threads(this.#names);
    const inside = (namespace: string, ...words: readonly string[]): void => {
      execFileSync('ip', ['netns', 'exec', namespace, ...words], { stdio: 'ignore' });
    };
    // A veth end takes frames from XDP only if its other end's driver polls, which GRO makes it do.
    for (const device of [inbound, outbound]) inside(proxyNamespace, 'ethtool', '-K', device, 'gro', 'on');
    for (const { namespace, interface: device } of [source, sink]) {
      inside(namespace, 'ethtool', '-K', device, 'gro', 'on');
    }
    const polled = [
      [proxyNamespace, inbound],
      [sink.namespace, sink.interface],
    ] as const;
    for (const [namespace, device] of polled) {
      inside(namespace, 'sh', '-c', `echo 1 > /sys/class/net/${device}/threaded`);
    }
    // Waking the sink's thread on its core is dearer than relaying ten packets, and would count to whoever sends to it: it
    // looks for itself, by a timer, and is told nothing.
    const setting = `/sys/class/net/${sink.interface}`;
    inside(sink.namespace, 'sh', '-c', `echo ${sinkPollNs} > ${setting}/gro_flush_timeout`);
    inside(sink.namespace, 'sh', '-c', `echo ${manyTimes} > ${setting}/napi_defer_hard_irqs`);
  }

  /** The proxy's, in its place before all others of its core: a ring that overflows is nobody's loss but the bench's. */
  proxy(): readonly number[] {
    const ours = [...threads(this.#names)].filter((thread) => !this.#others.has(thread));
    if (ours.length === 0) throw new Error('the kernel has no threaded NAPI for veth devices');
    const receiving = ours.filter((thread) => processName(thread).startsWith(`napi/${this.#inbound}-`));
    for (const thread of ours) {
      const core = receiving.includes(thread) ? proxyCore : generatorCore;
      execFileSync('taskset', ['-pc', `${core}`, `${thread}`], { stdio: 'ignore' });
      execFileSync('chrt', ['-f', '-p', '50', `${thread}`], { stdio: 'ignore' });
    }
    return receiving;
  }
}

const labs = new WeakMap<Lab, NapiThreads>();
const sinkPollNs = 50_000;
/** Polls without a packet until it would want to be told again. */
const manyTimes = 2_000_000_000;

function threads(names: readonly string[]): ReadonlySet<number> {
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
  const isReceiving = (process: number): boolean => {
    try {
      const itsName = processName(process);
      return names.some((name) => itsName.startsWith(name));
    } catch {
      return false;
    }
  };
  return new Set(processes.filter(isReceiving));
}
