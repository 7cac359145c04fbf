import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Client } from '../command/command.js';
import type { ControlLogger } from '../control/udp.js';
import { MAX_BODY_BYTES } from './body.js';
import type { NgDoor } from './ng.js';
import type { OpenRequests } from './open-requests.js';
import { clientOf } from './peer.js';

export type SubProtocol = {
  /** Undefined: no answer is due. */
  readonly answer: (message: Buffer, client: Client) => Buffer | Promise<Buffer | undefined>;
  /** Answers have nothing that tells them apart: they go out in the order of the messages. */
  readonly ordered: boolean;
};

export type SubProtocols = ReadonlyMap<string, SubProtocol>;

export function ngSubProtocols(ng: NgDoor): SubProtocols {
  return new Map([
    ['ng.rtpengine.com', { answer: (message, client) => ng.answer(message, client), ordered: false }],
    [
      'ng-plain.rtpengine.com',
      { answer: (message, client) => ng.answerPlain(message, client), ordered: true },
    ],
    ['echo.rtpengine.com', { answer: (message) => message, ordered: true }],
  ]);
}

/** WebSockets (RFC 6455): a request per message, answered by a binary message. The sub-protocol says what is spoken. */
export class WebSockets {
  readonly #protocols: SubProtocols;
  readonly #requests: OpenRequests;
  readonly #logger: ControlLogger;
  readonly #server: WebSocketServer;
  readonly #alive = new WeakSet<WebSocket>();
  readonly #keepalive: NodeJS.Timeout;

  constructor(
    protocols: SubProtocols,
    { requests, logger }: { readonly requests: OpenRequests; readonly logger: ControlLogger },
  ) {
    this.#protocols = protocols;
    this.#requests = requests;
    this.#logger = logger;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: MAX_BODY_BYTES,
      handleProtocols: (offered) => this.#chosen(offered) ?? false,
    });
    this.#keepalive = setInterval(() => this.#checkAlive(), KEEPALIVE_MS);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (this.#chosen(offered) === undefined) refuseUpgrade(socket, '400 Bad Request');
    else if (this.#server.clients.size >= MAX_WEB_SOCKETS) refuseUpgrade(socket, '503 Service Unavailable');
    else {
      const client = clientOf(request.socket);
      this.#server.handleUpgrade(request, socket, head, (webSocket) => this.#serve(webSocket, client));
    }
  }

  /** Tells everybody that this is the end. Resolves when all have agreed to it, or at `deadline`. */
  async close(deadline: Promise<unknown>): Promise<void> {
    clearInterval(this.#keepalive);
    const clients = [...this.#server.clients];
    const closed = clients.map((client) => once(client, 'close'));
    for (const client of clients) client.close(GOING_AWAY);
    await Promise.race([Promise.all(closed), deadline]);
    for (const client of clients) client.terminate();
  }

  #chosen(offered: Iterable<string>): string | undefined {
    return [...offered].find((name) => this.#protocols.has(name));
  }

  #serve(webSocket: WebSocket, client: Client): void {
    const protocol = this.#protocols.get(webSocket.protocol);
    if (protocol === undefined) throw new Error('a WebSocket was opened without a sub-protocol');
    this.#alive.add(webSocket);
    webSocket.on('pong', () => this.#alive.add(webSocket));
    webSocket.on('error', (error) => this.#logger.debug({ err: error, client }, 'WebSocket broke'));
    let unanswered = 0;
    let before: Promise<unknown> = Promise.resolve();
    webSocket.on('message', (message) => {
      // The only other kinds are for servers that ask for them.
      if (!Buffer.isBuffer(message)) return;
      const settle = this.#requests.begin();
      unanswered += 1;
      if (unanswered >= MAX_UNANSWERED) webSocket.pause();
      const answered = this.#answer(protocol, message, client);
      before = (protocol.ordered ? before.then(() => answered) : answered).then((reply) => {
        unanswered -= 1;
        if (webSocket.isPaused && unanswered < MAX_UNANSWERED) webSocket.resume();
        if (reply !== undefined) send(webSocket, reply);
        settle();
      });
    });
  }

  /** Never rejects. */
  async #answer(protocol: SubProtocol, message: Buffer, client: Client): Promise<Buffer | undefined> {
    try {
      return await protocol.answer(message, client);
    } catch (error) {
      this.#logger.error({ err: error }, 'control request failed');
      return undefined;
    }
  }

  /** Who has not answered the last ping is gone, though nothing said so. */
  #checkAlive(): void {
    for (const webSocket of this.#server.clients) {
      if (!this.#alive.delete(webSocket)) webSocket.terminate();
      else webSocket.ping();
    }
  }
}

/** A client that sends and never reads is cut off. */
function send(webSocket: WebSocket, reply: Buffer): void {
  if (webSocket.bufferedAmount > MAX_UNSENT_BYTES) webSocket.terminate();
  else if (webSocket.readyState === webSocket.OPEN) webSocket.send(reply, { binary: true });
}

export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => {});
  const response = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  // Left half open it would stay for as long as the other end likes.
  socket.end(response, () => socket.destroy());
}

const GOING_AWAY = 1001;
const KEEPALIVE_MS = 30_000;
/** Half of what a listener takes: the others stay free for HTTP. */
const MAX_WEB_SOCKETS = 128;
/** Of one connection; beyond that it is not read. */
const MAX_UNANSWERED = 256;
const MAX_UNSENT_BYTES = 1024 * 1024;
