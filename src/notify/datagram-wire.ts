import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { lookup } from 'node:dns/promises';
import type { Delivery, Outcome } from './delivery-queue.js';
import type { HostAndPort } from './line-target.js';
import type { Wire } from './targets.js';
import { Unconfirmed } from './unconfirmed.js';

/** One datagram for each delivery. That nobody listens is known only if the target's host says so. */
export class DatagramWire implements Wire {
  readonly #to: HostAndPort;
  readonly #unconfirmed = new Unconfirmed();
  #opening: Promise<Socket> | undefined;
  #isClosed = false;

  constructor(to: HostAndPort) {
    this.#to = to;
  }

  async deliver({ body, isPrompt }: Delivery): Promise<Outcome> {
    this.#opening ??= this.#open();
    try {
      const socket = await this.#opening;
      const outcome = isPrompt ? DONE : this.#unconfirmed.wait();
      socket.send(body, (error) => {
        if (error !== null) this.#unconfirmed.broken(error.message);
      });
      return await outcome;
    } catch (error) {
      this.#opening = undefined;
      return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#unconfirmed.broken('shutting down');
    // A failed one has closed itself.
    this.#opening?.then((socket) => socket.close()).catch(() => {});
  }

  /** A connected socket: the kernel hands it the answers of hosts that do not want the datagrams. */
  async #open(): Promise<Socket> {
    const { address, family } = await lookup(this.#to.host);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    socket.unref();
    socket.on('error', (error) => this.#unconfirmed.broken(error.message));
    socket.connect(this.#to.port, address);
    await once(socket, 'connect').catch((error) => {
      socket.close();
      throw error;
    });
    if (this.#isClosed) socket.close();
    return socket;
  }
}

const DONE: Outcome = { kind: 'done' };
