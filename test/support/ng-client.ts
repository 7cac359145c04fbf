import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { decodeBencode, encodeBencode } from '../../src/control/ng/bencode.js';
import { decodeJson, encodeJson } from '../../src/control/ng/json.js';
import type { Value } from '../../src/control/ng/value.js';

/** A dictionary as a plain object; text is bytes, one character per byte. */
export type NgMessage = { readonly [key: string]: NgField | undefined };
export type NgField = string | number | readonly NgField[] | NgMessage;

export type NgRequestOptions = {
  readonly encoding?: 'bencode' | 'json';
  /** Repeats a cookie to make the request a retransmission. */
  readonly cookie?: string;
  /** How often the datagram is sent at most. */
  readonly attempts?: number;
  /** How long each attempt waits. */
  readonly timeoutMs?: number;
};

/** An ng client as a SIP proxy has it: one connected UDP socket, retransmission with the same cookie. */
export class NgClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (payload: Buffer) => void>();
  #lastCookie = 0;

  static async open(server: { readonly address: string; readonly port: number }): Promise<NgClient> {
    const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
    socket.connect(server.port, server.address);
    await once(socket, 'connect');
    return new NgClient(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    // A refused port (ICMP) shows as a missing reply.
    socket.on('error', () => {});
    socket.on('message', (datagram) => {
      const space = datagram.indexOf(' ');
      this.#waiting.get(datagram.toString('latin1', 0, space))?.(datagram.subarray(space + 1));
    });
  }

  /** Sends a request until it is answered. Rejects if it never is. */
  async request(message: NgMessage, options: NgRequestOptions = {}): Promise<NgMessage> {
    this.#lastCookie += 1;
    const cookie = options.cookie ?? `${process.pid}_${this.#socket.address().port}_${this.#lastCookie}`;
    const json = options.encoding === 'json';
    const payload = json ? encodeJson(toValue(message)) : encodeBencode(toValue(message));
    for (let attempt = 0; attempt < (options.attempts ?? 5); attempt += 1) {
      const reply = await this.#exchange(cookie, payload, options.timeoutMs ?? 1000);
      if (reply === undefined) continue;
      const dictionary = json ? decodeJson(reply) : decodeBencode(reply);
      if (dictionary === undefined) throw new Error(`unreadable reply: ${reply.toString('latin1', 0, 200)}`);
      return fromDictionary(dictionary);
    }
    throw new Error(`no reply to ${String(message.command)}`);
  }

  /** Sends bytes as they are, and waits for nothing. */
  send(datagram: string): void {
    this.#socket.send(Buffer.from(datagram, 'latin1'));
  }

  async close(): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }

  #exchange(cookie: string, payload: string, timeoutMs: number): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const finish = (reply: Buffer | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(cookie);
        resolve(reply);
      };
      const timer = setTimeout(finish, timeoutMs, undefined);
      this.#waiting.set(cookie, finish);
      this.send(`${cookie} ${payload}`);
    });
  }
}

function toValue(field: NgField): Value {
  if (typeof field === 'string' || typeof field === 'number') return field;
  if (isList(field)) return field.map(toValue);
  const entries = Object.entries(field).flatMap(([key, member]): [string, Value][] =>
    member === undefined ? [] : [[key, toValue(member)]],
  );
  return new Map(entries);
}

function isList(field: NgField): field is readonly NgField[] {
  return Array.isArray(field);
}

function fromDictionary(dictionary: ReadonlyMap<string, Value>): NgMessage {
  return Object.fromEntries([...dictionary].map(([key, value]) => [key, fromValue(value)]));
}

function fromValue(value: Value): NgField {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (value instanceof Map) return fromDictionary(value);
  return Array.isArray(value) ? value.map(fromValue) : '';
}
