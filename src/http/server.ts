import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { ListenAddress } from '../config/schema.js';
import type { ControlLogger } from '../control/udp.js';
import { type CliDoor, cliRoutes, cliSubProtocols } from './cli.js';
import { Door } from './door.js';
import type { EventStream } from './event-stream.js';
import { type NgDoor, ngRoutes } from './ng.js';
import { OpenRequests } from './open-requests.js';
import { type OperatorParts, operatorRoutes } from './operators.js';
import type { WebPages } from './web-pages.js';
import { ngSubProtocols, WebSockets } from './web-sockets.js';

export type HttpServerOptions = OperatorParts & {
  readonly listen: readonly ListenAddress[];
  readonly tls?: TlsListen | undefined;
  readonly webPages: WebPages;
  readonly eventStream: EventStream;
  readonly ng: NgDoor;
  readonly cli: CliDoor;
  readonly logger: ControlLogger;
  /** How long a request may take to arrive. */
  readonly requestMs?: number;
};

export type TlsListen = {
  readonly listen: readonly ListenAddress[];
  /** PEM, with its chain. */
  readonly certificate: string;
  readonly privateKey: string;
};

export type HttpServer = {
  readonly addresses: readonly ListenAddress[];
  readonly tlsAddresses: readonly ListenAddress[];
  /** Answers what was asked, if that does not take long, and closes every connection. */
  close(): Promise<void>;
};

/**
 * For operators and their programs, and for clients of the ng protocol. No authentication: a private address it must
 * be.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { cli, eventStream, logger, ng, requestMs = REQUEST_MS, tls, webPages } = options;
  const requests = new OpenRequests();
  const protocols = new Map([...ngSubProtocols(ng), ...cliSubProtocols(cli)]);
  const webSockets = new WebSockets(protocols, { requests, logger });
  const routes = new Map([...operatorRoutes(options), ...ngRoutes(ng), ...cliRoutes(cli)]);
  const door = new Door({ routes, webPages, eventStream, webSockets, requests });
  const servers: Server[] = [];
  // Those that have not come to HTTP, or have left it, are not the server's to close.
  const connections = new Set<Socket>();

  const open = async (server: Server, { address, port }: ListenAddress): Promise<ListenAddress> => {
    server.maxConnections = MAX_CONNECTIONS;
    server.on('connection', (connection: Socket) => {
      connections.add(connection);
      connection.on('close', () => connections.delete(connection));
    });
    server.on('request', (request, response) => door.answer(request, response));
    server.on('upgrade', (request, socket, head) => door.upgrade(request, socket, head));
    server.listen(port, address);
    await once(server, 'listening');
    servers.push(server);
    server.on('error', (error) => logger.error({ err: error }, 'HTTP listener failed'));
    const bound = server.address();
    return { address, port: bound !== null && typeof bound === 'object' ? bound.port : port };
  };
  const close = async (): Promise<void> => {
    const deadline = setTimeout(LAST_ANSWERS_MS, undefined, { ref: false });
    const closed = servers.map((server) => once(server, 'close'));
    for (const server of servers) server.close();
    eventStream.close();
    await Promise.race([requests.settled(), deadline]);
    await webSockets.close(deadline);
    for (const connection of connections) connection.destroy();
    await Promise.all(closed);
  };

  const times = {
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    connectionsCheckingInterval: requestMs / 10,
  };
  const addresses: ListenAddress[] = [];
  const tlsAddresses: ListenAddress[] = [];
  try {
    for (const address of options.listen) addresses.push(await open(createServer(times), address));
    for (const address of tls?.listen ?? []) {
      const server = createTlsServer({ ...times, cert: tls?.certificate, key: tls?.privateKey });
      tlsAddresses.push(await open(server, address));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses, tlsAddresses, close };
}

const MAX_CONNECTIONS = 256;
const REQUEST_MS = 10_000;
/** Within what the supervisor gives this process to end. */
const LAST_ANSWERS_MS = 250;
