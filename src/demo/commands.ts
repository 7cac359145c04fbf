import type { NgClient } from '../control/ng/client.js';
import { type Dictionary, text, type Value } from '../control/ng/value.js';

/** True if somebody answers. */
export async function ping(ng: NgClient, timeoutMs: number): Promise<boolean> {
  const reply = await ng.request(new Map([['command', 'ping']]), { attempts: 1, timeoutMs });
  return text(reply?.get('result')) === 'pong';
}

/** Rejects with the reason if the command is refused or never answered. */
export async function command(
  ng: NgClient,
  name: string,
  keys: Readonly<Record<string, Value>>,
): Promise<Dictionary> {
  const reply = await ng.request(new Map([['command', name], ...Object.entries(keys)]));
  if (reply === undefined) throw new Error(`no answer to ${name}`);
  if (text(reply.get('result')) === 'ok') return reply;
  throw new Error(`${name} was refused: ${text(reply.get('error-reason') ?? reply.get('message'))}`);
}
