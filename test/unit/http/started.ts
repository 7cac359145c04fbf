import { onTestFinished } from 'vitest';
import type { CommandHandler } from '../../../src/service/ports.js';
import { startNgServer } from '../../../src/control/ng/server.js';
import { ReplyCache } from '../../../src/control/reply-cache.js';
import { EventStream } from '../../../src/http/event-stream.js';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../../src/http/server.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';

export type Started = {
  readonly url: string;
  readonly eventStream: EventStream;
  readonly server: HttpServer;
};

/** The HTTP server with ng behind it. What is not given is of no interest to the test. */
export async function startedHttp({
  handler = PONG,
  ...options
}: Partial<HttpServerOptions> & { readonly handler?: CommandHandler } = {}): Promise<Started> {
  const ng = await startNgServer({ listen: [], handler, cache: new ReplyCache(), logger: SILENT });
  const eventStream = new EventStream('n1', () => {});
  const server = await startHttpServer({
    listen: [{ address: '127.0.0.1', port: 0 }],
    webPages: [],
    eventStream,
    ng: ng.responder,
    cli: { answer: async (line) => `did ${line}\n`, look: async (line) => lookedAt(line) },
    logger: SILENT,
    drain: { on: false, remaining: 0, start() {}, stop() {} },
    status: () => new FakeDataPlane().status(),
    ...options,
  });
  onTestFinished(() => server.close());
  return { url: `http://127.0.0.1:${server.addresses[0]?.port}`, eventStream, server };
}

const PONG: CommandHandler = async ({ kind }) => (kind === 'ping' ? { kind: 'pong' } : { kind: 'done' });
/** Some lines change something. */
function lookedAt(line: string): string | undefined {
  return line.startsWith('set') ? undefined : `saw ${line}\n`;
}

const SILENT = { debug() {}, warn() {}, error() {} };
