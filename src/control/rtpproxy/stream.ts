import { once } from 'node:events';
import { chmodSync, existsSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Client } from '../../command/command.js';
import type { ControlLogger, ListenAddress } from '../udp.js';
import { LineSplitter } from './lines.js';
import { MAX_REQUEST, type RtpproxyResponder } from './responder.js';

/** A path in the file system, or an address for TCP. */
export type StreamAddress =
  | { readonly kind: 'unix'; readonly path: string; readonly mode: number; readonly fd?: number }
  | ({ readonly kind: 'tcp' } & ListenAddress);

export type StreamOptions = {
  /** Lines, one behind the other, on a connection that stays; otherwise one request and its reply. */
  readonly continuous: boolean;
  readonly responder: RtpproxyResponder;
  /** Connections of all listeners. */
  readonly connections: Set<Socket>;
  readonly logger: ControlLogger;
};

export type StreamListener = { readonly server: Server; close(): Promise<void> };

export async function listenStream(at: StreamAddress, options: StreamOptions): Promise<StreamListener> {
  const own = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    if (options.connections.size >= MAX_CONNECTIONS) {
      options.logger.warn({ connections: MAX_CONNECTIONS }, 'too many rtpproxy connections');
      connection.destroy();
      return;
    }
    for (const set of [own, options.connections]) {
      set.add(connection);
      connection.on('close', () => set.delete(connection));
    }
    const client: Client = {
      address: connection.remoteAddress ?? '127.0.0.1',
      port: connection.remotePort ?? 0,
      protocol: 'rtpproxy',
    };
    connection.on('error', (error) => options.logger.debug({ err: error }, 'rtpproxy connection broke'));
    if (options.continuous) serveLines(connection, client, options.responder);
    else serveOnce(connection, client, options.responder);
  });
  await bind(server, at);
  server.on('error', (error) => options.logger.error({ err: error }, 'rtpproxy listener failed'));
  return {
    server,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of own) connection.destroy();
      await closed;
    },
  };
}

async function bind(server: Server, at: StreamAddress): Promise<void> {
  const listening = (): Promise<unknown> => once(server, 'listening');
  if (at.fd !== undefined) {
    server.listen({ fd: at.fd });
    await listening();
  } else if (at.kind === 'tcp') {
    server.listen({ host: at.address, port: at.port });
    await listening();
  } else {
    await replaceStale(at.path);
    server.listen({ path: at.path });
    await listening();
    chmodSync(at.path, at.mode);
  }
}

/** What the client writes first is its request, with or without a line end. */
function serveOnce(connection: Socket, client: Client, responder: RtpproxyResponder): void {
  connection.once('data', (chunk) => {
    const line = chunk.length > MAX_REQUEST ? '' : chunk.toString('latin1');
    void responder.answerLine(line, client).then((reply) => {
      if (!connection.destroyed) connection.end(reply, 'latin1', () => connection.destroySoon());
    });
  });
  connection.on('end', () => {
    if (connection.bytesRead === 0) connection.end();
  });
}

/** Requests may come faster than they are answered; replies keep their order. */
function serveLines(connection: Socket, client: Client, responder: RtpproxyResponder): void {
  const splitter = new LineSplitter(MAX_REQUEST);
  let last: Promise<void> = Promise.resolve();
  connection.on('data', (chunk) => {
    const lines = splitter.push(chunk);
    if (lines === undefined) {
      connection.destroy();
      return;
    }
    for (const line of lines) {
      const reply = responder.answerLine(line, client);
      last = last.then(async () => write(connection, await reply));
    }
  });
  connection.on('end', () => void last.then(() => connection.end()));
}

/** A client that sends and never reads is cut off. */
function write(connection: Socket, reply: string): void {
  if (connection.destroyed) return;
  if (connection.writableLength > MAX_UNSENT_BYTES) connection.destroy();
  else connection.write(reply, 'latin1');
}

/** A socket file that nobody listens on any more is replaced. */
async function replaceStale(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const probe = connect(path);
  const isLive = await new Promise<boolean>((resolve) => {
    probe.once('connect', () => resolve(true));
    probe.once('error', () => resolve(false));
  });
  probe.destroy();
  if (isLive) throw new Error(`another process listens on ${path}`);
  unlinkSync(path);
}

const MAX_CONNECTIONS = 100;
const MAX_UNSENT_BYTES = 256 * 1024;
