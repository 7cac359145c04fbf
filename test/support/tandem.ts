import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startDataPlane } from './data-plane-process.js';
import { ngClient } from './loopback-ng.js';
import type { NgClient } from './oracle-ng-client.js';
import { until } from './netns-until.js';
import { Process, ROOT } from './process.js';

export type TandemOptions = {
  /** `--set` of further keys. */
  readonly settings?: readonly string[];
  readonly environment?: Record<string, string>;
};

/** Both halves without the supervisor: the test kills and starts them itself. */
export class Tandem {
  readonly address: string;
  readonly ngPort: number;
  readonly ng: NgClient;
  /** Of the data plane. */
  readonly socket: string;
  readonly #options: TandemOptions;
  dataPlane: Process;
  control: Process;

  private constructor(address: string, ngPort: number, socket: string, options: TandemOptions) {
    this.address = address;
    this.ngPort = ngPort;
    this.socket = socket;
    this.#options = options;
    this.dataPlane = this.startDataPlane();
    this.control = this.startControl();
    this.ng = ngClient(address, ngPort);
  }

  /** Each instance has a loopback address of its own, so that nobody else has its ports. */
  static async start(options: TandemOptions = {}): Promise<Tandem> {
    const directory = mkdtempSync(join(tmpdir(), 'tandem-test-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const address = loopbackAddress();
    const tandem = new Tandem(address, await freePort(address), join(directory, 'dataplane.sock'), options);
    await tandem.ready();
    return tandem;
  }

  startDataPlane(): Process {
    this.dataPlane = startDataPlane(this.socket);
    return this.dataPlane;
  }

  startControl(): Process {
    const settings = [
      `listen.ng=${this.address}:${this.ngPort}`,
      `interfaces=${this.address}`,
      `dataPlane.socket=${this.socket}`,
      'log.level=debug',
      ...(this.#options.settings ?? []),
    ].flatMap((setting) => ['--set', setting]);
    const command = ['node', `${ROOT}dist/main.js`, ...settings];
    this.control = new Process('control plane', command, this.#options.environment);
    return this.control;
  }

  async ready(): Promise<void> {
    await this.control.printed(/^ready$/m);
  }

  /** What a crash of the data plane leaves of protected calls is as it is now, or newer. */
  saved(): Promise<void> {
    return stateSaved(() => this.control.stderr);
  }
}

/** Until the log tells of a round that has begun after now: of the next one nobody knows when it has. */
export async function stateSaved(log: () => string): Promise<void> {
  const rounds = () => log().split('state of protected calls saved').length;
  const before = rounds();
  await until('state to be saved', () => (rounds() >= before + 2 ? true : undefined));
}

/** One of 127.64.0.0/10 that this process has not given out before. */
export function loopbackAddress(): string {
  const number = (firstAddress + addresses++) % (64 * 254 * 254);
  const [high, middle, low] = [Math.floor(number / 254 ** 2), Math.floor(number / 254) % 254, number % 254];
  return `127.${64 + high}.${middle + 1}.${low + 1}`;
}

const firstAddress = Math.floor(Math.random() * 64 * 254 * 254);
let addresses = 0;

/**
 * A port, UDP and TCP, and above it one for UDP, that no media port of a configuration by default is, and no socket gets
 * that asks for any. Each is given out once by this process; another may be given the same, though hardly by its address.
 */
export async function freePort(address: string): Promise<number> {
  for (;;) {
    const port = PORTS.first + 2 * ((firstPort + ports++) % PORTS.pairs);
    const isUsable =
      (await isFree(createSocket('udp4'), address, port)) &&
      (await isFree(createSocket('udp4'), address, port + 1)) &&
      (await isFree(createServer(), address, port));
    if (isUsable) return port;
  }
}

const PORTS = { first: 10_000, pairs: 5_000 };
const firstPort = Math.floor(Math.random() * PORTS.pairs);
let ports = 0;

async function isFree(socket: Socket | Server, address: string, port: number): Promise<boolean> {
  try {
    const bound = once(socket, 'listening');
    if (socket instanceof Server) socket.listen(port, address);
    else socket.bind(port, address);
    await bound;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
  const closed = once(socket, 'close');
  socket.close();
  await closed;
  return true;
}
