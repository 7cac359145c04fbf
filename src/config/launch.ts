import { isWildcard, showTransportAddress } from './addresses.js';
import type { Config, ListenAddress } from './schema.js';

/** The supervisor's options: what has to be known before this process runs, and stays when it is restarted. */
export function launchArguments({ controlTos, dataPlane, listen, log, rtpproxy }: Config): readonly string[] {
  const { socket, io, shards, patterns } = dataPlane;
  return [
    ...(socket === null ? [] : ['--socket', socket]),
    ...(io === 'auto' ? [] : ['--io', io === 'io_uring' ? 'uring' : io]),
    ...(shards === null ? [] : ['--shards', String(shards)]),
    ...(log.level === 'info' ? [] : ['--log-level', log.level]),
    ...(log.format === 'text' ? [] : ['--log-format', log.format]),
    ...(controlTos === 0 ? [] : ['--control-tos', String(controlTos)]),
    ...listen.ng
      .filter(isHeld)
      .flatMap((address) => [patterns ? '--answer-udp' : '--listen-udp', showTransportAddress(address)]),
    ...listen.ngTcp.flatMap((address) => ['--listen-tcp', showTransportAddress(address)]),
    ...listen.rtpproxy.flatMap((listener) => {
      if ('path' in listener)
        return [`--listen-${listener.kind === 'unix-dgram' ? 'unix-dgram' : 'unix'}`, listener.path];
      return isHeld(listener) ? [`--listen-${listener.kind}`, showTransportAddress(listener)] : [];
    }),
    ...(rtpproxy.socketMode === 0o660 ? [] : ['--socket-mode', rtpproxy.socketMode.toString(8)]),
  ];
}

/**
 * A reply has to leave from the address its request went to. For a wildcard that takes a socket for each address of
 * the host, which the ng server opens itself; the supervisor holds addresses that are named.
 */
function isHeld({ address }: ListenAddress): boolean {
  return !isWildcard(address);
}

/** What the supervisor has bound and keeps open across restarts of this process. */
export type InheritedListener =
  /** Read by the data plane, which knows it by this number. */
  | CarriedListener
  | (ListenAddress & { readonly protocol: string; readonly fd: number })
  | { readonly path: string; readonly protocol: string; readonly fd: number };

export type CarriedListener = ListenAddress & { readonly protocol: 'data-plane'; readonly socket: number };

export function isCarried(listener: InheritedListener): listener is CarriedListener {
  return 'socket' in listener;
}

/** Reads `TANDEM_LISTEN_FDS`. */
export function parseInheritedListeners(text: string | undefined): readonly InheritedListener[] {
  if (text === undefined || text === '') return [];
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed) || !parsed.every(isInheritedListener)) {
    throw new Error(
      'TANDEM_LISTEN_FDS is not a list of {protocol, address, port, fd} and {protocol, path, fd}',
    );
  }
  return parsed;
}

function isInheritedListener(value: unknown): value is InheritedListener {
  if (typeof value !== 'object' || value === null) return false;
  const isOpen =
    'protocol' in value &&
    typeof value.protocol === 'string' &&
    (value.protocol === 'data-plane'
      ? 'socket' in value && typeof value.socket === 'number'
      : 'fd' in value && typeof value.fd === 'number');
  if (!isOpen) return false;
  if ('path' in value) return typeof value.path === 'string';
  return (
    'address' in value &&
    typeof value.address === 'string' &&
    'port' in value &&
    typeof value.port === 'number'
  );
}
