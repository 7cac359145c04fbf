import type { ControlLogger } from '../udp.js';
import { type CliCommand, COMMANDS, unknown } from './grammar.js';
import type { CliNode } from './node.js';
import { LACKING } from './settings.js';

/** Reads lines of the command line and carries them out. Text is bytes, one a character. Never rejects. */
export class CommandLine {
  readonly #node: CliNode;
  readonly #logger: ControlLogger;

  constructor(node: CliNode, logger: ControlLogger) {
    this.#node = node;
    this.#logger = logger;
  }

  async answer(line: string): Promise<string> {
    return (await this.#interpret(line, true)) ?? '';
  }

  /** Undefined: the line would change something, and is not carried out. */
  look(line: string): Promise<string | undefined> {
    return this.#interpret(line, false);
  }

  async #interpret(line: string, mayChange: boolean): Promise<string | undefined> {
    const [first, ...rest] = line.split(/\s+/).filter((word) => word !== '');
    if (first === undefined) return LACKING;
    const words = [first === 'get' ? 'list' : first, ...rest];
    const command = COMMANDS.find((one) => one.words.length === words.length && fits(one, words));
    if (command === undefined) return isBeginning(words) ? LACKING : unknown(words.join(' '));
    if (command.changes && !mayChange) return undefined;
    const values = words.filter((_, at) => command.words[at] === '*');
    try {
      return await command.run(this.#node, values);
    } catch (error) {
      this.#logger.error({ err: error, command: command.words.join(' ') }, 'command failed');
      return 'Internal error\n';
    }
  }
}

function isBeginning(words: readonly string[]): boolean {
  return COMMANDS.some((one) => one.words.length > words.length && fits(one, words));
}

/** As far as the line goes. */
function fits({ words }: CliCommand, asked: readonly string[]): boolean {
  return asked.every((word, at) => words[at] === '*' || words[at] === word);
}
