import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { ngClient } from './loopback-ng.js';
import { startProcess } from './netns.js';
import type { NgClient } from './oracle-ng-client.js';
import { until } from './netns-until.js';
import { loopbackAddress } from './tandem.js';
import { ROOT } from './process.js';

/** A proxy started with rtpengine's words, as operators see it. */
export type OperatedProxy = AsyncDisposable & {
  readonly ng: NgClient;
  /** Answers a line of the command line. */
  say(line: string): Promise<string>;
  /** What it has told Graphite. */
  graphite(): string;
};

/** `rtpengine` itself, or what stands for it here. */
export async function startOperated(program: 'rtpengine' | 'tandem'): Promise<OperatedProxy> {
  const address = loopbackAddress();
  const directory = mkdtempSync(join(tmpdir(), `tandem-operated-${program}-`));
  const listener = await graphiteListener(address);
  const words = [
    ...['--config-file=none', '--foreground', '--log-stderr', '--log-level=6', '--table=-1'],
    ...[`--interface=inner/${address}`, `--listen-ng=${address}:${NG}`, `--listen-cli=${address}:${CLI}`],
    ...['--port-min=41000', '--port-max=41999', '--num-threads=2', '--delete-delay=0'],
    ...[`--graphite=${address}:${listener.port}`, '--graphite-interval=1', '--graphite-prefix=pre.'],
  ];
  const command = program === 'rtpengine' ? 'rtpengine' : `${ROOT}bin/rtpengine`;
  const env = { TMPDIR: directory, XDG_RUNTIME_DIR: directory };
  const running = startProcess([command, ...words], { log: join(directory, 'log'), env });
  const dispose = async (): Promise<void> => {
    await running.stop();
    listener.server.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const ng = ngClient(address, NG);
  try {
    await until(`${program} to answer`, async () => {
      const ready = await ng.command({ command: 'ping' }).catch(() => undefined);
      return ready?.result === 'pong' ? true : undefined;
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    ng,
    say: (line) => answerOf(address, line),
    graphite: listener.received,
    [Symbol.asyncDispose]: dispose,
  };
}

async function answerOf(host: string, line: string): Promise<string> {
  const socket = connect({ host, port: CLI });
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text;
  });
  socket.write(`${line}\n`);
  socket.setTimeout(UNANSWERED_MS, () => socket.destroy(new Error(`no whole answer to ${line}: ${answer}`)));
  await once(socket, 'close');
  return answer;
}

async function graphiteListener(
  address: string,
): Promise<{ server: Server; port: number; received: () => string }> {
  let received = '';
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.setEncoding('latin1').on('data', (text: string) => {
      received += text;
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('a TCP listener has a port');
  return { server, port: bound.port, received: () => received };
}

const UNANSWERED_MS = 10_000;
const NG = 2223;
const CLI = 9900;
