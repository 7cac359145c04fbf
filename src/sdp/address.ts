import { decimalUpTo, words } from './attributes.js';

export type AddressFamily = 'IP4' | 'IP6';

/** Address part of `c=`, `o=` and `a=rtcp`. */
export type NetworkAddress = { readonly family: AddressFamily; readonly address: string };

/** The fields of `o=` (RFC 8866 §5.2); numbers stay text, they exceed 2^53 in the field. */
export type Origin = {
  readonly username: string;
  readonly sessionId: string;
  readonly version: string;
  readonly address: NetworkAddress;
};

/** Reads `IN IP4 192.0.2.1`, with or without `/ttl/count`. Host names and bad addresses yield `undefined`. */
export function parseConnection(value: string): NetworkAddress | undefined {
  const [network, family, address] = words(value);
  return network === 'IN' ? networkAddress(family, address) : undefined;
}

export function formatConnection(address: NetworkAddress): string {
  return `IN ${address.family} ${address.address}`;
}

/** Reads `o=`. The address may be a host name here: nobody sends anything to it. */
export function parseOrigin(value: string): Origin | undefined {
  const parts = words(value);
  if (parts.length < 6) return undefined;
  // User names with spaces exist in the field: the last five words are the fixed ones.
  const [sessionId, version, network, family, address] = parts.slice(-5);
  if (sessionId === undefined || version === undefined || address === undefined) return undefined;
  if (network !== 'IN' || (family !== 'IP4' && family !== 'IP6')) return undefined;
  return { username: parts.slice(0, -5).join(' '), sessionId, version, address: { family, address } };
}

export function formatOrigin(origin: Origin): string {
  return `${origin.username} ${origin.sessionId} ${origin.version} ${formatConnection(origin.address)}`;
}

/** `0.0.0.0` or `::`, in any spelling. */
export function isUnspecified(address: string): boolean {
  for (let at = 0; at < address.length; at += 1) {
    const code = address.charCodeAt(at);
    if (code !== 0x30 && code !== 0x2e && code !== 0x3a) return false;
  }
  return address.length > 0;
}

export function familyOf(address: string): AddressFamily | undefined {
  if (isIp4(address)) return 'IP4';
  return address.includes(':') && isIp6(address) ? 'IP6' : undefined;
}

export function isIp4(address: string): boolean {
  if (address.length < 7 || address.length > 15) return false;
  let parts = 0;
  let digits = 0;
  let value = 0;
  for (let at = 0; at < address.length; at += 1) {
    const code = address.charCodeAt(at);
    if (code === 0x2e) {
      if (digits === 0) return false;
      parts += 1;
      digits = 0;
      value = 0;
    } else if (code >= 0x30 && code <= 0x39) {
      digits += 1;
      value = value * 10 + code - 0x30;
      if (digits > 3 || value > 255) return false;
    } else {
      return false;
    }
  }
  return parts === 3 && digits > 0;
}

/** RFC 4291 §2.2, without zone. */
export function isIp6(address: string): boolean {
  if (address.length < 2 || address.length > 45) return false;
  const gap = address.indexOf('::');
  if (gap < 0) return groupCount(address, true) === 8;
  if (address.indexOf('::', gap + 1) >= 0) return false;
  const before = groupCount(address.slice(0, gap), false);
  const after = groupCount(address.slice(gap + 2), true);
  return before !== undefined && after !== undefined && before + after <= 7;
}

/** How many 16-bit groups the text stands for; `undefined` if it is not a list of groups. */
function groupCount(text: string, mayEndInIp4: boolean): number | undefined {
  if (text === '') return 0;
  const groups = text.split(':');
  let count = groups.length;
  for (const [index, group] of groups.entries()) {
    if (isHexGroup(group)) continue;
    if (!mayEndInIp4 || index !== groups.length - 1 || !isIp4(group)) return undefined;
    count += 1;
  }
  return count;
}

function isHexGroup(group: string): boolean {
  if (group.length === 0 || group.length > 4) return false;
  for (let at = 0; at < group.length; at += 1) {
    const code = group.charCodeAt(at) | 0x20;
    const digit = group.charCodeAt(at);
    if (!((digit >= 0x30 && digit <= 0x39) || (code >= 0x61 && code <= 0x66))) return false;
  }
  return true;
}

/** `a=rtcp:port [IN IPx address]` (RFC 3605). */
export type RtcpAttribute = { readonly port: number; readonly address?: NetworkAddress };

export function parseRtcp(value: string): RtcpAttribute | undefined {
  const [portText, network, family, addressText] = words(value);
  const port = decimalUpTo(portText, 65_535);
  if (port === undefined) return undefined;
  if (network === undefined) return { port };
  const address = network === 'IN' ? networkAddress(family, addressText) : undefined;
  return address && { port, address };
}

export function formatRtcp(rtcp: RtcpAttribute): string {
  return rtcp.address ? `${rtcp.port} ${formatConnection(rtcp.address)}` : `${rtcp.port}`;
}

function networkAddress(family: string | undefined, text: string | undefined): NetworkAddress | undefined {
  if (text === undefined) return undefined;
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  if (family === 'IP4' && isIp4(address)) return { family, address };
  if (family === 'IP6' && isIp6(address)) return { family, address };
  return undefined;
}
