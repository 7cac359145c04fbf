import { mkdirSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { LINKS, type Network, type Running } from './netns.js';
import type { Agent, Target } from './netns-agent.js';
import { until } from './netns-until.js';

const CONFIG = join(import.meta.dirname, '../../config');

/** Where Kamailio takes browsers, on each address of the core. */
export const WEB_SOCKET_PORT = 8080;

export type KamailioOptions = {
  readonly proxy: Target;
  /** The module that speaks to the proxy; `rtpengine` unless set. */
  readonly module?: 'rtpengine' | 'rtpproxy';
  /** Serves browsers over WebSocket as well, with the configuration for that. */
  readonly webSockets?: boolean;
  /** Phones of this subnet get what these flags make of an SDP; only with `webSockets`. */
  readonly securePhones?: { readonly net: string; readonly flags: string };
  /** Reaches the proxy over its Unix socket instead. */
  readonly overUnixSocket?: boolean;
  /** What the rtpproxy module is to name as its timeout socket; Kamailio then takes XML-RPC at its own address. */
  readonly timeoutSocket?: string;
  /** Several, as the module's list of nodes. */
  readonly set?: readonly Target[];
  /** Logs what takes a SIP worker longer than this. */
  readonly slowActionMs?: number;
  /** Sends each command again after this time. */
  readonly proxyTimeoutMs?: number;
  /** Subnet that is reached through the interface `internal`; everything else through `external`. */
  readonly internalNet?: string;
};

/** Starts Kamailio in the core with the configuration we document, and waits until it answers. */
export async function startKamailio(
  network: Network,
  agent: Agent,
  options: KamailioOptions,
): Promise<Running> {
  const runDirectory = join(network.directory, 'kamailio');
  mkdirSync(runDirectory, { recursive: true });
  const addresses = Object.values(LINKS).flatMap((link) => [link.core, `[${link.core6}]`]);
  const mediaProxy = options.overUnixSocket
    ? `unix:${network.directory}/rtpproxy.sock`
    : (options.set ?? [options.proxy]).map(({ address, port }) => `udp:${address}:${port}`).join(' ');
  const defines = [
    `MEDIA_PROXY="${mediaProxy}"`,
    ...(options.proxyTimeoutMs === undefined ? [] : [`MEDIA_PROXY_TIMEOUT=${options.proxyTimeoutMs}`]),
    ...(options.slowActionMs === undefined ? [] : [`SLOW_ACTION=${options.slowActionMs * 1000}`]),
    'WORKERS=2',
    ...(options.timeoutSocket === undefined
      ? []
      : [`TIMEOUT_SOCKET="${options.timeoutSocket}"`, `NOTIFIERS="${LINKS.alice.core}"`]),
    ...(options.internalNet === undefined ? [] : [`INTERNAL_NET="${options.internalNet}"`]),
  ];
  if (options.securePhones !== undefined) {
    const { net, flags } = options.securePhones;
    defines.push(
      `SECURE_NET="${net}"`,
      `TO_SECURE_PHONE="replace-origin replace-session-connection ${flags}"`,
    );
  }
  const running = network.core.start(
    [
      ...[
        'kamailio',
        '-f',
        join(CONFIG, `kamailio-${configOf(options)}.cfg`),
        '-DD',
        '-E',
        '-m',
        '64',
        '-M',
        '8',
        '-Y',
        runDirectory,
        '-w',
        runDirectory,
      ],
      ...addresses.flatMap((address) => ['-l', `udp:${address}:5060`]),
      ...(options.webSockets === true
        ? addresses.flatMap((at) => ['-l', `tcp:${at}:${WEB_SOCKET_PORT}`])
        : []),
      ...(options.timeoutSocket === undefined ? [] : ['-l', `tcp:${LINKS.alice.core}:5060`]),
      ...defines.flatMap((define) => ['-A', define]),
    ],
    { log: join(network.directory, 'kamailio.log') },
  );
  const at = { address: LINKS.alice.core, port: 5060 };
  await until('Kamailio to answer', async () => {
    if (running.child.exitCode !== null) throw new Error('Kamailio ended; see kamailio.log');
    return agent.exchange(at, options200(at), 200);
  });
  return running;
}

function configOf(options: Omit<KamailioOptions, 'proxy'>): string {
  return options.webSockets === true ? 'webrtc' : (options.module ?? 'rtpengine');
}

function options200(to: Target): Buffer {
  const host = isIPv6(to.address) ? `[${to.address}]` : to.address;
  const lines = [
    `OPTIONS sip:${host}:${to.port} SIP/2.0`,
    `Via: SIP/2.0/UDP ${host}:9;branch=z9hG4bKready;rport`,
    'From: <sip:ready@localhost>;tag=ready',
    `To: <sip:${host}>`,
    'Call-ID: ready',
    'CSeq: 1 OPTIONS',
    'Max-Forwards: 5',
    'Content-Length: 0',
  ];
  return Buffer.from(
    lines
      .map((line) => `${line}\r\n`)
      .concat('\r\n')
      .join(''),
  );
}
