import { connect, type Socket } from 'node:net';

/** Where a target is: a Unix socket's path, or host and port. */
export type StreamDestination = { readonly path: string } | { readonly host: string; readonly port: number };

/** `unix:/path`, or `tcp:host:port` with IPv6 in brackets. */
export function parseTarget(target: string): StreamDestination | undefined {
  if (target.startsWith('unix:')) return target.length > 5 ? { path: target.slice(5) } : undefined;
  const [, host, port] = /^tcp:\[?([^[\]]+?)\]?:(\d{1,5})$/.exec(target) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host, port: Number(port) };
}

export type StreamTargetEvents = {
  /** A line was given to the connection. */
  sent(): void;
  dropped(reason: string, lines: number): void;
};

/**
 * Writes lines to one stream: connects when there is something to write, keeps the connection, and begins anew when
 * it breaks. After three attempts in vain everything that waits is dropped.
 */
export class StreamTarget {
  readonly #destination: StreamDestination;
  readonly #events: StreamTargetEvents;
  readonly #waiting: string[] = [];
  #socket: Socket | undefined;
  #isConnected = false;
  #attempts = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(destination: StreamDestination, events: StreamTargetEvents) {
    this.#destination = destination;
    this.#events = events;
  }

  send(line: string): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#events.dropped('too many notices wait', 1);
      return;
    }
    this.#waiting.push(line);
    if (this.#isConnected) this.#flush();
    else if (this.#socket === undefined && this.#retry === undefined) this.#connect();
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): void {
    this.#retry = undefined;
    this.#attempts += 1;
    const socket = connect(this.#destination);
    this.#socket = socket;
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => {
      socket.setTimeout(0);
      this.#isConnected = true;
      this.#flush();
    });
    // Some listeners talk back; what they say is of no use, but must be read to notice the end.
    socket.on('data', () => {});
    socket.on('drain', () => this.#flush());
    let reason = 'the connection was closed';
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#lost(reason);
    });
  }

  /** No more than the connection takes; the rest waits here, where it can be counted. */
  #flush(): void {
    const socket = this.#socket;
    while (socket !== undefined && !socket.destroyed && !socket.writableNeedDrain) {
      const line = this.#waiting.shift();
      if (line === undefined) return;
      socket.write(line, 'latin1', (error) => {
        if (error) this.#events.dropped(error.message, 1);
        else {
          this.#attempts = 0;
          this.#events.sent();
        }
      });
    }
  }

  #lost(reason: string): void {
    this.#socket = undefined;
    const wasConnected = this.#isConnected;
    this.#isConnected = false;
    if (this.#waiting.length === 0) {
      this.#attempts = 0;
    } else if (this.#attempts < ATTEMPTS || (wasConnected && this.#attempts === 0)) {
      this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
    } else {
      this.#attempts = 0;
      this.#events.dropped(reason, this.#waiting.splice(0).length);
    }
  }
}

const ATTEMPTS = 3;
const RETRY_MS = 500;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_WAITING = 1_000;
