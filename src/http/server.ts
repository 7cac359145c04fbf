import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ListenAddress } from '../config/schema.js';
import type { Drain } from '../service/drain.js';
import type { Status } from '../dataplane/protocol.gen.js';
import type { EventStream } from './event-stream.js';
import { fastPathReport } from './fast-path.js';
import { statusMetrics } from './status-metrics.js';

export type HttpServerOptions = {
  readonly listen: readonly ListenAddress[];
  readonly drain: Pick<Drain, 'on' | 'remaining' | 'start' | 'stop'>;
  readonly eventStream: EventStream;
  /** Of the data plane; rejects while there is none. */
  readonly status: () => Promise<Status>;
  /** Further metrics, as Prometheus reads them. */
  readonly metrics?: () => string;
};

export type HttpServer = {
  readonly addresses: readonly ListenAddress[];
  close(): Promise<void>;
};

/** For operators and their programs: `/ping`, `/drain`, `/events`, `/fast-path`, `/metrics`. No authentication: a private address it must be. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    options.eventStream.close();
    await Promise.all(
      servers.splice(0).map(async (server) => {
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
      }),
    );
  };
  const addresses: ListenAddress[] = [];
  try {
    for (const { address, port } of options.listen) {
      const server = createServer((request, response) => answer(request, response, options));
      server.maxConnections = MAX_CONNECTIONS;
      server.listen(port, address);
      await once(server, 'listening');
      servers.push(server);
      const bound = server.address();
      if (bound !== null && typeof bound === 'object') addresses.push({ address, port: bound.port });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses, close };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { drain, eventStream, status, metrics }: HttpServerOptions,
): void {
  const path = (request.url ?? '').split('?')[0];
  const asked = `${request.method} ${path}`;
  request.resume();
  // A browser names the page that asks: no page has a business here.
  switch (request.headers.origin === undefined ? asked : 'web page') {
    case 'GET /ping':
      reply(response, 200, { result: 'pong' });
      return;
    case 'GET /fast-path':
      void answerLater(response, async () => [
        'application/json',
        `${JSON.stringify(fastPathReport(await status()))}\n`,
      ]);
      return;
    case 'GET /metrics':
      void answerLater(response, async () => [
        PROMETHEUS,
        `${statusMetrics(await status())}${metrics?.() ?? ''}`,
      ]);
      return;
    case 'GET /events':
      eventStream.attach(response);
      return;
    case 'web page':
      reply(response, 403, { error: 'not for web pages' });
      return;
    case 'GET /drain':
      break;
    case 'POST /drain':
      drain.start();
      break;
    case 'DELETE /drain':
      drain.stop();
      break;
    default:
      reply(response, 404, { error: `no such thing as ${asked}` });
      return;
  }
  reply(response, 200, { draining: drain.on, calls: drain.remaining });
}

function reply(response: ServerResponse, status: number, body: Readonly<Record<string, unknown>>): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** Never rejects. */
async function answerLater(
  response: ServerResponse,
  answer: () => Promise<readonly [type: string, body: string]>,
): Promise<void> {
  try {
    const [type, body] = await answer();
    response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' });
    response.end(body);
  } catch (error) {
    reply(response, 503, { error: error instanceof Error ? error.message : String(error) });
  }
}

const PROMETHEUS = 'text/plain; version=0.0.4';
const MAX_CONNECTIONS = 256;
