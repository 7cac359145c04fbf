import { encodeNode } from '../ng/encode-node.js';
import { encodeJson } from '../ng/json.js';
import type { CliNode } from './node.js';
import { countersText, interfacesText, sessionsText, totalsText } from './node-text.js';
import { activate, followKeyspace, listKeyspaces, standBy } from './redundancy.js';
import { partyText, sessionLine, sessionText } from './session-text.js';
import { ruleOf, SETTINGS, settingText, settingValue } from './settings.js';

export type CliCommand = {
  /** Words of the line; `*` is any word and handed to `run`. */
  readonly words: readonly string[];
  /** Something is different afterwards. */
  readonly changes: boolean;
  readonly run: (node: CliNode, words: readonly string[]) => string | Promise<string>;
};

/** Everything the command line knows. Of two that fit, the first counts. */
export const COMMANDS: readonly CliCommand[] = [
  shows('list numsessions', async (node) => sessionsText(await node.statistics(), node.families())),
  shows('list sessions all', (node) => listSessions(node, [...node.callIds(), ...node.foreignCallIds()])),
  shows('list sessions own', (node) => listSessions(node, node.callIds())),
  shows('list sessions foreign', (node) => listSessions(node, node.foreignCallIds())),
  shows('list sessions *', showSession),
  shows('list totals', async (node) => totalsText(await node.statistics())),
  shows('list counters', async (node) => countersText(await node.statistics())),
  shows('list interfaces', async (node) => interfacesText(await node.statistics())),
  shows('list jsonstats', async (node) => `${encodeJson(encodeNode(await node.statistics()))}\n`),
  shows('list loglevels', () => 'core - Everything: one level counts for all\n'),
  shows('list transcoders', () => 'No stats entries\n'),
  shows('list loglevel core', ({ settings }) => `${settings.current.loglevel}\n`),
  ...SETTINGS.map(({ name, shown }) =>
    shows(`list ${name}`, ({ settings }) => `${shown(settings.current[name])}\n`),
  ),
  shows('params start', ({ settings }) => parameters(settings.start)),
  shows('params current', ({ settings }) => parameters(settings.current)),
  shows('params diff', difference),
  changes('params revert', revert),
  changes('set loglevel core *', setLogLevel),
  changes('set loglevel all *', setLogLevel),
  changes('set * *', set),
  changes('terminate all', (node) =>
    terminate(node, 'All calls', [...node.callIds(), ...node.foreignCallIds()]),
  ),
  changes('terminate own', (node) => terminate(node, 'All own calls', node.callIds())),
  changes('terminate foreign', (node) => terminate(node, 'All foreign calls', node.foreignCallIds())),
  changes('terminate *', terminateOne),
  shows('call * info', showSession),
  shows('call * tag * info', showParty),
  changes('call * terminate', terminateOne),
  changes('active', activate),
  changes('standby', standBy),
  changes('ksadd *', followKeyspace(true)),
  changes('ksrm *', followKeyspace(false)),
  shows('kslist', listKeyspaces),
  shows('usage', usage),
];

function shows(words: string, run: CliCommand['run']): CliCommand {
  return { words: words.split(' '), changes: false, run };
}

function changes(words: string, run: CliCommand['run']): CliCommand {
  return { words: words.split(' '), changes: true, run };
}

function listSessions(node: CliNode, callIds: readonly string[]): string {
  const sessions = callIds.flatMap((callId) => node.session(callId) ?? []);
  return sessions.length === 0
    ? NO_SESSIONS
    : sessions.map((session) => `${sessionLine(session)}\n`).join('');
}

async function showSession(node: CliNode, [callId = '']: readonly string[]): Promise<string> {
  const call = await node.call(callId);
  const session = node.session(callId);
  return call === undefined || session === undefined ? notFound(callId) : sessionText(session, call);
}

async function showParty(node: CliNode, [callId = '', tag = '']: readonly string[]): Promise<string> {
  const call = await node.call(callId);
  if (call === undefined) return notFound(callId);
  return partyText(call, tag) ?? `No such tag '${tag}'\n`;
}

function usage(): string {
  return COMMANDS.map(({ words }) => `${words.join(' ')}\n`).join('');
}

async function terminate(node: CliNode, which: string, callIds: readonly string[]): Promise<string> {
  for (const callId of callIds) await node.end(callId);
  return `${which} terminated by operator.\n`;
}

async function terminateOne(node: CliNode, [callId = '']: readonly string[]): Promise<string> {
  if (!(await node.end(callId))) return notFound(callId);
  return `\nCall Id (${callId}) successfully terminated by operator.\n\n`;
}

function set({ settings }: CliNode, [name = '', written = '']: readonly string[]): string {
  const rule = ruleOf(name);
  if (rule === undefined) return unknown(`set ${name} ${written}`);
  const value = settingValue(rule, written);
  if (value === undefined) {
    const { range } = rule;
    const why =
      range === undefined ? 'it cannot be changed' : `not a number from ${range.min} to ${range.max}`;
    return `Fail setting ${name} to ${written}; ${why}\n`;
  }
  settings.change(rule.name, value);
  return `Success setting ${name} to ${settingText(rule, value)}\n`;
}

function setLogLevel(node: CliNode, [level = '']: readonly string[]): string {
  return set(node, ['loglevel', level]);
}

function revert({ settings }: CliNode): string {
  for (const { name } of SETTINGS) {
    if (settings.current[name] !== settings.start[name]) settings.change(name, settings.start[name]);
  }
  return '';
}

function parameters(values: CliNode['settings']['start']): string {
  return SETTINGS.map((rule) => `${rule.parameter} = ${settingText(rule, values[rule.name])}\n`).join('');
}

function difference({ settings: { start, current } }: CliNode): string {
  return SETTINGS.filter(({ name }) => start[name] !== current[name])
    .map((rule) => {
      const [before, after] = [start, current].map((values) => settingText(rule, values[rule.name]));
      return `${rule.parameter}: ${before} => ${after}\n`;
    })
    .join('');
}

function notFound(callId: string): string {
  return `\nCall ID not found (${callId}).\n\n`;
}

export function unknown(line: string): string {
  return `Unknown command: ${line}\n`;
}

const NO_SESSIONS = 'No sessions on this media relay.\n';
