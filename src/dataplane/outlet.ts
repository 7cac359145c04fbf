import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';

/**
 * Writes to a stream socket beside its stream: a stream that cannot write is destroyed, with all it has not read yet.
 * What the other side has said before it died is read to the end this way, and only then the socket closes.
 */
export class Outlet {
  readonly #socket: Socket;
  /** What the other side has not taken yet. */
  readonly #unsent: Buffer[] = [];
  #retry: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('close', () => {
      clearTimeout(this.#retry);
      this.#unsent.length = 0;
    });
  }

  write(bytes: Buffer): void {
    this.#unsent.push(bytes);
    if (this.#retry === undefined) this.#drain();
  }

  #drain(): void {
    this.#retry = undefined;
    for (let bytes = this.#unsent.shift(); bytes !== undefined; bytes = this.#unsent.shift()) {
      const written = this.#send(bytes);
      if (written === bytes.length) continue;
      this.#unsent.unshift(bytes.subarray(written));
      this.#retry = setTimeout(() => this.#drain(), RETRY_MS);
      return;
    }
  }

  /** How many of the bytes need no further care. */
  #send(bytes: Buffer): number {
    const descriptor = descriptorOf(this.#socket);
    if (descriptor === undefined) {
      if (!this.#socket.destroyed) this.#socket.write(bytes);
      return bytes.length;
    }
    try {
      return writeSync(descriptor, bytes);
    } catch (error) {
      // Nobody reads it any more; that the socket closes is told behind what there is to be read.
      return isFull(error) ? 0 : bytes.length;
    }
  }
}

/** Of an open socket. Node does not document it. */
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const descriptor: unknown = handle instanceof Object ? Reflect.get(handle, 'fd') : undefined;
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined;
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}

const RETRY_MS = 1;
