import { encodeNode } from '../ng/encode-node.js';
import { encodeJson } from '../ng/json.js';
import {
  describeLogs,
  levelDifferences,
  levelParameters,
  listLevel,
  listLevels,
  revertLevels,
  setAllLevels,
  setLevel,
} from './log-levels.js';
import type { CliNode } from './node.js';
import { countersText, interfacesText, sessionsText, totalsText } from './node-text.js';
import { activate, followKeyspace, listKeyspaces, standBy } from './redundancy.js';
import {
  debug,
  debugCall,
  delay,
  detectTones,
  showCall,
  showParty,
  showSession,
  terminateCall,
  terminateOne,
} from './one-call.js';
import { sessionLine } from './session-text.js';
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
  shows('list loglevels', describeLogs),
  shows('list loglevel', listLevels),
  shows('list loglevel *', listLevel),
  shows('list maxopenfiles', (node) => openFilesText(node)),
  shows('list transcoders', () => 'No stats entries\n'),
  ...SETTINGS.map(({ name, shown }) =>
    shows(`list ${name}`, ({ settings }) => `${shown(settings.current[name])}\n`),
  ),
  shows('params start', (node) => levelParameters(node.logLevels.start) + parameters(node.settings.start)),
  shows(
    'params current',
    (node) => levelParameters(node.logLevels.current) + parameters(node.settings.current),
  ),
  shows('params diff', difference),
  changes('params revert', revert),
  changes('set loglevel *', setAllLevels),
  changes('set loglevel * *', setLevel),
  changes(
    'set maxopenfiles *',
    (_, [written = '']) => `Fail setting open_files to ${written}; ${AT_START}\n`,
  ),
  changes('set * *', set),
  changes('terminate all', (node) =>
    terminate(node, 'All calls', [...node.callIds(), ...node.foreignCallIds()]),
  ),
  changes('terminate own', (node) => terminate(node, 'All own calls', node.callIds())),
  changes('terminate foreign', (node) => terminate(node, 'All foreign calls', node.foreignCallIds())),
  changes('terminate *', terminateOne),
  shows('call * info', showCall),
  shows('call * tag * info', showParty),
  changes('call * tag * delay *', delay),
  changes('call * tag * detect-dtmf *', detectTones),
  changes('call * terminate', terminateCall),
  changes('call * debug', debugCall),
  changes('call * debug *', debugCall),
  shows('debug', () => 'No call ID specified\n'),
  changes('debug *', debug),
  changes('debug * *', debug),
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

function usage(): string {
  return COMMANDS.map(({ words }) => `${words.join(' ')}\n`).join('');
}

async function terminate(node: CliNode, which: string, callIds: readonly string[]): Promise<string> {
  for (const callId of callIds) await node.end(callId);
  return `${which} terminated by operator.\n`;
}

function set({ settings }: CliNode, [name = '', written = '']: readonly string[]): string {
  const rule = ruleOf(name);
  if (rule === undefined) return unknown(`set ${name} ${written}`);
  const value = settingValue(rule, written);
  if (value === undefined) {
    const { range } = rule;
    const why = range === undefined ? AT_START : `not a number from ${range.min} to ${range.max}`;
    return `Fail setting ${name} to ${written}; ${why}\n`;
  }
  settings.change(rule.name, value);
  const off = rule.name === 'maxsessions' && value < 0 ? '; disable feature' : '';
  return `Success setting ${rule.told ?? name} to ${settingText(rule, value)}${off}\n`;
}

function revert(node: CliNode): string {
  const { settings } = node;
  revertLevels(node);
  for (const { name } of SETTINGS) {
    if (settings.current[name] !== settings.start[name]) settings.change(name, settings.start[name]);
  }
  return '';
}

function parameters(values: CliNode['settings']['start']): string {
  return SETTINGS.map((rule) => `${rule.parameter} = ${settingText(rule, values[rule.name])}\n`).join('');
}

function difference(node: CliNode): string {
  const { start, current } = node.settings;
  const others = SETTINGS.filter(({ name }) => start[name] !== current[name])
    .map((rule) => {
      const [before, after] = [start, current].map((values) => settingText(rule, values[rule.name]));
      return `${rule.parameter}: ${before} => ${after}\n`;
    })
    .join('');
  return levelDifferences(node) + others;
}

function openFilesText(node: CliNode): string {
  const { limit, pid } = node.openFiles();
  return `Maximum open-files configured on rtpengine: ${limit}; cat /proc/${pid}/limits\n`;
}

export function unknown(line: string): string {
  return `Unknown command: ${line}\n`;
}

const NO_SESSIONS = 'No sessions on this media relay.\n';
const AT_START = 'it is decided when the program starts';
