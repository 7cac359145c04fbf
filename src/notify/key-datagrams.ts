import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { KeyPress } from '../call/keys.js';
import { keyDatagram } from './key-json.js';

export type DatagramTarget = { readonly address: string; readonly port: number };

export type KeyDatagramEvents = {
  keyTold(target: string, callId: string): void;
  keyLost(target: string, callId: string, reason: string): void;
};

/** Tells keys in one datagram each: to whom the call names, else to the configured target. */
export class KeyDatagrams {
  readonly #target: DatagramTarget | null;
  readonly #events: KeyDatagramEvents;
  readonly #sockets = new Map<4 | 6, Socket>();
  #underWay = 0;

  constructor(target: DatagramTarget | null, events: KeyDatagramEvents) {
    this.#target = target;
    this.#events = events;
  }

  tellKey(press: KeyPress): void {
    const { callId, destination } = press;
    const target = destination === undefined ? this.#target : parseDestination(destination);
    if (target === null) return;
    if (target === undefined) {
      this.#events.keyLost(destination ?? '', callId, 'not an address with a port');
      return;
    }
    const name = `${target.address}:${target.port}`;
    if (this.#underWay >= MAX_UNDER_WAY) {
      this.#events.keyLost(name, callId, 'too many keys wait');
      return;
    }
    this.#underWay += 1;
    this.#socket(isIP(target.address) === 6 ? 6 : 4).send(
      keyDatagram(press),
      target.port,
      target.address,
      (error) => {
        this.#underWay -= 1;
        if (error === null) this.#events.keyTold(name, callId);
        else this.#events.keyLost(name, callId, error.message);
      },
    );
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #socket(version: 4 | 6): Socket {
    const known = this.#sockets.get(version);
    if (known !== undefined) return known;
    const socket = createSocket({
      type: version === 6 ? 'udp6' : 'udp4',
      // Only addresses are ever sent to; a look-up could change the order of keys.
      lookup: (address, _, found) => found(null, address, version),
    });
    // Nobody listening shows only later, on another datagram.
    socket.on('error', () => {});
    socket.unref();
    this.#sockets.set(version, socket);
    return socket;
  }
}

/** `192.0.2.1:3333` or `[2001:db8::1]:3333`. */
export function parseDestination(text: string): DatagramTarget | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim()) ?? [];
  const address = bracketed ?? plain;
  const port = Number(digits);
  if (address === undefined || isIP(address) === 0 || port < 1 || port > 65_535) return undefined;
  return { address, port };
}

const MAX_UNDER_WAY = 1_000;
