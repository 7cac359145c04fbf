import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { until } from './netns-until.js';

/** A program under test: its output is kept, and it ends with the test at the latest. */
export class Process {
  readonly name: string;
  #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;

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
    this.#child.stdout?.on('data', (chunk) => {
      this.#stdout += String(chunk);
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.#stderr += String(chunk);
    });
    this.#child.on('exit', (code, signal) => {
      this.#exit = { code, signal };
    });
    this.#child.on('error', (error) => {
      this.#stderr += String(error);
      this.#exit = { code: null, signal: null };
    });
    onTestFinished(async ({ task }) => {
      if (task.result?.state === 'fail')
        process.stderr.write(`--- ${this.name}\n${this.#stdout}${this.#stderr}\n`);
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

  async exited(deadlineMs = 30_000): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return until(`the end of ${this.name}`, () => this.#exit, deadlineMs);
  }

  async printed(pattern: RegExp, deadlineMs = 30_000): Promise<RegExpExecArray> {
    return until(
      `${pattern} from ${this.name}`,
      () => {
        const found = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr);
        if (found === null && !this.running)
          throw new Error(`${this.name} ended: ${this.#stdout}${this.#stderr}`);
        return found ?? undefined;
      },
      deadlineMs,
    );
  }
}

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
