import type { CliCommand, Client, Command } from '../../command/command.js';
import type { Reply } from '../../command/reply.js';
import type { CommandHandler } from '../../service/ports.js';
import type { CommandLine } from './interpreter.js';

/** Answers lines of the command line; everything else is for `handle`. */
export function answeringLines(
  cli: Pick<CommandLine, 'answer'>,
  handle: (command: Exclude<Command, CliCommand>, client: Client) => Promise<Reply>,
): CommandHandler {
  return async (command, client) =>
    command.kind === 'cli'
      ? { kind: 'cli', response: await cli.answer(command.line) }
      : handle(command, client);
}
