import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export type HttpResponse = { readonly status: number; readonly body: string };

/** POSTs to one URL over connections that are kept. Rejects if no complete response comes in time. */
export class HttpPoster {
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(url: string, connections: number) {
    this.#url = new URL(url);
    const options = { keepAlive: true, maxSockets: connections, timeout: IDLE_MS };
    this.#agent = this.#url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
  }

  async post(body: Buffer, headers: Readonly<Record<string, string>>): Promise<HttpResponse> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await this.#once(body, headers, signal);
    } catch (error) {
      // A kept connection that the server closed just now says nothing of the server.
      if (error instanceof StaleConnection) return this.#once(body, headers, signal);
      throw error;
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #once(body: Buffer, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpResponse> {
    const send = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(this.#url, {
        method: 'POST',
        agent: this.#agent,
        signal,
        headers: { ...headers, 'Content-Length': String(body.length) },
      });
      request.on('error', (error) => {
        const isStale = request.reusedSocket && !signal.aborted;
        reject(isStale ? new StaleConnection() : signal.aborted ? new Error('no answer in time') : error);
      });
      request.on('response', (response) => {
        read(response).then((text) => resolve({ status: response.statusCode ?? 0, body: text }), reject);
      });
      request.end(body);
    });
  }
}

class StaleConnection extends Error {}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Error('endless answer');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('latin1');
}

const TIMEOUT_MS = 5_000;
/** Less than the time after which Kamailio closes an idle connection. */
const IDLE_MS = 60_000;
const MAX_BODY_BYTES = 65_536;
