import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { rolldown } from 'rolldown';
import type { Namespace, Network } from './netns.js';
import type { AgentRequest, AgentResponse, PortReport, Target } from './netns-agent-program.js';

export type { PortReport, SourceReport, Target } from './netns-agent-program.js';

/** RTP endpoints and single datagrams from inside a namespace. */
export type Agent = {
  open(at: Target): Promise<void>;
  play(media: { port: number; to: Target; ssrc: number; count: number; intervalMs: number }): Promise<void>;
  /** Sends RTP of many sources by turns until it halts. */
  stream(
    port: number,
    sources: readonly { readonly to: Target; readonly ssrc: number }[],
    intervalMs: number,
  ): Promise<void>;
  halt(port: number): Promise<void>;
  /** Sends RTP with these sequence numbers, from each port at the same moments. */
  train(train: {
    ports: readonly { port: number; to: Target }[];
    ssrc: number;
    sequences: readonly number[];
    intervalMs: number;
  }): Promise<void>;
  report(port: number): Promise<PortReport>;
  /** Sends a datagram and waits for one; undefined if none came. */
  exchange(to: Target, bytes: Buffer, waitMs?: number): Promise<Buffer | undefined>;
  send(to: Target, bytes: Buffer): Promise<void>;
  stop(): Promise<void>;
};

/** Puts the agent's program into the directory of the network, without types: Node 20 cannot run TypeScript itself. */
export async function compileAgent(network: Network): Promise<string> {
  const input = join(import.meta.dirname, 'netns-agent-program.ts');
  const bundle = await rolldown({ input, platform: 'node', logLevel: 'warn' });
  const file = join(network.directory, 'netns-agent-program.mjs');
  await bundle.write({ file, format: 'es' });
  await bundle.close();
  return file;
}

export function startAgent(where: Namespace, program: string): Agent {
  const running = where.start([process.execPath, program]);
  const { stdin, stdout } = running.child;
  if (stdin === null || stdout === null) throw new Error('the agent has no pipes');
  const waiting = new Map<number, (response: AgentResponse) => void>();
  let last = 0;
  createInterface({ input: stdout }).on('line', (line) => {
    const response = JSON.parse(line) as AgentResponse;
    waiting.get(response.id)?.(response);
    waiting.delete(response.id);
  });
  const ask = async (request: AgentRequest): Promise<PortReport | string | null> => {
    last += 1;
    const id = last;
    const answered = new Promise<AgentResponse>((resolve) => waiting.set(id, resolve));
    stdin.write(`${JSON.stringify({ id, request })}\n`);
    const response = await Promise.race([answered, running.ended]);
    if (typeof response !== 'object') throw new Error(`the agent in ${where.name} ended: ${response}`);
    if (!response.ok) throw new Error(`agent in ${where.name}: ${request.kind}: ${response.error}`);
    return response.result;
  };
  return {
    async open(at) {
      await ask({ kind: 'open', at });
    },
    async play(media) {
      await ask({ kind: 'play', ...media });
    },
    async stream(port, sources, intervalMs) {
      await ask({ kind: 'stream', port, sources, intervalMs });
    },
    async halt(port) {
      await ask({ kind: 'halt', port });
    },
    async train(train) {
      await ask({ kind: 'train', ...train });
    },
    async report(port) {
      const result = await ask({ kind: 'report', port });
      if (result === null || typeof result === 'string') throw new Error('the agent answered something else');
      return result;
    },
    async exchange(to, bytes, waitMs = 1000) {
      const result = await ask({ kind: 'exchange', to, bytes: bytes.toString('base64'), waitMs });
      return typeof result === 'string' ? Buffer.from(result, 'base64') : undefined;
    },
    async send(to, bytes) {
      await ask({ kind: 'exchange', to, bytes: bytes.toString('base64'), waitMs: 0 });
    },
    stop: () => running.stop(),
  };
}
