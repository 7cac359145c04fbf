import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { until } from './netns-until.js';
import { keepLog } from './test-log.js';

/** A program under test: its output is kept, and it ends with the test at the latest. */
export class Process {
  readonly name: string;
  #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #exit: Exit | undefined;

  constructor(
    name: string,
    command: readonly string[],
    environment: Record<string, string> = {},
    stdin: 'closed' | 'open' = 'closed',
  ) {
    this.name = name;
    const [program = '', ...words] = command;
    // What it cannot tidy up when it is killed.
    const scratch = mkdtempSync(join(tmpdir(), 'tandem-process-'));
    this.#child = spawn(program, words, {
      cwd: ROOT,
      env: { ...withoutTandem(process.env), TMPDIR: scratch, ...environment },
      stdio: [stdin === 'open' ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#child.on('exit', (code, signal) => void this.#endWith({ code, signal }));
    this.#child.on('error', (error) => {
      this.#stderr += String(error);
      this.#exit = { code: null, signal: null };
    });
    onTestFinished(async ({ task }) => {
      keepLog(task, this.name, `${this.#stdout}${this.#stderr}`);
      await this.kill('SIGKILL');
      rmSync(scratch, { recursive: true, force: true });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get running(): boolean {
    return this.#exit === undefined;
  }

  /** A line on its standard input. */
  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Sends the signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal);
    await this.exited();
  }

  async exited(deadlineMs = 30_000): Promise<Exit> {
    return until(`the end of ${this.name}`, () => this.#exit, deadlineMs);
  }

  /** Waits for lines that are whole. */
  async printed(pattern: RegExp, deadlineMs = 30_000): Promise<RegExpExecArray> {
    return until(
      `${pattern} from ${this.name}`,
      () => {
        const found = pattern.exec(this.#lines(this.#stdout)) ?? pattern.exec(this.#lines(this.#stderr));
        if (found === null && !this.running)
          throw new Error(`${this.name} ended: ${this.#stdout}${this.#stderr}`);
        return found ?? undefined;
      },
      deadlineMs,
    );
  }

  /** What it wrote before its end has been read by then, whoever else holds the other ends of its pipes. */
  async #endWith(exit: Exit): Promise<void> {
    for (let turns = 0; turns < 10; turns++) await turn();
    this.#exit = exit;
  }

  #lines(written: string): string {
    return this.running ? written.slice(0, written.lastIndexOf('\n') + 1) : written;
  }
}

type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A program of the native half; `TANDEM_NATIVE` names another directory than the release build's. */
export function nativeProgram(name: string): string {
  const directory = process.env.TANDEM_NATIVE ?? `${ROOT}native/target/release`;
  const program = `${directory}/${name}`;
  if (!existsSync(program)) throw new Error(`${program} is missing: run \`npm run build\``);
  return program;
}

/** The configuration under test comes from the test alone, and so does the place for its files. */
function withoutTandem(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('TANDEM_') && name !== 'XDG_RUNTIME_DIR'),
  );
}
