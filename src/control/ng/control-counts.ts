import type { ControlStatistics } from '../../command/reply.js';

/** Counts commands by client and name. Clients beyond a limit are counted together. */
export class ControlCounts {
  readonly #clients = new Map<string, Counts>();
  readonly #counted: CommandCounted;

  constructor(counted: CommandCounted = () => {}) {
    this.#counted = counted;
  }

  record(proxy: string, command: string | undefined, seconds: number, failed: boolean): void {
    const counts = this.#countsOf(proxy);
    if (failed) counts.errors += 1;
    if (command === undefined) return;
    this.#counted(command, seconds);
    const before = counts.commands.get(command) ?? { count: 0, seconds: 0 };
    counts.commands.set(command, { count: before.count + 1, seconds: before.seconds + seconds });
  }

  statistics(): readonly ControlStatistics[] {
    return [...this.#clients].map(([proxy, { commands, errors }]) => ({
      proxy,
      commands: new Map(commands),
      errors,
    }));
  }

  #countsOf(proxy: string): Counts {
    const known = this.#clients.get(proxy);
    if (known !== undefined) return known;
    const name = this.#clients.size < MAX_CLIENTS ? proxy : OTHERS;
    const counts = this.#clients.get(name) ?? { commands: new Map(), errors: 0 };
    this.#clients.set(name, counts);
    return counts;
  }
}

/** Is told of each command that was carried out, and how long that took. */
export type CommandCounted = (command: string, seconds: number) => void;

type Counts = {
  readonly commands: Map<string, { readonly count: number; readonly seconds: number }>;
  errors: number;
};

const MAX_CLIENTS = 256;
const OTHERS = 'others';
