import type { Socket } from 'node:net';
import type { PairHandler } from '../../service/ports.js';
import type { ReplyCache } from '../reply-cache.js';
import { closeUdp, type ControlLogger, type ListenAddress, listenUdp } from '../udp.js';
import { RtpproxyResponder } from './responder.js';
import { openCarrier } from './carrier.js';
import { listenStream } from './stream.js';

/** Where to listen: datagrams with a cookie, one request a connection, or lines. */
export type RtpproxyListen =
  | ({ readonly kind: 'udp' } & ListenAddress)
  | ({ readonly kind: 'tcp' } & ListenAddress)
  | {
      readonly kind: 'unix' | 'cunix' | 'unix-dgram';
      readonly path: string;
      readonly mode: number;
      /** Bound already and handed over; of `unix-dgram` the carrier of its datagrams. */
      readonly fd?: number;
    };

export type RtpproxyServerOptions = {
  readonly listen: readonly RtpproxyListen[];
  readonly handler: PairHandler;
  readonly cache: ReplyCache;
  /** Whether there are two sides to bridge. */
  readonly bridged: boolean;
  /** Targets clients may have told of timeouts. */
  readonly notify: readonly string[];
  readonly logger: ControlLogger;
};

export type RtpproxyServer = {
  /** Of UDP and TCP listeners, in order. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  close(): Promise<void>;
};

/** Listens for rtpproxy commands. Rejects, with nothing left open, if an address cannot be bound. */
export async function startRtpproxyServer(options: RtpproxyServerOptions): Promise<RtpproxyServer> {
  const { logger } = options;
  const responder = new RtpproxyResponder({ ...options, clock: () => performance.now() });
  const connections = new Set<Socket>();
  const closers: (() => Promise<void>)[] = [];
  const addresses: { address: string; port: number }[] = [];
  const close = async () => {
    await Promise.all(closers.splice(0).map((closeOne) => closeOne()));
  };
  const open = async (listen: RtpproxyListen): Promise<void> => {
    if (listen.kind === 'udp') {
      const sockets = await listenUdp(
        listen,
        (frame, { address, port }) =>
          responder.answerDatagram(frame, { address, port, protocol: 'rtpproxy' }),
        logger,
      );
      closers.push(() => closeUdp(sockets));
      const bound = sockets[0]?.address();
      if (bound !== undefined) addresses.push({ address: bound.address, port: bound.port });
      return;
    }
    if (listen.kind === 'unix-dgram') {
      closers.push(openCarrier(listen, responder, logger));
      return;
    }
    const at = listen.kind === 'tcp' ? listen : ({ ...listen, kind: 'unix' } as const);
    const continuous = listen.kind !== 'unix';
    const stream = await listenStream(at, { continuous, responder, connections, logger });
    closers.push(stream.close);
    const bound = stream.server.address();
    if (bound !== null && typeof bound === 'object')
      addresses.push({ address: bound.address, port: bound.port });
  };
  try {
    for (const listen of options.listen) await open(listen);
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses, close };
}
