import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, onTestFinished } from 'vitest';
import { Process } from './process.js';
import { freePort, loopbackAddress } from './tandem.js';

/** Tests with Redis; skipped by name if it is missing, with `TANDEM_REQUIRE_PEERS=1` they fail instead. */
export function describeWithRedis(title: string, tests: () => void): void {
  if (existsSync(PROGRAM) || process.env.TANDEM_REQUIRE_PEERS === '1') describe(title, tests);
  else describe.skip(`${title} (needs the package redis-server)`, tests);
}

/** A Redis that keeps nothing on disk, at an address of its own. */
export class RedisServer {
  readonly place: string;
  readonly #options: readonly string[];
  process: Process;

  private constructor(address: string, port: number, directory: string) {
    this.place = `${address}:${port}`;
    this.#options = ['--bind', address, '--port', String(port), '--save', '', '--dir', directory];
    this.process = this.start();
  }

  static async open(): Promise<RedisServer> {
    const address = loopbackAddress();
    const directory = mkdtempSync(join(tmpdir(), 'tandem-redis-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const server = new RedisServer(address, await freePort(address), directory);
    await server.process.printed(/Ready to accept connections/);
    return server;
  }

  /** Another one in its place. */
  start(): Process {
    this.process = new Process('redis', [PROGRAM, ...this.#options, '--protected-mode', 'no']);
    return this.process;
  }

  /** For a look from outside. */
  client(): Redis {
    const client = new Redis(`redis://${this.place}`);
    onTestFinished(() => client.disconnect());
    return client;
  }
}

const PROGRAM = '/usr/bin/redis-server';
