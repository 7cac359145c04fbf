import type { PairNotice } from '../../command/pair.js';

/** Whether a word names a notification target rather than a tag. */
export function isNotifyTarget(word: string): boolean {
  return /^(tcp:|udp:|unix:|xmlrpc:|\/)/.test(word);
}

/** `undefined`: the tag is not URL-encoded. */
export function parseNotice(target: string, tag: string): PairNotice | undefined {
  const decoded = decodeTag(tag);
  return decoded === undefined ? undefined : { target: normalizedTarget(target), tag: decoded };
}

/** `undefined`: the tag is not URL-encoded. */
export function decodeTag(tag: string): string | undefined {
  if (/%(?![0-9a-f]{2})/i.test(tag)) return undefined;
  return tag
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** One spelling for each target: a bare path is a Unix socket, and `host:port` alone is TCP. */
export function normalizedTarget(target: string): string {
  if (target.startsWith('/')) return `unix:${target}`;
  return /^[^/:]+:\d+$/.test(target) ? `tcp:${target}` : target;
}

/** Puts the client's address where a target asks for it. */
export function withSelf(target: string, address: string): string {
  return target.replace('%%CC_SELF%%', address.includes(':') ? `[${address}]` : address);
}
