import { isIP } from 'node:net';
import type { AddressFamily } from '../command/flags.js';
import type { ListenAddress } from './schema.js';

/** `undefined` if the text is not an IP address. */
export function familyOf(address: string): AddressFamily | undefined {
  const version = isIP(address);
  return version === 4 ? 'IP4' : version === 6 ? 'IP6' : undefined;
}

/** Reads `127.0.0.1:2223` or `[::1]:2223`. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim());
  const address = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (address === undefined || isIP(address) === 0 || port < 1 || port > 65535) return undefined;
  return { address, port };
}

/** Writes an address and port the way URLs do: IPv6 in brackets. */
export function showTransportAddress({ address, port }: ListenAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export type InterfaceShorthand = { name: string; bind: string; advertise: string };

/** Reads `[NAME/]ADDRESS[!ADVERTISED]`. */
export function parseInterfaceShorthand(text: string): InterfaceShorthand | undefined {
  const match = /^(?:([^/!]+)\/)?([^/!]+)(?:!([^/!]+))?$/.exec(text.trim());
  const bind = match?.[2];
  if (bind === undefined) return undefined;
  return { name: match?.[1] ?? 'default', bind, advertise: match?.[3] ?? bind };
}

export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || /^[0:]+$/.test(address);
}

/** One spelling for each IPv6 address (RFC 5952), without zone. */
export function canonical(address: string): string {
  const withoutZone = address.replace(/%.*$/, '');
  if (!withoutZone.includes(':')) return withoutZone;
  return new URL(`http://[${withoutZone}]/`).hostname.slice(1, -1);
}
