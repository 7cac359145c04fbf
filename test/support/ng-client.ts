import { NgClient as Client, type NgRequestOptions } from '../../src/control/ng/client.js';
import type { Value } from '../../src/control/ng/value.js';

/** A dictionary as a plain object; text is bytes, one character per byte. */
export type NgMessage = { readonly [key: string]: NgField | undefined };
export type NgField = string | number | readonly NgField[] | NgMessage;

/** An ng client for tests, with plain objects in place of dictionaries. */
export class NgClient {
  readonly #client: Client;

  static async open(server: { readonly address: string; readonly port: number }): Promise<NgClient> {
    return new NgClient(await Client.open(server));
  }

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Rejects if there is no reply. */
  async request(message: NgMessage, options: NgRequestOptions = {}): Promise<NgMessage> {
    const reply = await this.#client.request(toDictionary(message), options);
    if (reply === undefined) throw new Error(`no reply to ${String(message.command)}`);
    return fromDictionary(reply);
  }

  /** Sends bytes as they are, and waits for nothing. */
  send(datagram: string): void {
    this.#client.send(datagram);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

export function toDictionary(message: NgMessage): ReadonlyMap<string, Value> {
  return new Map(
    Object.entries(message).flatMap(([key, member]): [string, Value][] =>
      member === undefined ? [] : [[key, toValue(member)]],
    ),
  );
}

function toValue(field: NgField): Value {
  if (typeof field === 'string' || typeof field === 'number') return field;
  return isList(field) ? field.map(toValue) : toDictionary(field);
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
