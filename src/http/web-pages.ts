import type { IncomingMessage } from 'node:http';

/** Origins (RFC 6454) whose pages may use the listeners; `*` stands for all. */
export type WebPages = readonly string[];

/**
 * A browser names the page that asks; what names none is no browser, or reads only. WebSockets have no other
 * protection than this: browsers open them across origins without asking first.
 */
export function isPermitted({ headers }: IncomingMessage, pages: WebPages): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  return isOwn(origin, host) || pages.includes('*') || pages.includes(origin);
}

/** What lets the browser hand the answer on to the page (Fetch, section 3.2). */
export function crossOriginHeaders({ headers }: IncomingMessage, pages: WebPages): Record<string, string> {
  if (pages.length === 0) return {};
  const { origin } = headers;
  const rest = {
    'Access-Control-Max-Age': '86400',
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': 'Content-Type',
  };
  if (pages.includes('*')) return { 'Access-Control-Allow-Origin': '*', ...rest };
  if (origin === undefined || !pages.includes(origin)) return { Vary: 'Origin' };
  return { 'Access-Control-Allow-Origin': origin, ...rest, Vary: 'Origin' };
}

/**
 * Some WebSocket libraries name the listener itself. A name would not do: whoever owns it can have it point here
 * (DNS rebinding).
 */
function isOwn(origin: string, host: string | undefined): boolean {
  const [, named] = /^https?:\/\/((?:\[[^\]]+\]|[\d.]+)(?::\d+)?)$/.exec(origin) ?? [];
  return named !== undefined && named === host;
}
