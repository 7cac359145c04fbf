import { foreignMac, type Lab, link, macOf, neighbour, openNamespaces, peers, prefix, run } from './lab.js';

/** Two nodes at one switch, of which one has the media address; a namespace both reach has Redis. */
export type PairLab = {
  /** The lab as it is while the first node has the address. */
  readonly first: Lab;
  /** The same around the second node. */
  readonly second: Lab;
  readonly store: { readonly namespace: string; readonly address: string };
  /** Shell command that gives the address to the second node, as keepalived and its gratuitous ARP would. */
  readonly move: string;
  readonly close: () => void;
};

const mediaAddress = '10.211.1.1';
const storeAddress = '10.210.1.1';
/** Of the media address, whoever has it (RFC 5798 §7.3). */
const virtualMac = '00:00:5e:00:01:01';
const media = 'med0';
const nodes = ['first', 'second'] as const;

export function openPairLab(): PairLab {
  const name = (part: string): string => `${prefix}-${part}`;
  const [source, sink, wire, store] = [name('source'), name('sink'), name('switch'), name('store')];
  const close = openNamespaces([source, sink, wire, store, ...nodes.map(name)]);
  try {
    run(['ip', '-n', wire, 'link', 'add', 'br0', 'type', 'bridge']);
    run(['ip', '-n', wire, 'link', 'set', 'br0', 'up']);
    run(['ip', '-n', store, 'addr', 'add', `${storeAddress}/32`, 'dev', 'lo']);
    plug(wire, { namespace: source, device: 'gen0' });
    plug(wire, { namespace: sink, device: 'snk0' });
    run(forwarding(wire, foreignMac, 'sw-snk0'));
    for (const [index, node] of nodes.entries()) furnish({ wire, store, node: name(node), index });
    run(forwarding(wire, virtualMac, portOf(0)));
    run(['ip', '-n', name('first'), 'addr', 'add', `${mediaAddress}/16`, 'dev', media]);
    const around = (node: (typeof nodes)[number]): Lab => ({
      source: { namespace: source, interface: 'gen0', mac: macOf(source, 'gen0') },
      sink: { namespace: sink, interface: 'snk0', mac: foreignMac },
      proxyNamespace: name(node),
      proxyMac: virtualMac,
      proxyAddress: mediaAddress,
      callers: '10.211.2.0',
      callees: '10.212.2.0',
      ...{ inbound: media, outbound: media, peers },
      close,
    });
    const moved = [
      ['ip', '-n', name('first'), 'addr', 'del', `${mediaAddress}/16`, 'dev', media],
      ['ip', '-n', name('second'), 'addr', 'add', `${mediaAddress}/16`, 'dev', media],
      forwarding(wire, virtualMac, portOf(1)),
    ];
    return {
      first: around('first'),
      second: around('second'),
      store: { namespace: store, address: storeAddress },
      move: moved.map((words) => words.join(' ')).join('; '),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** What a node has besides the media address: both links, and ways to the endpoints. */
function furnish(at: { wire: string; store: string; node: string; index: number }): void {
  const { wire, store, node, index } = at;
  plug(wire, { namespace: node, device: media, port: portOf(index) });
  run(['ip', '-n', node, 'link', 'set', media, 'address', virtualMac]);
  run(['ip', 'netns', 'exec', node, 'sysctl', '-qw', 'net.ipv4.ip_nonlocal_bind=1']);
  run(['ip', '-n', node, 'addr', 'add', `${peers}/32`, 'dev', 'lo']);
  for (const network of ['10.211.0.0/16', '10.212.0.0/16'])
    run(['ip', '-n', node, 'route', 'add', network, 'dev', media, 'metric', '100']);
  for (const last of [0, 1, 2, 3]) {
    neighbour(node, `10.211.2.${last}`, media);
    neighbour(node, `10.212.2.${last}`, media);
  }
  link({ namespace: store, device: `node${index}` }, { namespace: node, device: 'sto0' });
  const own = `10.210.2.${index + 1}`;
  run(['ip', '-n', node, 'addr', 'add', `${own}/32`, 'dev', 'sto0']);
  run(['ip', '-n', node, 'route', 'add', `${storeAddress}/32`, 'dev', 'sto0', 'src', own]);
  run(['ip', '-n', store, 'route', 'add', `${own}/32`, 'dev', `node${index}`]);
}

/** A port of the switch for a device. It learns nothing: who is where is said. */
function plug(wire: string, end: { namespace: string; device: string; port?: string }): void {
  const { namespace, device, port = `sw-${device}` } = end;
  link({ namespace: wire, device: port }, { namespace, device });
  run(['ip', '-n', wire, 'link', 'set', port, 'master', 'br0']);
  run(['bridge', '-n', wire, 'link', 'set', 'dev', port, 'learning', 'off', 'flood', 'off']);
}

function forwarding(wire: string, mac: string, port: string): readonly string[] {
  return ['bridge', '-n', wire, 'fdb', 'replace', mac, 'dev', port, 'master', 'static'];
}

function portOf(index: number): string {
  return `sw-node${index}`;
}
