import type { IncomingMessage } from 'node:http';

/** What a request is answered with. */
export type Answer = { readonly status: number; readonly type: string; readonly body: string | Buffer };

/** Undefined: whoever asked is gone. A rejection is an answer, too: 503 and why. */
export type Route = (request: IncomingMessage) => Answer | Promise<Answer | undefined>;

/** By `METHOD /path`; `METHOD /path/*` is for everything below it. */
export type Routes = ReadonlyMap<string, Route>;

export function text(status: number, body: string | Buffer): Answer {
  return { status, type: 'text/plain', body };
}

export function json(status: number, body: Readonly<Record<string, unknown>>): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}

export const NOT_FOUND = text(404, 'not found\n');
