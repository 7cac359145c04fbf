import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { encodeBencode } from './bencode.js';
import type { NgLogger, NgResponder } from './responder.js';
import { FrameSplitter } from './tcp-framing.js';
import type { ListenAddress } from '../udp.js';
import type { Dictionary } from './value.js';

/** ng over TCP: the same frames, one behind the other. Only bencode can be told apart in a stream. */
export type TcpListener = {
  readonly server: Server;
  readonly connections: ReadonlySet<Socket>;
  close(): Promise<void>;
};

export async function listenTcp(
  listen: ListenAddress,
  responder: NgResponder,
  logger: NgLogger,
): Promise<TcpListener> {
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    serve(connection, responder, logger);
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(listen.fd === undefined ? { host: listen.address, port: listen.port } : { fd: listen.fd });
  await once(server, 'listening');
  server.on('error', (error) => logger.error({ err: error }, 'ng listener failed'));
  return {
    server,
    connections,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

/** Sends a frame nobody has asked for to every connection. Returns how many were cut off instead. */
export function broadcast(listeners: readonly TcpListener[], notification: Dictionary): number {
  const frame = Buffer.from(`${randomBytes(8).toString('hex')} ${encodeBencode(notification)}`, 'latin1');
  let cutOff = 0;
  for (const connection of listeners.flatMap(({ connections }) => [...connections])) {
    write(connection, frame);
    if (connection.destroyed) cutOff += 1;
  }
  return cutOff;
}

function serve(connection: Socket, responder: NgResponder, logger: NgLogger): void {
  const splitter = new FrameSplitter();
  const client = {
    address: connection.remoteAddress ?? '',
    port: connection.remotePort ?? 0,
    protocol: 'ng',
  } as const;
  connection.setNoDelay(true);
  connection.on('error', (error) => logger.debug({ err: error, client }, 'ng connection broke'));
  connection.on('data', (chunk) => {
    const frames = splitter.push(chunk);
    if (frames === undefined) {
      logger.debug({ client }, 'ng connection carries something else');
      connection.destroy();
      return;
    }
    for (const frame of frames) {
      responder.answer(frame, client).then(
        (reply) => {
          if (reply !== undefined) write(connection, reply);
        },
        (error) => logger.error({ err: error }, 'ng request failed'),
      );
    }
  });
}

/** A client that sends and never reads is cut off. */
function write(connection: Socket, reply: Buffer): void {
  if (connection.destroyed) return;
  if (connection.writableLength > MAX_UNSENT_BYTES) connection.destroy();
  else connection.write(reply);
}

const MAX_CONNECTIONS = 256;
const MAX_UNSENT_BYTES = 1024 * 1024;
