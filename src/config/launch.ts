import { isWildcard, showTransportAddress } from './addresses.js';
import type { Config, ListenAddress } from './schema.js';

/** The supervisor's options: what has to be known before this process runs, and stays when it is restarted. */
export function launchArguments({ controlTos, dataPlane, listen, log }: Config): readonly string[] {
  const { socket, io, shards } = dataPlane;
  return [
    ...(socket === null ? [] : ['--socket', socket]),
    ...(io === 'auto' ? [] : ['--io', io === 'io_uring' ? 'uring' : io]),
    ...(shards === null ? [] : ['--shards', String(shards)]),
    ...(log.level === 'info' ? [] : ['--log-level', log.level]),
    ...(log.format === 'text' ? [] : ['--log-format', log.format]),
    ...(controlTos === 0 ? [] : ['--control-tos', String(controlTos)]),
    ...listen.ng.filter(isHeld).flatMap((address) => ['--listen-udp', showTransportAddress(address)]),
    ...listen.ngTcp.flatMap((address) => ['--listen-tcp', showTransportAddress(address)]),
    ...listen.rtpproxy.flatMap((listener) =>
      'path' in listener || !isHeld(listener)
        ? []
        : [`--listen-${listener.kind}`, showTransportAddress(listener)],
    ),
  ];
}

/**
 * A reply has to leave from the address its request went to. For a wildcard that takes a socket for each address of
 * the host, which the ng server opens itself; the supervisor holds addresses that are named.
 */
function isHeld({ address }: ListenAddress): boolean {
  return !isWildcard(address);
}

export type InheritedListener = ListenAddress & { readonly protocol: string; readonly fd: number };

/** Reads `TANDEM_LISTEN_FDS`: sockets the supervisor has bound and keeps open across restarts of this process. */
export function parseInheritedListeners(text: string | undefined): readonly InheritedListener[] {
  if (text === undefined || text === '') return [];
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed) || !parsed.every(isInheritedListener)) {
    throw new Error('TANDEM_LISTEN_FDS is not a list of {protocol, address, port, fd}');
  }
  return parsed;
}

function isInheritedListener(value: unknown): value is InheritedListener {
  return (
    typeof value === 'object' &&
    value !== null &&
    'protocol' in value &&
    typeof value.protocol === 'string' &&
    'address' in value &&
    typeof value.address === 'string' &&
    'port' in value &&
    typeof value.port === 'number' &&
    'fd' in value &&
    typeof value.fd === 'number'
  );
}
