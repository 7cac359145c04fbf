import type { Addresses, Signalled, Stream } from './call.js';

/** How packets of a stream are treated: as RTP, as opaque UDP, or not at all because they do not use UDP. */
export type StreamKind = 'rtp' | 'opaque' | 'untouched';

export function kindOf(type: string, protocol: string): StreamKind {
  const spelled = protocol.toUpperCase();
  if (spelled.startsWith('TCP') || type === 'message') return 'untouched';
  return RTP.has(spelled) ? 'rtp' : 'opaque';
}

/** The kind that is in force, or the one that was offered to the party. */
export function streamKind(stream: Stream): StreamKind {
  const said = stream.inForce;
  return said ? kindOf(said.type, said.protocol) : kindOf(stream.type, stream.protocol);
}

export function sends(said: Signalled): boolean {
  return !said.rejected && (said.direction === 'sendrecv' || said.direction === 'sendonly');
}

export function receives(said: Signalled): boolean {
  return !said.rejected && (said.direction === 'sendrecv' || said.direction === 'recvonly');
}

export function sameAddresses(one: Addresses | undefined, other: Addresses | undefined): boolean {
  return one?.rtp === other?.rtp && one?.rtcp === other?.rtcp;
}

/** `192.0.2.1:4000` or `[2001:db8::1]:4000`. */
export function socketAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The RTCP address of a party: as signalled, else the port after that of RTP (RFC 3550 §11). */
export function rtcpAddress(addresses: Addresses & { readonly rtp: string }): string | undefined {
  if (addresses.rtcp !== undefined) return addresses.rtcp;
  const colon = addresses.rtp.lastIndexOf(':');
  const port = Number(addresses.rtp.slice(colon + 1)) + 1;
  return port > 65_535 ? undefined : `${addresses.rtp.slice(0, colon)}:${port}`;
}

/** The IP address of a socket address. */
export function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(':'));
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

const RTP: ReadonlySet<string> = new Set([
  'RTP/AVP',
  'RTP/AVPF',
  'RTP/SAVP',
  'RTP/SAVPF',
  'UDP/TLS/RTP/SAVP',
  'UDP/TLS/RTP/SAVPF',
]);
