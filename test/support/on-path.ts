import { createSocket, type Socket } from 'node:dgram';
import { onTestFinished } from 'vitest';

const HOST = '127.0.0.1';

type Place = { readonly address: string; readonly port: number };

/**
 * Somebody on the path of a party: what the party says leaves from the party's own address by its hands, and at each
 * datagram it says something itself, in the party's name.
 */
export class OnPath {
  readonly port: number;
  readonly #outer: Socket;
  readonly #inner: Socket;
  readonly #forged: () => readonly Buffer[];
  /** Where the party's program is, once it is known. */
  #party: number | undefined;
  #proxy: Place | undefined;

  private constructor(outer: Socket, inner: Socket, forged: () => readonly Buffer[]) {
    this.port = outer.address().port;
    this.#outer = outer;
    this.#inner = inner;
    this.#forged = forged;
    outer.on('message', (datagram, { address, port }) => {
      this.#proxy = { address, port };
      this.#forge();
      if (this.#party !== undefined) inner.send(datagram, this.#party, HOST);
    });
    inner.on('message', (datagram, { port }) => {
      this.#party = port;
      this.#forge();
      if (this.#proxy) outer.send(datagram, this.#proxy.port, this.#proxy.address);
    });
    for (const socket of [outer, inner]) {
      // From now on: that nobody listens yet where it sends to.
      socket.on('error', () => {});
      onTestFinished(() => this.leave());
    }
  }

  /** At the address that is signalled as the party's. */
  static async of(at: Place, forged: () => readonly Buffer[]): Promise<OnPath> {
    const [outer, inner] = [createSocket('udp4'), createSocket('udp4')];
    await Promise.all([bound(outer, at.address, at.port), bound(inner, HOST, 0)]);
    return new OnPath(outer, inner, forged);
  }

  /** A program that begins finds the proxy here. */
  towards(proxy: Place): string {
    this.#proxy = proxy;
    return `${HOST}:${this.#inner.address().port}`;
  }

  /** A program that waits for the proxy waits there. */
  guards(port: number): string {
    this.#party = port;
    return `${HOST}:${port}`;
  }

  /** The party speaks for itself from now on. */
  leave(): void {
    for (const socket of [this.#outer, this.#inner]) {
      try {
        socket.close();
      } catch {
        // It has left before.
      }
    }
  }

  #forge(): void {
    for (const datagram of this.#forged())
      if (this.#proxy) this.#outer.send(datagram, this.#proxy.port, this.#proxy.address);
  }
}

function bound(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, resolve);
  });
}
