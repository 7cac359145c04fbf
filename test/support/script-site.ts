import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Process, ROOT } from './process.js';

/** The project's scripts in a tree of their own, with tools that only do as if. */
export class ScriptSite {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tandem-scripts-'));

  constructor() {
    onTestFinished(() => rmSync(this.#directory, { recursive: true }));
    cpSync(join(ROOT, 'scripts'), join(this.#directory, 'scripts'), { recursive: true });
  }

  /** Puts a file there; with a `#!` in front it is a program. */
  write(path: string, text: string): void {
    const file = join(this.#directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }

  /** Runs a script; what is in `tools` comes before what is installed. */
  async run(...command: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const inside = ['sh', '-c', 'cd "$0" && PATH="$0/tools:$PATH" exec "$@"', this.#directory];
    const script = new Process(command.join(' '), [...inside, ...command]);
    const { code } = await script.exited();
    return { code, stdout: script.stdout, stderr: script.stderr };
  }
}
