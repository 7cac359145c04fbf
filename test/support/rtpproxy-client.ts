import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { until } from './netns-until.js';

/** Speaks the rtpproxy protocol as SIP proxies do: one UDP socket, a cookie, the same datagram again. */
export class RtpproxyClient {
  readonly #address: string;
  readonly #port: number;
  readonly #socket = createSocket('udp4');
  readonly #replies = new Map<string, string>();
  #requests = 0;

  constructor(address: string, port: number) {
    this.#address = address;
    this.#port = port;
    this.#socket.on('message', (reply) => {
      const text = reply.toString('latin1');
      const space = text.indexOf(' ');
      this.#replies.set(text.slice(0, space), text.slice(space + 1));
    });
    this.#socket.on('error', () => {});
    onTestFinished(() => {
      this.#socket.close();
    });
  }

  /** The reply without its cookie and its line end. */
  async command(line: string, cookie = `${process.pid}_${this.#requests++}`): Promise<string> {
    let reply: string | undefined;
    this.#replies.delete(cookie);
    for (let attempt = 0; attempt < 30 && reply === undefined; attempt += 1) {
      this.#socket.send(Buffer.from(`${cookie} ${line}`, 'latin1'), this.#port, this.#address);
      reply = await until(`a reply to ${line}`, () => this.#replies.get(cookie), 1000).catch(() => undefined);
    }
    if (reply === undefined) throw new Error(`no reply to ${line}`);
    if (!reply.endsWith('\n')) throw new Error(`no line end behind ${reply}`);
    return reply.slice(0, -1);
  }
}

/** Writes to a stream and returns all that comes back until it is closed, or until `lines` lines. */
export async function overStream(
  to: { readonly path: string } | { readonly host: string; readonly port: number },
  text: string,
  lines = Number.POSITIVE_INFINITY,
): Promise<string> {
  const socket: Socket = connect(to);
  onTestFinished(() => void socket.destroy());
  let received = '';
  let closed = false;
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('close', () => {
    closed = true;
  });
  socket.on('error', () => {});
  socket.write(text, 'latin1');
  await until(`a reply to ${text}`, () => (closed || received.split('\n').length > lines ? true : undefined));
  return received;
}
