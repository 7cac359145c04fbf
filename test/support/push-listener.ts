import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';

/** Listens for what Tandem tells by itself: over an ng connection, and as server-sent events. */
export async function listenForPushes(address: string, { ngTcp, http }: { ngTcp: number; http: number }) {
  const client = connect(ngTcp, address);
  onTestFinished(() => void client.destroy());
  let pushed = '';
  client.on('data', (chunk) => {
    pushed += chunk.toString('latin1');
  });
  await once(client, 'connect');
  const listening = await fetch(`http://${address}:${http}/events`);
  const events = listening.body?.pipeThrough(new TextDecoderStream()).getReader();
  await events?.read();
  return {
    /** What has come over the ng connection so far. */
    pushed: () => pushed,
    events,
  };
}
