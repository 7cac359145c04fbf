import type { IncomingMessage } from 'node:http';
import { type Answer, text } from './answer.js';

export type Body =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'refused'; readonly answer: Answer }
  /** Whoever sent it is gone. */
  | { readonly kind: 'gone' };

/** Reads the body of a request. Its length has to be told before; how long it may take is the server's to say. */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const length = request.headers['content-length'];
  if (length === undefined) return { kind: 'refused', answer: text(411, 'length required\n') };
  if (Number(length) > MAX_BODY_BYTES) return { kind: 'refused', answer: text(413, 'too long\n') };
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  } catch {
    return { kind: 'gone' };
  }
  return { kind: 'body', bytes: Buffer.concat(chunks) };
}

/** Without its parameters. */
export function mediaTypeOf({ headers }: IncomingMessage): string | undefined {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase();
}

/** Four times what a datagram holds: JSON writes an SDP at greater length. */
export const MAX_BODY_BYTES = 256 * 1024;
