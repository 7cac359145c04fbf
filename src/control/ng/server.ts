import type { Client } from '../../command/command.js';
import type { ControlStatistics } from '../../command/reply.js';
import type { CommandHandler } from '../../service/ports.js';
import type { CarriedSockets } from '../carried.js';
import type { ReplyCache } from '../reply-cache.js';
import { type AnswerDatagram, closeUdp, type ListenAddress, listenUdp } from '../udp.js';
import { type CommandCounted, ControlCounts } from './control-counts.js';
import { compileTemplates } from './evaluate.js';
import { type DroppedFrames, type NgLogger, NgResponder } from './responder.js';
import { broadcast, listenTcp, type TcpListener } from './tcp.js';
import type { Dictionary } from './value.js';

export type NgServerOptions = {
  /** UDP. */
  readonly listen: readonly ListenAddress[];
  /** For the addresses that are `carried`. */
  readonly carrier?: CarriedSockets;
  readonly listenTcp?: readonly ListenAddress[];
  readonly handler: CommandHandler;
  readonly cache: ReplyCache;
  readonly logger: NgLogger;
  /** Flag strings by name; `default` and names of commands apply by themselves. */
  readonly templates?: ReadonlyMap<string, string>;
  readonly counted?: CommandCounted;
};

export type NgServer = {
  readonly addresses: readonly { readonly address: string; readonly port: number }[];
  readonly tcpAddresses: readonly { readonly address: string; readonly port: number }[];
  /** For transports beside UDP and TCP (HTTP, WebSocket). */
  readonly responder: NgResponder;
  /** Sends to every TCP client what it has not asked for. Returns how many could not take it. */
  broadcast(notification: Dictionary): number;
  /** Counts a command that was answered elsewhere. */
  answered(client: Client, command: string, seconds: number): void;
  /** Commands by client. */
  controls(): readonly ControlStatistics[];
  dropped(): Readonly<DroppedFrames>;
  close(): Promise<void>;
};

/** Listens for ng requests. Rejects, with nothing left open, if an address cannot be bound. */
export async function startNgServer(options: NgServerOptions): Promise<NgServer> {
  const { handler, cache, logger } = options;
  const counts = new ControlCounts(options.counted);
  const templates = compileTemplates(options.templates ?? new Map());
  const clock = () => performance.now();
  const responder = new NgResponder({ handler, cache, counts, logger, templates, clock });
  const answer: AnswerDatagram = (frame, { address, port }) =>
    responder.answer(frame, { address, port, protocol: 'ng' }, MAX_DATAGRAM_BYTES);
  const closers: (() => Promise<void>)[] = [];
  const addresses: { address: string; port: number }[] = [];
  const tcpListeners: TcpListener[] = [];
  const tcpAddresses: { address: string; port: number }[] = [];
  const close = async () => {
    await Promise.all(closers.splice(0).map((closeOne) => closeOne()));
  };
  try {
    options.carrier?.listen(answer);
    for (const listen of options.listen) {
      if (listen.carried) {
        addresses.push({ address: listen.address, port: listen.port });
        continue;
      }
      const sockets = await listenUdp(listen, answer, logger);
      closers.push(() => closeUdp(sockets));
      const bound = sockets[0]?.address();
      if (bound !== undefined) addresses.push({ address: bound.address, port: bound.port });
    }
    for (const listen of options.listenTcp ?? []) {
      const listener = await listenTcp(listen, responder, logger);
      tcpListeners.push(listener);
      closers.push(() => listener.close());
      const bound = listener.server.address();
      if (bound !== null && typeof bound === 'object')
        tcpAddresses.push({ address: bound.address, port: bound.port });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses,
    tcpAddresses,
    responder,
    broadcast: (notification) => broadcast(tcpListeners, notification),
    answered: ({ address }, command, seconds) => counts.record(address, command, seconds, false),
    controls: () => counts.statistics(),
    dropped: () => responder.dropped,
    close,
  };
}

const MAX_DATAGRAM_BYTES = 65_507;
