import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Answer, json, NOT_FOUND, type Route, type Routes, text } from './answer.js';
import type { EventStream } from './event-stream.js';
import type { OpenRequests } from './open-requests.js';
import { crossOriginHeaders, isPermitted, type WebPages } from './web-pages.js';
import { refuseUpgrade, type WebSockets } from './web-sockets.js';

export type DoorParts = {
  readonly routes: Routes;
  readonly webPages: WebPages;
  readonly eventStream: EventStream;
  readonly webSockets: WebSockets;
  readonly requests: OpenRequests;
};

/** Where every request comes in: who may ask, and who answers. */
export class Door {
  readonly #parts: DoorParts;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const { eventStream, requests, routes, webPages } = this.#parts;
    for (const [name, value] of Object.entries(crossOriginHeaders(request, webPages)))
      response.setHeader(name, value);
    const permitted = isPermitted(request, webPages);
    const asked = `${request.method} ${(request.url ?? '').split('?')[0]}`;
    const below = asked.replace(/^(\w+ \/\w+\/).*$/, '$1*');
    if (permitted && asked === 'GET /events') {
      eventStream.attach(response);
      return;
    }
    response.on('close', requests.begin());
    const options = request.method === 'OPTIONS' ? () => NOTHING : undefined;
    const route = permitted
      ? (options ?? routes.get(asked) ?? routes.get(below) ?? (() => NOT_FOUND))
      : () => NOT_FOR_PAGES;
    void follow(route, request).then((answer) => {
      if (answer !== undefined) reply(response, answer);
    });
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (isPermitted(request, this.#parts.webPages)) this.#parts.webSockets.upgrade(request, socket, head);
    else refuseUpgrade(socket, '403 Forbidden');
  }
}

/** Never rejects. */
async function follow(route: Route, request: IncomingMessage): Promise<Answer | undefined> {
  try {
    return await route(request);
  } catch (error) {
    return json(503, { error: error instanceof Error ? error.message : String(error) });
  }
}

function reply(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}

const NOT_FOR_PAGES = json(403, { error: 'not for web pages' });
const NOTHING = text(200, '');
