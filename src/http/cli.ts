import type { IncomingMessage } from 'node:http';
import type { CommandLine } from '../control/cli/interpreter.js';
import { type Answer, NOT_FOUND, type Routes, text } from './answer.js';
import { mediaTypeOf, readBody } from './body.js';
import type { SubProtocols } from './web-sockets.js';

export type CliDoor = Pick<CommandLine, 'answer' | 'look'>;

/** `POST /cli`, and `GET /cli/list+totals` for what changes nothing. */
export function cliRoutes(cli: CliDoor): Routes {
  return new Map([
    ['POST /cli', (request) => posted(request, cli)],
    ['GET /cli/*', (request) => shown(request, cli)],
  ]);
}

export function cliSubProtocols(cli: CliDoor): SubProtocols {
  const answer = async (line: Buffer): Promise<Buffer> =>
    Buffer.from(await cli.answer(line.toString('latin1')), 'latin1');
  return new Map([['cli.rtpengine.com', { answer, ordered: true }]]);
}

async function posted(request: IncomingMessage, cli: CliDoor): Promise<Answer | undefined> {
  if (mediaTypeOf(request) !== 'text/plain') return NOT_FOUND;
  const body = await readBody(request);
  if (body.kind !== 'body') return body.kind === 'refused' ? body.answer : undefined;
  return bytes(await cli.answer(body.bytes.toString('latin1')));
}

/** A page may have a browser get anything without saying where from, an image for example. */
async function shown({ url = '' }: IncomingMessage, cli: CliDoor): Promise<Answer> {
  const words = unescaped((url.split('?')[0] ?? '').slice('/cli/'.length));
  if (words === undefined) return NOT_FOUND;
  const shown = await cli.look(words);
  return shown === undefined ? ONLY_POST : bytes(shown);
}

function unescaped(path: string): string | undefined {
  try {
    return Buffer.from(decodeURIComponent(path.replaceAll('+', ' ')), 'utf8').toString('latin1');
  } catch {
    return undefined;
  }
}

function bytes(answer: string): Answer {
  return text(200, Buffer.from(answer, 'latin1'));
}

const ONLY_POST = text(405, 'POST /cli\n');
