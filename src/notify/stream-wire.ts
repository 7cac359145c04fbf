import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Delivery, Outcome } from './delivery-queue.js';
import type { HostAndPort } from './line-target.js';
import type { Wire } from './targets.js';
import { Unconfirmed } from './unconfirmed.js';

/** Writes to one stream: connects when there is something to write, keeps the connection, begins anew when it breaks. */
export class StreamWire implements Wire {
  readonly #to: { readonly path: string } | HostAndPort;
  readonly #unconfirmed = new Unconfirmed();
  #connection: Promise<Socket> | undefined;
  #socket: Socket | undefined;

  constructor(to: { readonly path: string } | HostAndPort) {
    this.#to = to;
  }

  async deliver({ body, isPrompt }: Delivery): Promise<Outcome> {
    this.#connection ??= this.#connect();
    let socket: Socket;
    try {
      socket = await this.#connection;
    } catch (error) {
      return { kind: 'unreachable', reason: reasonOf(error) };
    }
    const failure = await write(socket, body);
    if (failure !== undefined) return { kind: 'unreachable', reason: failure };
    if (isPrompt) return { kind: 'done' };
    return socket.destroyed ? { kind: 'unreachable', reason: CLOSED } : this.#unconfirmed.wait();
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #connect(): Promise<Socket> {
    const socket = connect(this.#to);
    this.#socket = socket;
    let reason = CLOSED;
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      this.#connection = undefined;
      this.#unconfirmed.broken(reason);
    });
    // Some listeners talk back; what they say is of no use, but must be read to notice the end.
    socket.on('data', () => {});
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MS) }).catch((error) => {
      socket.destroy();
      throw error;
    });
    return socket;
  }
}

/** Resolves when the kernel has it; with the reason if that fails. */
async function write(socket: Socket, body: Buffer): Promise<string | undefined> {
  const patience = setTimeout(() => socket.destroy(new Error('does not read')), UNREAD_MS);
  const failure = await new Promise<string | undefined>((resolve) => {
    socket.write(body, (error) => resolve(error ? error.message : undefined));
  });
  clearTimeout(patience);
  return failure;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'AbortError' ? 'no answer in time' : error.message;
}

const CLOSED = 'the connection was closed';
const CONNECT_MS = 2_000;
const UNREAD_MS = 5_000;
