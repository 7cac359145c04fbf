import type { IncomingMessage } from 'node:http';
import type { NgResponder } from '../control/ng/responder.js';
import { type Answer, NOT_FOUND, type Routes, text } from './answer.js';
import { mediaTypeOf, readBody } from './body.js';
import { clientOf } from './peer.js';

export type NgDoor = Pick<NgResponder, 'answer' | 'answerPlain'>;

/** `POST /ng` (with cookies and the memory for replies) and `POST /ng-plain` (a dictionary alone). */
export function ngRoutes(ng: NgDoor): Routes {
  return new Map([
    ['POST /ng', (request) => withCookie(request, ng)],
    ['POST /ng-plain', (request) => plain(request, ng)],
  ]);
}

async function withCookie(request: IncomingMessage, ng: NgDoor): Promise<Answer | undefined> {
  if (mediaTypeOf(request) !== NG) return NOT_FOUND;
  const body = await readBody(request);
  if (body.kind !== 'body') return body.kind === 'refused' ? body.answer : undefined;
  if (body.bytes.indexOf(' ') <= 0) return NO_COOKIE;
  const reply = await ng.answer(body.bytes, clientOf(request.socket));
  return reply === undefined ? BUSY : { status: 200, type: NG, body: reply };
}

async function plain(request: IncomingMessage, ng: NgDoor): Promise<Answer | undefined> {
  const type = mediaTypeOf(request);
  if (type !== NG && type !== JSON_TYPE) return NOT_FOUND;
  const body = await readBody(request);
  if (body.kind !== 'body') return body.kind === 'refused' ? body.answer : undefined;
  return { status: 200, type, body: await ng.answerPlain(body.bytes, clientOf(request.socket)) };
}

const NG = 'application/x-rtpengine-ng';
const JSON_TYPE = 'application/json';
/** No status of HTTP's, but rtpengine's. */
const NO_COOKIE = text(600, 'error\n');
const BUSY = text(503, 'too many requests at once\n');
