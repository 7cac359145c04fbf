import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { createNgClient, type NgClient } from './oracle-ng-client.js';

/** An ng client that posts each command. */
export function httpNgClient(url: string): NgClient {
  return createNgClient(async (frame) => {
    const headers = { 'Content-Type': 'application/x-rtpengine-ng' };
    const reply = await fetch(`${url}/ng`, { method: 'POST', body: new Uint8Array(frame), headers });
    return Buffer.from(await reply.arrayBuffer());
  });
}

/** An ng client over one WebSocket; `options` as those of the library. */
export async function webSocketNgClient(
  url: string,
  options: WebSocket.ClientOptions = {},
): Promise<NgClient & { readonly socket: WebSocket }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), 'ng.rtpengine.com', options);
  onTestFinished(() => socket.terminate());
  const waiting = new Map<string, (reply: Buffer) => void>();
  socket.on('message', (reply) => {
    if (Buffer.isBuffer(reply)) waiting.get(cookieOf(reply))?.(reply);
  });
  await once(socket, 'open');
  const client = createNgClient((frame) => {
    socket.send(frame);
    return new Promise((resolve) => void waiting.set(cookieOf(frame), resolve));
  });
  return { ...client, socket };
}

function cookieOf(frame: Buffer): string {
  return frame.toString('latin1', 0, frame.indexOf(' '));
}
