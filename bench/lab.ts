import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Three network namespaces: generator → proxy → sink, joined by veth pairs. */
export type Lab = {
  readonly source: Link;
  readonly sink: Link;
  readonly proxyNamespace: string;
  /** Ethernet address of the proxy's end of the source link. */
  readonly proxyMac: string;
  readonly proxyAddress: string;
  readonly callers: string;
  readonly callees: string;
  /** Where the proxy's links are. */
  readonly inbound: string;
  readonly outbound: string;
  /** Address in the proxy's namespace, for endpoints that need a network stack. */
  readonly peers: string;
  readonly close: () => void;
};

export type Link = { readonly namespace: string; readonly interface: string; readonly mac: string };

export const prefix = `tandem-bench-${process.pid}`;

/** The interfaces of a lab; those of two that exist at once have different names. */
type Devices = { readonly source: string; readonly in: string; readonly out: string; readonly sink: string };
const devices: Devices = { source: 'gen0', in: 'prx0', out: 'prx1', sink: 'snk0' };
export const otherDevices: Devices = { source: 'gen2', in: 'prx2', out: 'prx3', sink: 'snk2' };

// Frames to this address are nobody's: the sink's stack drops them first thing, after the packet socket has seen them.
export const foreignMac = '02:00:00:00:00:99';

export const peers = '10.213.0.1';

export function openLab({ source, in: inbound, out: outbound, sink }: Devices = devices): Lab {
  const names = { source: `${prefix}-${source}`, proxy: `${prefix}-${inbound}`, sink: `${prefix}-${sink}` };
  const close = openNamespaces(Object.values(names));
  try {
    link({ namespace: names.source, device: source }, { namespace: names.proxy, device: inbound });
    link({ namespace: names.sink, device: sink }, { namespace: names.proxy, device: outbound });
    address(names.proxy, inbound, outbound);
  } catch (error) {
    close();
    throw error;
  }
  return {
    source: { namespace: names.source, interface: source, mac: macOf(names.source, source) },
    sink: { namespace: names.sink, interface: sink, mac: foreignMac },
    proxyNamespace: names.proxy,
    proxyMac: macOf(names.proxy, inbound),
    proxyAddress: '10.211.1.1',
    callers: '10.211.2.0',
    callees: '10.212.2.0',
    inbound,
    outbound,
    peers,
    close,
  };
}

/** Answers how to be rid of them. */
export function openNamespaces(names: readonly string[]): () => void {
  const close = (): void => {
    for (const name of names) run(['ip', 'netns', 'del', name], 'ignore');
    open.delete(close);
  };
  open.add(close);
  try {
    for (const name of names) prepare(name);
  } catch (error) {
    close();
    throw error;
  }
  return close;
}

/** For when the benchmark itself is told to end. */
export function closeLabs(): void {
  for (const close of open) close();
}

const open = new Set<() => void>();

function prepare(namespace: string): void {
  run(['ip', 'netns', 'add', namespace]);
  run(['ip', 'netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
  run(['ip', '-n', namespace, 'link', 'set', 'lo', 'up']);
}

export type End = { readonly namespace: string; readonly device: string };

export function link(outer: End, inner: End): void {
  const peer = ['peer', 'name', inner.device, 'netns', inner.namespace];
  run(['ip', '-n', outer.namespace, 'link', 'add', outer.device, 'type', 'veth', ...peer]);
  for (const { namespace, device } of [outer, inner])
    run(['ip', '-n', namespace, 'link', 'set', device, 'up']);
}

/** The proxy's addresses, and neighbours that never answer. */
function address(namespace: string, inbound: string, outbound: string): void {
  run(['ip', '-n', namespace, 'addr', 'add', '10.211.1.1/16', 'dev', inbound]);
  run(['ip', '-n', namespace, 'addr', 'add', '10.212.1.1/16', 'dev', outbound]);
  run(['ip', '-n', namespace, 'addr', 'add', `${peers}/32`, 'dev', 'lo']);
  for (const last of [0, 1, 2, 3]) {
    neighbour(namespace, `10.211.2.${last}`, inbound);
    neighbour(namespace, `10.212.2.${last}`, outbound);
  }
}

export function neighbour(namespace: string, address: string, device: string): void {
  const entry = [address, 'lladdr', foreignMac, 'dev', device, 'nud', 'permanent'];
  run(['ip', '-n', namespace, 'neigh', 'add', ...entry]);
}

export function macOf(namespace: string, device: string): string {
  return run(['ip', 'netns', 'exec', namespace, 'cat', `/sys/class/net/${device}/address`]).trim();
}

export function run(words: readonly string[], onError: 'throw' | 'ignore' = 'throw'): string {
  const [program = '', ...rest] = words;
  try {
    return execFileSync(program, rest, { encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (onError === 'ignore') return '';
    throw error;
  }
}

/** What a reader of the results must know of the machine. */
export function describeMachine(): { cpu: string; cores: number; kernel: string } {
  const cpuinfo = readFileSync('/proc/cpuinfo', 'latin1');
  return {
    cpu: /^model name\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? 'unknown',
    cores: cpuinfo.match(/^processor\s*:/gm)?.length ?? 0,
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'latin1').trim(),
  };
}
