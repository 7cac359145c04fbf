import type { Notice } from '../call/notice.js';

/** Puts the host that is to hear of the call where the URL has `%%`: what the call named, else who made it. */
export function callbackUrl(template: string, { callback, createdFrom }: Notice): string {
  if (!template.includes('%%')) return template;
  const creator = createdFrom.slice(0, createdFrom.lastIndexOf(':'));
  const named = callback !== undefined && isHost(callback) ? callback : creator;
  // A client on a Unix socket has no address; it is on this machine.
  const host = named === '' ? '127.0.0.1' : named;
  return template.replace('%%', host.includes(':') ? `[${host}]` : host);
}

/** An address or a host name and nothing that could change the rest of a URL. */
function isHost(text: string): boolean {
  return /^[A-Za-z0-9.-]+$/.test(text) || /^[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+$/.test(text);
}
