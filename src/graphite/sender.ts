import { connect, type Socket } from 'node:net';
import type { Events } from '../observability/events.js';

export type SenderParts = {
  readonly host: string;
  readonly port: number;
  /** How long a connection may take, and a listener may leave unread what it was sent. */
  readonly timeoutMs: number;
  readonly events: Pick<Events, 'graphiteConnected' | 'graphiteLost'>;
  /** As `connect` of node:net, which it is unless said otherwise. */
  readonly open?: (to: { readonly host: string; readonly port: number }) => Socket;
};

/**
 * Keeps a connection to a listener and writes texts to it, one after the other. It waits for nobody: what cannot be
 * written yet is kept, up to a limit, the oldest giving way; a connection that is lost is tried again, ever less often.
 */
export class GraphiteSender {
  readonly #parts: SenderParts;
  #socket: Socket | undefined;
  /** Absent: it is not. */
  #connectedAt: number | undefined;
  /** Not yet handed to the socket. */
  #waiting: string[] = [];
  #waitingLength = 0;
  #dropped = 0;
  /** Connections in a row that did not last. */
  #failures = 0;
  /** What was said last. */
  #told: 'nothing' | 'connected' | 'lost' = 'nothing';
  /** For the connection to come, to be read, or to be tried again. */
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#connect();
  }

  send(text: string): void {
    if (this.#isClosed) return;
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    this.#flush();
    while (this.#waitingLength > MOST_WAITING && this.#waiting.length > 0) {
      this.#waitingLength -= this.#waiting.shift()?.length ?? 0;
      this.#dropped += 1;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWaiting();
    this.#socket?.destroy();
  }

  #connect(): void {
    const { host, port } = this.#parts;
    const socket: Socket = (this.#parts.open ?? connect)({ host, port });
    this.#socket = socket;
    let reason = 'the connection was closed';
    this.#timer = this.#lateness(socket, 'no connection in time');
    socket.on('connect', () => this.#connected(socket));
    // Nothing is said to us, but it must be read to notice the end.
    socket.on('data', () => {});
    socket.on('drain', () => this.#flush());
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => this.#lost(reason));
  }

  #connected(socket: Socket): void {
    this.#stopWaiting();
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#connectedAt = performance.now();
    if (this.#told !== 'connected') {
      this.#told = 'connected';
      this.#parts.events.graphiteConnected(this.#name(), this.#dropped);
    }
    this.#dropped = 0;
    this.#flush();
  }

  #lost(reason: string): void {
    const lastedMs = this.#connectedAt === undefined ? 0 : performance.now() - this.#connectedAt;
    this.#connectedAt = undefined;
    this.#socket = undefined;
    this.#stopWaiting();
    if (this.#isClosed) return;
    if (this.#told !== 'lost') {
      this.#told = 'lost';
      this.#parts.events.graphiteLost(this.#name(), reason);
    }
    if (lastedMs > LONGEST_PAUSE_MS) this.#failures = 0;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), pauseMs);
    this.#timer.unref();
  }

  /** Hands over what waits, as long as the socket wants more. */
  #flush(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#connectedAt === undefined) return;
    while (this.#waiting.length > 0 && !socket.writableNeedDrain) {
      const text = this.#waiting.shift() ?? '';
      this.#waitingLength -= text.length;
      socket.write(text, () => {
        if (socket === this.#socket && socket.writableLength === 0) this.#stopWaiting();
      });
    }
    if (socket.writableLength > 0) this.#timer ??= this.#lateness(socket, 'does not read');
  }

  /** Gives the connection up unless somebody stops waiting before. */
  #lateness(socket: Socket, reason: string): NodeJS.Timeout {
    const timer = setTimeout(() => socket.destroy(new Error(reason)), this.#parts.timeoutMs);
    return timer.unref();
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #name(): string {
    return `${this.#parts.host}:${this.#parts.port}`;
  }
}

/** Characters: about fifty intervals of a node with a few interfaces. */
const MOST_WAITING = 512 * 1024;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const KEEP_ALIVE_MS = 30_000;
