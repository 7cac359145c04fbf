import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { CommandLine } from './interpreter.js';
import type { ControlLogger, ListenAddress } from '../udp.js';

export type CliServer = { readonly addresses: readonly ListenAddress[]; close(): Promise<void> };

export type CliServerOptions = {
  readonly listen: readonly ListenAddress[];
  readonly cli: Pick<CommandLine, 'answer'>;
  readonly logger: ControlLogger;
};

/** The command line over TCP: a line a connection. Rejects, with nothing left open, if an address cannot be bound. */
export async function startCliServer({ listen, cli, logger }: CliServerOptions): Promise<CliServer> {
  const connections = new Set<Socket>();
  const servers: Server[] = [];
  const addresses: ListenAddress[] = [];
  const close = async (): Promise<void> => {
    const closed = servers.map((server) => once(server, 'close'));
    for (const server of servers) server.close();
    for (const connection of connections) connection.destroy();
    await Promise.all(closed);
  };
  try {
    for (const { address, port } of listen) {
      const server = createServer((connection) => {
        connections.add(connection);
        connection.on('close', () => connections.delete(connection));
        serve(connection, cli, logger);
      });
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

function serve(connection: Socket, cli: CliServerOptions['cli'], logger: ControlLogger): void {
  let received = '';
  connection.setTimeout(LINE_MS, () => connection.destroy());
  connection.on('error', (error) => logger.debug({ err: error }, 'command line broke'));
  connection.on('data', (chunk) => {
    received += chunk.toString('latin1');
    const end = received.indexOf('\n');
    if (end < 0) {
      if (received.length > LONGEST_LINE) connection.destroy();
      return;
    }
    connection.removeAllListeners('data').resume();
    void cli.answer(received.slice(0, end)).then((text) => connection.end(text, 'latin1'));
  });
}

const MAX_CONNECTIONS = 64;
const LINE_MS = 10_000;
const LONGEST_LINE = 4_096;
