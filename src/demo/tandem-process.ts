import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A Tandem of the demo's own: on loopback, with a private data plane, ended with the demo. */
export class TandemProcess {
  readonly ng: { readonly address: string; readonly port: number };
  readonly #child: ChildProcess;
  #output = '';
  #ended: string | undefined;

  /** Starts; it is not ready yet. A loopback address of its own keeps its ports clear of everybody's. */
  static async start(): Promise<TandemProcess> {
    const address = `127.${64 + (randomByte() % 64)}.${randomByte()}.${randomByte()}`;
    return new TandemProcess({ address, port: await freePort(address) });
  }

  private constructor(ng: { address: string; port: number }) {
    this.ng = ng;
    const settings = [
      `listen.ng=${ng.address}:${ng.port}`,
      `interfaces=${ng.address}`,
      'log.level=warn',
    ].flatMap((setting) => ['--set', setting]);
    this.#child = spawn(PROGRAM, settings, {
      // A group of its own: Ctrl-C is for the demo, which then hangs up and ends it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: neutralEnvironment(),
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output = (this.#output + String(chunk)).slice(-4000);
      });
    }
    this.#child.on('error', (error) => {
      this.#ended = error.message;
    });
    this.#child.on('exit', (code, signal) => {
      this.#ended ??= `it ended with ${signal ?? `exit code ${code}`}`;
    });
  }

  /** Why it is not running any more, with what it said; undefined while it is. */
  get failure(): string | undefined {
    return this.#ended === undefined ? undefined : `${this.#ended}\n${this.#output}`.trimEnd();
  }

  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const stubborn = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(stubborn);
  }
}

/** Settings of another Tandem in this shell are not for ours. */
function neutralEnvironment(): NodeJS.ProcessEnv {
  const foreign = (name: string) => name.startsWith('TANDEM_') && name !== 'TANDEM_SUPERVISOR';
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name)));
}

async function freePort(address: string): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

function randomByte(): number {
  return 1 + Math.floor(Math.random() * 254);
}

const PROGRAM = fileURLToPath(new URL('../../bin/tandem', import.meta.url));
const STOP_TIMEOUT_MS = 5000;
