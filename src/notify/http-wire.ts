import type { Outcome } from './delivery-queue.js';
import { HttpPoster, type HttpResponse } from './http-post.js';
import type { Wire } from './targets.js';

export type HttpWireOptions = {
  /** What an answer means. */
  readonly judge: (response: HttpResponse) => Outcome;
  readonly connections: number;
};

/** POSTs each delivery to a URL. */
export function httpWire(url: string, { judge, connections }: HttpWireOptions): Wire | string {
  if (!URL.canParse(url)) return 'not a URL';
  const poster = new HttpPoster(url, connections);
  return {
    async deliver({ body, headers }) {
      const response = await poster.post(body, headers).catch(unreachable);
      return 'kind' in response ? response : judge(response);
    },
    close: () => poster.close(),
  };
}

function unreachable(error: unknown): Outcome {
  return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
}
