import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** The part of a pino logger that is used here. */
export type ControlLogger = {
  debug(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
};

/** Answers a datagram; resolves with nothing if no answer is due. */
export type AnswerDatagram = (
  frame: Buffer,
  from: { readonly address: string; readonly port: number },
) => Promise<Buffer | undefined>;

/** `fd`: a socket that is bound already and was handed over; `carried`: one that the data plane reads. */
export type ListenAddress = {
  readonly address: string;
  readonly port: number;
  readonly fd?: number;
  readonly carried?: boolean;
};

/**
 * Opens the sockets of one listen address. Replies leave from the socket a request came in on, so that clients
 * with connected sockets see the address they sent to; for a wildcard there is one more socket per local
 * address, because the kernel would choose the source by route.
 */
export async function listenUdp(
  listen: ListenAddress,
  answer: AnswerDatagram,
  logger: ControlLogger,
): Promise<Socket[]> {
  if (listen.fd !== undefined || !WILDCARDS.has(listen.address)) {
    return [await open(listen, false, answer, logger)];
  }
  // Without SO_REUSEADDR first: another process on this port must be noticed.
  const probe = await open(listen, false, answer, logger);
  const { port } = probe.address();
  await close(probe);
  const sockets = [await open({ address: listen.address, port }, true, answer, logger)];
  for (const address of localAddresses(listen.address)) {
    try {
      sockets.push(await open({ address, port }, true, answer, logger));
    } catch (error) {
      logger.warn({ err: error, address, port }, 'no control socket on this address');
    }
  }
  return sockets;
}

export async function closeUdp(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(sockets.map(close));
}

async function open(
  listen: ListenAddress,
  reuseAddr: boolean,
  answer: AnswerDatagram,
  logger: ControlLogger,
): Promise<Socket> {
  const ipv6 = isIPv6(listen.address);
  const socket = createSocket({
    type: ipv6 ? 'udp6' : 'udp4',
    reuseAddr,
    ipv6Only: ipv6,
    // Only addresses are ever sent to; the usual look-up costs two rounds of the event loop's queues.
    lookup: (address, _, found) => found(null, address, ipv6 ? 6 : 4),
  });
  // An adopted socket is listening before `bind` returns.
  const listening = once(socket, 'listening');
  try {
    socket.bind(
      listen.fd === undefined
        ? { address: listen.address, port: listen.port, exclusive: true }
        : { fd: listen.fd },
    );
    await listening;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  socket.on('error', (error) => logger.error({ err: error }, 'control socket failed'));
  socket.on('message', (frame, { address, port }) => {
    answer(frame, { address, port }).then(
      (reply) => {
        if (reply !== undefined) send(socket, reply, address, port, logger);
      },
      (error) => logger.error({ err: error }, 'control request failed'),
    );
  });
  return socket;
}

function send(socket: Socket, reply: Buffer, address: string, port: number, logger: ControlLogger): void {
  try {
    socket.send(reply, port, address, (error) => {
      if (error !== null) logger.debug({ err: error }, 'control reply not sent');
    });
  } catch (error) {
    // The socket was closed while the command ran.
    logger.debug({ err: error }, 'control reply not sent');
  }
}

async function close(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

function localAddresses(wildcard: string): readonly string[] {
  const family = isIPv6(wildcard) ? 'IPv6' : 'IPv4';
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter((address) => address.family === family)
      .map(({ address }) => (address.startsWith('fe80:') ? `${address}%${name}` : address)),
  );
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Bursts of requests wait here while the event loop is busy; the kernel may grant less. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
