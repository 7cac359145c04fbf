import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { type Encoding, readPayload, writePayload } from './envelope.js';
import type { Dictionary } from './value.js';

export type NgRequestOptions = {
  readonly encoding?: Encoding;
  /** Chosen anew for each request unless given. */
  readonly cookie?: string;
  /** How often the datagram is sent at most. */
  readonly attempts?: number;
  /** How long each attempt waits. */
  readonly timeoutMs?: number;
};

/** Speaks ng as a SIP proxy does: one connected UDP socket, the same datagram again until it is answered. */
export class NgClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (payload: Buffer) => void>();
  readonly #prefix = Math.random().toString(36).slice(2, 10);
  #requests = 0;

  static async open(server: { readonly address: string; readonly port: number }): Promise<NgClient> {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    socket.connect(server.port, server.address);
    await once(socket, 'connect');
    return new NgClient(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    // A port that nobody listens on shows as a missing reply.
    socket.on('error', () => {});
    socket.on('message', (datagram) => {
      const space = datagram.indexOf(' ');
      this.#waiting.get(datagram.toString('latin1', 0, space))?.(datagram.subarray(space + 1));
    });
  }

  /** Our address towards the server. */
  get localAddress(): string {
    return this.#socket.address().address;
  }

  /** Undefined: no answer. Rejects if the answer cannot be read. */
  async request(message: Dictionary, options: NgRequestOptions = {}): Promise<Dictionary | undefined> {
    this.#requests += 1;
    const cookie = options.cookie ?? `${this.#prefix}_${this.#requests}`;
    const datagram = `${cookie} ${writePayload(options.encoding ?? 'bencode', message)}`;
    for (let attempt = 0; attempt < (options.attempts ?? 5); attempt += 1) {
      const payload = await this.#exchange(cookie, datagram, options.timeoutMs ?? 1000);
      if (payload === undefined) continue;
      const reply = readPayload(payload);
      if (!reply.ok) throw new Error(`unreadable reply: ${reply.reason}`);
      return reply.dictionary;
    }
    return undefined;
  }

  /** Sends bytes as they are and waits for nothing. */
  send(datagram: string): void {
    this.#socket.send(Buffer.from(datagram, 'latin1'), () => {});
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #exchange(cookie: string, datagram: string, timeoutMs: number): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const finish = (reply: Buffer | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(cookie);
        resolve(reply);
      };
      const timer = setTimeout(finish, timeoutMs, undefined);
      this.#waiting.set(cookie, finish);
      this.send(datagram);
    });
  }
}
