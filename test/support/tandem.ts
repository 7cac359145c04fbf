import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startDataPlane } from './data-plane-process.js';
import { ngClient } from './loopback-ng.js';
import type { NgClient } from './oracle-ng-client.js';
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
}

/** One of 127.64.0.0/10. */
export function loopbackAddress(): string {
  const byte = (): number => Math.floor(Math.random() * 254) + 1;
  return `127.${64 + (byte() % 64)}.${byte()}.${byte()}`;
}

/** A free port that is no media port of a configuration by default. */
export async function freePort(address: string): Promise<number> {
  for (;;) {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, address, resolve));
    const { port } = socket.address();
    await new Promise<void>((resolve) => socket.close(resolve));
    if (port < MEDIA_PORTS.first || port > MEDIA_PORTS.last) return port;
  }
}

const MEDIA_PORTS = { first: 30_000, last: 39_999 };
