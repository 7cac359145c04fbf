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

type Link = { readonly namespace: string; readonly interface: string; readonly mac: string };

const prefix = `tandem-bench-${process.pid}`;
const names = { source: `${prefix}-src`, proxy: `${prefix}-prx`, sink: `${prefix}-snk` };

// Frames to this address are nobody's: the sink's stack drops them first thing, after the packet socket has seen them.
const foreignMac = '02:00:00:00:00:99';

const peers = '10.213.0.1';

export function openLab(): Lab {
  const close = (): void => {
    for (const name of Object.values(names)) run(['ip', 'netns', 'del', name], 'ignore');
  };
  try {
    build();
  } catch (error) {
    close();
    throw error;
  }
  return {
    source: { namespace: names.source, interface: 'gen0', mac: macOf(names.source, 'gen0') },
    sink: { namespace: names.sink, interface: 'snk0', mac: foreignMac },
    proxyNamespace: names.proxy,
    proxyMac: macOf(names.proxy, 'prx0'),
    proxyAddress: '10.211.1.1',
    callers: '10.211.2.0',
    callees: '10.212.2.0',
    inbound: 'prx0',
    outbound: 'prx1',
    peers,
    close,
  };
}

function build(): void {
  for (const name of Object.values(names)) {
    run(['ip', 'netns', 'add', name]);
    run(['ip', 'netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
    run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  }
  link(names.source, 'gen0', 'prx0');
  link(names.sink, 'snk0', 'prx1');
  run(['ip', '-n', names.proxy, 'addr', 'add', '10.211.1.1/16', 'dev', 'prx0']);
  run(['ip', '-n', names.proxy, 'addr', 'add', '10.212.1.1/16', 'dev', 'prx1']);
  run(['ip', '-n', names.proxy, 'addr', 'add', `${peers}/32`, 'dev', 'lo']);
  for (const last of [0, 1, 2, 3]) {
    neighbour(`10.211.2.${last}`, 'prx0');
    neighbour(`10.212.2.${last}`, 'prx1');
  }
}

function link(namespace: string, outer: string, inner: string): void {
  run([
    'ip',
    '-n',
    namespace,
    'link',
    'add',
    outer,
    'type',
    'veth',
    'peer',
    'name',
    inner,
    'netns',
    names.proxy,
  ]);
  run(['ip', '-n', namespace, 'link', 'set', outer, 'up']);
  run(['ip', '-n', names.proxy, 'link', 'set', inner, 'up']);
}

function neighbour(address: string, device: string): void {
  const entry = [address, 'lladdr', foreignMac, 'dev', device, 'nud', 'permanent'];
  run(['ip', '-n', names.proxy, 'neigh', 'add', ...entry]);
}

function macOf(namespace: string, device: string): string {
  return run(['ip', 'netns', 'exec', namespace, 'cat', `/sys/class/net/${device}/address`]).trim();
}

function run(words: readonly string[], onError: 'throw' | 'ignore' = 'throw'): string {
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
