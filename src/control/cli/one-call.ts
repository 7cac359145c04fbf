import type { CliNode } from './node.js';
import { partyText, sessionText } from './session-text.js';

/** `list sessions CALL` */
export async function showSession(node: CliNode, [callId = '']: readonly string[]): Promise<string> {
  return (await sessionOf(node, callId)) ?? notFound(callId);
}

/** `terminate CALL` */
export async function terminateOne(node: CliNode, [callId = '']: readonly string[]): Promise<string> {
  if (!(await node.end(callId))) return notFound(callId);
  return `\nCall Id (${callId}) successfully terminated by operator.\n\n`;
}

/** `call CALL info` */
export async function showCall(node: CliNode, [callId = '']: readonly string[]): Promise<string> {
  return (await sessionOf(node, callId)) ?? noSuch(callId);
}

/** `call CALL terminate` */
export async function terminateCall(node: CliNode, [callId = '']: readonly string[]): Promise<string> {
  return (await node.end(callId)) ? `\nCall '${callId}' terminated.\n\n` : noSuch(callId);
}

/** `call CALL tag TAG info` */
export function showParty(node: CliNode, words: readonly string[]): Promise<string> {
  return ofParty(node, words, (text) => text);
}

/** `call CALL tag TAG delay MS` */
export function delay(node: CliNode, words: readonly string[]): Promise<string> {
  return ofParty(node, words, () => 'Fail setting delay: media is relayed as it comes here\n');
}

/** `call CALL tag TAG detect-dtmf on` */
export function detectTones(node: CliNode, words: readonly string[]): Promise<string> {
  const how = 'no tones are heard here; keys are told of by events (RFC 4733) alone';
  return ofParty(node, words, () => `Fail changing audio DTMF detection: ${how}\n`);
}

/** `debug CALL on` */
export function debug(node: CliNode, words: readonly string[]): string {
  return watch(node, words, (callId) => `Call ID '${callId}' not found\n`);
}

/** `call CALL debug on` */
export function debugCall(node: CliNode, words: readonly string[]): string {
  return watch(node, words, noSuch);
}

function watch(
  node: CliNode,
  [callId = '', written = 'on']: readonly string[],
  absent: (callId: string) => string,
): string {
  if (node.session(callId) === undefined) return absent(callId);
  const on = FLAGS.get(written);
  if (on === undefined) return `Invalid on/off flag ('${written}') specified\n`;
  node.watch(callId, on);
  return `${on ? 'Enabled' : 'Disabled'} debugging for call '${callId}'\n`;
}

async function ofParty(
  node: CliNode,
  [callId = '', tag = '']: readonly string[],
  tell: (text: string) => string,
): Promise<string> {
  const call = await node.call(callId);
  if (call === undefined) return noSuch(callId);
  const text = partyText(call, tag);
  return text === undefined ? `No such tag '${tag}'\n` : tell(text);
}

async function sessionOf(node: CliNode, callId: string): Promise<string | undefined> {
  const call = await node.call(callId);
  const session = node.session(callId);
  return call === undefined || session === undefined ? undefined : sessionText(session, call);
}

function notFound(callId: string): string {
  return `\nCall ID not found (${callId}).\n\n`;
}

function noSuch(callId: string): string {
  return `No such call '${callId}'\n`;
}

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ...['on', 'yes', 'true', 'enable', '1'].map((word) => [word, true] as const),
  ...['off', 'no', 'false', 'disable', '0'].map((word) => [word, false] as const),
]);
