import { showTransportAddress } from '../config/addresses.js';
import { showRtpproxyListener } from '../config/control-listeners.js';
import type { Config, InterfaceConfig } from '../config/schema.js';
import type { FastPathStatus, Status } from '../dataplane/protocol.gen.js';

/** What an operator wants to see at start: what listens where, which way packets go. Ends with `ready`. */
export function greeting(
  config: Config,
  node: { readonly version: string; readonly file: string; readonly status: Status; readonly calls: number },
): string {
  const { dataPath, shards } = node.status;
  const lines = [
    `tandem ${node.version}, configuration ${node.file}`,
    ...config.listen.ng.map((address) => `ng over UDP on ${showTransportAddress(address)}`),
    ...config.listen.ngTcp.map((address) => `ng over TCP on ${showTransportAddress(address)}`),
    ...config.listen.rtpproxy.map((listener) => `rtpproxy on ${showRtpproxyListener(listener)}`),
    ...config.listen.http.map((address) => `HTTP on ${showTransportAddress(address)}`),
    ...config.listen.https.map((address) => `HTTPS on ${showTransportAddress(address)}`),
    ...config.listen.cli.map((address) => `command line on ${showTransportAddress(address)}`),
    ...config.interfaces.flatMap(interfaceLines),
    `data path ${dataPath.name}: ${dataPath.reason}; ${count(shards, 'packet thread')}`,
    ...fastPathLines(node.status.fastPath),
    ...(node.calls > 0 ? [`${count(node.calls, 'call')} found in the data plane`] : []),
    'ready',
  ];
  return `${lines.join('\n')}\n`;
}

function fastPathLines({ state, reason, devices }: FastPathStatus): string[] {
  const lines = devices.map(({ device, mode, reason }) => `fast path on ${device}: ${mode} (${reason})`);
  switch (state) {
    case 'off':
    case 'opening':
      return [`fast path ${reason}`];
    case 'unavailable':
      return [`no fast path, all packets take the data path: ${reason}`];
    case 'active':
      return [`fast path: ${reason}`, ...lines];
  }
}

function interfaceLines({
  name,
  aliases,
  addresses,
  portMin,
  portMax,
  excludePorts,
}: InterfaceConfig): string[] {
  const names = [name, ...aliases].join(', ');
  const except = excludePorts.length === 0 ? '' : ` except ${excludePorts.join(', ')}`;
  return addresses.map(({ bind, advertise }) => {
    const shown = bind === advertise ? bind : `${bind} → ${advertise}`;
    return `interface ${names}: ${shown}, ports ${portMin}-${portMax}${except}`;
  });
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
