import { createServer, type IncomingHttpHeaders } from 'node:http';
import { onTestFinished } from 'vitest';

export type HttpTargetOptions = {
  readonly status?: number;
  /** Each answer comes after this time. */
  readonly delayMs?: number;
  /** No answer comes before this. */
  readonly opened?: Promise<void>;
  readonly address?: string;
  readonly port?: number;
};

export type HttpTarget = {
  readonly url: string;
  readonly port: number;
  /** What was POSTed so far. */
  readonly bodies: readonly string[];
  readonly headers: readonly IncomingHttpHeaders[];
  close(): Promise<void>;
};

/** A web server that keeps what it is sent. */
export async function httpTarget(options: HttpTargetOptions = {}): Promise<HttpTarget> {
  const { status = 200, delayMs = 0, opened, address = '127.0.0.1', port = 0 } = options;
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString());
      headers.push(request.headers);
      const answer = (): void => void response.writeHead(status).end();
      if (opened !== undefined) void opened.then(answer);
      else if (delayMs === 0) answer();
      else setTimeout(answer, delayMs);
    });
  });
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return { url: `http://${address}:${bound.port}/`, port: bound.port, bodies, headers, close };
}

/** A port where nobody listens. */
export async function closedPort(): Promise<number> {
  const target = await httpTarget();
  await target.close();
  return target.port;
}
