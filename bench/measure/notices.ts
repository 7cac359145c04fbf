import { createServer, type Server } from 'node:http';
import type { Bench } from '../bench.js';
import type { Figure } from '../figures.js';

const CALLS = 5000;

/** 5,000 calls end at once: how long until a healthy target knows, beside one that is slow and one that is dead. */
export async function measureNotices({ say, proxies }: Bench): Promise<readonly Figure[]> {
  if (!proxies.includes('tandem')) return [];
  const { openChannels }: Channels = await import(new URL('../../notify/channels.js', import.meta.url).href);
  let heard = 0;
  let all: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    all = resolve;
  });
  const healthy = await listening((end) => {
    heard += 1;
    end();
    if (heard === CALLS) all();
  });
  const slow = await listening((end) => void setTimeout(end, 1000));
  const dead = await listening((end) => end());
  await close(dead.server);
  const { channels } = openChannels(
    {
      xmlrpc: { url: healthy.url, format: 'dialog' },
      jsonrpc: { url: slow.url },
      webhook: { url: dead.url, secret: 's', events: ['mediaTimeout'], deadLetterFile: null },
    },
    {
      events: { noticeDelivered() {}, noticeLost() {}, deadLetterUnwritten() {} },
      node: 'bench',
      now: Date.now,
    },
  );
  const started = performance.now();
  for (let call = 0; call < CALLS; call += 1) {
    for (const channel of channels) channel.tell(notice(`call-${call}`));
  }
  await done;
  const seconds = (performance.now() - started) / 1000;
  for (const channel of channels) channel.close();
  await Promise.all([close(healthy.server), close(slow.server)]);
  say(`${CALLS} notices in ${seconds.toFixed(2)} s`);
  return [
    {
      what: '5,000 timeouts, a healthy target beside a slow and a dead one: all told',
      unit: 's',
      tandem: seconds,
      rtpengine: undefined,
      bound: { kind: 'value', atMost: 5 },
    },
  ];
}

type Channel = { tell(notice: object): void; close(): void };

/** The built module; the runner is compiled by itself. */
type Channels = {
  openChannels(config: object, parts: object): { channels: readonly Channel[] };
};

function notice(callId: string): object {
  return {
    event: 'mediaTimeout',
    callId,
    createdMs: 0,
    atMs: 60_000,
    createdFrom: '127.0.0.1:5060',
    dialogues: [{ fromTag: 'a', toTag: 'b' }],
    tags: ['a', 'b'],
    media: ['audio'],
    lastPacketMs: null,
  };
}

async function listening(answer: (end: () => void) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => answer(() => void response.writeHead(200).end()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = typeof bound === 'object' ? bound?.port : undefined;
  return { server, url: `http://127.0.0.1:${port}/` };
}

function close(server: Server): Promise<unknown> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
}
