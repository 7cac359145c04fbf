import { isIPv4, isIPv6 } from 'node:net';
import type { PairCommand, PairEnd, PairFollowUp, PairMediaAction, PairNotice } from '../../command/pair.js';
import { type ErrorReply, error } from './error.js';
import { isFeature } from './features.js';
import { type ModifierRules, parseModifiers } from './modifiers.js';
import { decodeTag, isNotifyTarget, parseNotice } from './notice.js';
import { GLOBAL_NAMES, isQueryName, type ReplyForm } from './statistics.js';
import { splitWords } from './words.js';

/** What decoding has to know of the node. */
export type Dialect = ModifierRules & {
  /** Whether a notification target is permitted at all. */
  readonly notifies: boolean;
};

export type Request =
  | { readonly kind: 'version' }
  | { readonly kind: 'feature'; readonly works: boolean }
  | { readonly kind: 'command'; readonly command: PairCommand; readonly form: ReplyForm }
  | ErrorReply;

/** Reads one command. What is wrong with it is answered by number, in the order in which the protocol looks. */
export function decodeRequest(line: string, dialect: Dialect): Request {
  const words = splitWords(line);
  if (words === undefined) return error(5);
  const [head = '', ...args] = words.main;
  const letter = head.charAt(0).toUpperCase();
  const modifiers = head.slice(1);
  const rule = RULES.get(letter);
  if (rule === undefined) return error(0);
  const count = words.main.length;
  if (count < rule.words[0] || count > rule.words[1]) return error(1);
  const bare = modifiers.replace(/[^\x21-\x7e]/g, '');
  if (bare !== '' && rule.modifiers === 'none') return error(2);
  if (words.after.length > 0 && !rule.after) return error(3);

  const named = {
    callId: args[0] ?? '',
    fromTag: args[1] ?? '',
    ...(args[2] !== undefined && { toTag: args[2] }),
  };
  switch (letter) {
    case 'V':
      return decodeVersion(bare, args, dialect);
    case 'U':
    case 'L':
      return decodeUpdate(letter, modifiers, args, words.after, dialect);
    case 'D':
      if (!only(bare, 'W')) return error(8);
      return plain({ kind: 'delete pairs', ...named, weak: bare !== '' });
    case 'Q':
      return decodeQuery(bare, args, words.after, dialect);
    case 'P':
      return decodePlay(modifiers, args);
    case 'S':
      return media(named, { kind: 'stopPlaying' });
    case 'R':
      return only(bare, 'S') ? media(named, { kind: 'record', together: bare !== '' }) : error(7);
    case 'C':
      if (!only(bare, 'SP')) return error(7);
      return media(namedBehind(args, 2), {
        kind: 'copy',
        target: args[1] ?? '',
        together: /S/i.test(bare),
        wantsPort: /P/i.test(bare),
      });
    case 'N':
      return only(bare, 'A') ? media(named, { kind: 'stopRecording', together: bare !== '' }) : error(6);
    case 'X':
      return plain({ kind: 'delete all pairs' });
    case 'I':
      if (!only(bare, 'BL')) return error(18);
      return command({ kind: 'pair counters' }, { kind: 'summary', load: /L/i.test(bare) });
    default:
      return decodeCounters(bare, args);
  }
}

type Rule = {
  readonly words: readonly [least: number, most: number];
  readonly modifiers: 'none' | 'some';
  /** Sub-commands may follow. */
  readonly after: boolean;
};

const RULES: ReadonlyMap<string, Rule> = new Map([
  ['V', { words: [1, 2], modifiers: 'some', after: false }],
  ['U', { words: [5, 8], modifiers: 'some', after: true }],
  ['L', { words: [5, 6], modifiers: 'some', after: true }],
  ['D', { words: [3, 4], modifiers: 'some', after: false }],
  ['P', { words: [5, 6], modifiers: 'some', after: false }],
  ['S', { words: [3, 4], modifiers: 'none', after: false }],
  ['R', { words: [3, 4], modifiers: 'some', after: false }],
  ['C', { words: [4, 5], modifiers: 'some', after: false }],
  ['N', { words: [3, 4], modifiers: 'some', after: false }],
  ['Q', { words: [3, 15], modifiers: 'some', after: true }],
  ['X', { words: [1, 1], modifiers: 'none', after: false }],
  ['I', { words: [1, 1], modifiers: 'some', after: false }],
  ['G', { words: [1, 23], modifiers: 'some', after: false }],
]);

function decodeVersion(modifiers: string, args: readonly string[], { notifies }: Dialect): Request {
  if (modifiers === '') return args.length === 0 ? { kind: 'version' } : error(1);
  if (modifiers.toUpperCase() !== 'F') return error(2);
  const [date] = args;
  return date === undefined ? error(1) : { kind: 'feature', works: isFeature(date, { notifies }) };
}

function decodeUpdate(
  letter: 'U' | 'L',
  modifiers: string,
  args: readonly string[],
  after: readonly (readonly string[])[],
  dialect: Dialect,
): Request {
  const [callId = '', address = '', port = '', fromTag = '', ...rest] = args;
  const notice = letter === 'U' ? splitNotice(rest) : { ...(rest[0] !== undefined && { toTag: rest[0] }) };
  const followUps = decodeAfter(letter, after, notice.toTag !== undefined, dialect);
  if (followUps === undefined) return error(3);
  const side = letter === 'U' ? 'offer' : 'answer';
  const end = decodeEnd(side, modifiers, address, port, dialect);
  if (end.kind === 'error') return end;
  const notify = decodeNotice(notice, dialect);
  if (notify?.kind === 'error') return notify;
  return plain({
    kind: 'update pair',
    callId,
    fromTag,
    ...(notice.toTag !== undefined && { toTag: notice.toTag }),
    ...end.end,
    ...(notify !== undefined && { notify: notify.notice }),
    after: followUps,
  });
}

type WrittenNotice = { readonly toTag?: string; readonly target?: string; readonly tag?: string };

/**
 * What follows the from-tag: nothing, a to-tag, a target with its tag, or all three. Kamailio up to 5.8 sends the
 * target alone, behind the to-tag.
 */
function splitNotice(rest: readonly string[]): WrittenNotice {
  const [first, second, third] = rest;
  if (first === undefined) return {};
  if (second === undefined) return { toTag: first };
  if (third !== undefined) return { toTag: first, target: second, tag: third };
  if (isNotifyTarget(second) && !isNotifyTarget(first)) return { toTag: first, target: second, tag: '' };
  return { target: first, tag: second };
}

function decodeNotice(
  { target, tag }: WrittenNotice,
  { notifies }: Dialect,
): { readonly kind: 'notice'; readonly notice: PairNotice } | ErrorReply | undefined {
  if (target === undefined || tag === undefined) return undefined;
  const notice = parseNotice(target, tag);
  if (notice === undefined) return error(10);
  return notifies ? { kind: 'notice', notice } : error(75);
}

function decodeEnd(
  side: PairEnd['side'],
  modifiers: string,
  address: string,
  portText: string,
  dialect: Dialect,
): { readonly kind: 'end'; readonly end: PairEnd } | ErrorReply {
  const read = parseModifiers(modifiers, dialect);
  if (read.kind === 'error') return read;
  const { options } = read;
  const isOfFamily = options.family === 'IP6' ? isIPv6(address) : isIPv4(address);
  if (!isOfFamily || !/^\d{1,9}$/.test(portText)) return error(37);
  return { kind: 'end', end: { side, address, port: Number(portText), options } };
}

/** `undefined`: something is wrong with a sub-command, and nothing at all is to be done. */
function decodeAfter(
  letter: 'U' | 'L' | 'Q',
  after: readonly (readonly string[])[],
  hasToTag: boolean,
  dialect: Dialect,
): readonly PairFollowUp[] | undefined {
  const followUps: PairFollowUp[] = [];
  for (const words of after) {
    const followUp = decodeSubCommand(words, letter === 'U' && hasToTag, dialect);
    if (followUp === undefined) return undefined;
    followUps.push(followUp);
  }
  return followUps;
}

function decodeSubCommand(
  [head = '', ...args]: readonly string[],
  mayAnswer: boolean,
  dialect: Dialect,
): PairFollowUp | undefined {
  const modifiers = head.slice(1);
  switch (head.charAt(0).toUpperCase()) {
    case 'D':
      return args.length === 0 && only(modifiers, 'W')
        ? { kind: 'delete', weak: modifiers !== '' }
        : undefined;
    case 'S':
      return only(modifiers, 'R') ? decodeSettings(args) : undefined;
    case 'L': {
      const [address = '', port = '', ...more] = args;
      if (!mayAnswer || more.length > 0) return undefined;
      const end = decodeEnd('answer', modifiers, address, port, dialect);
      return end.kind === 'error' ? undefined : { kind: 'answer', ...end.end };
    }
    case 'M':
      return modifiers === DTMF_MODULE ? decodeKeys(args) : undefined;
    default:
      return undefined;
  }
}

/** `M3:1 TAG [PAYLOAD-TYPE] [h]`. */
function decodeKeys([tag = '', payloadType = '101', options = '', ...more]: readonly string[]):
  | PairFollowUp
  | undefined {
  const decoded = decodeTag(tag);
  const isPayloadType = /^\d{1,3}$/.test(payloadType) && Number(payloadType) <= 127;
  if (tag === '' || decoded === undefined || !isPayloadType) return undefined;
  if (more.length > 0 || !only(options, 'H')) return undefined;
  return { kind: 'keys', tag: decoded, payloadType: Number(payloadType), hidden: options !== '' };
}

function decodeSettings(args: readonly string[]): PairFollowUp | undefined {
  const [setting = '', ...more] = args;
  const [name, value = ''] = setting.split('=', 2);
  if (more.length > 0 || !/^\d{1,7}$/.test(value)) return undefined;
  const number = Number(value);
  if (name?.toLowerCase() === 'ttl' && number > 0) return { kind: 'settings', timeoutSeconds: number };
  if (name?.toLowerCase() === 'tos' && number <= 255) return { kind: 'settings', tos: number };
  return undefined;
}

function decodeQuery(
  modifiers: string,
  args: readonly string[],
  after: readonly (readonly string[])[],
  dialect: Dialect,
): Request {
  const [callId = '', fromTag = '', toTag, ...names] = args;
  const followUps = decodeAfter('Q', after, toTag !== undefined, dialect);
  if (followUps === undefined) return error(3);
  if (!only(modifiers, 'V')) return error(19);
  // Nothing is done behind a query that fails.
  const isAnswerable = names.every(isQueryName);
  return command(
    {
      kind: 'query pair',
      callId,
      fromTag,
      ...(toTag !== undefined && { toTag }),
      after: isAnswerable ? followUps : [],
    },
    { kind: 'query', verbose: modifiers !== '', names },
  );
}

function decodePlay(modifiers: string, args: readonly string[]): Request {
  const count = modifiers === '' ? '1' : modifiers;
  if (!/^-?\d{1,9}$/.test(count)) return error(17);
  return media(namedBehind(args, 3), {
    kind: 'play',
    times: Number(count),
    sessionCodecs: args[2]?.toLowerCase() === 'session',
  });
}

function decodeCounters(modifiers: string, names: readonly string[]): Request {
  if (!only(modifiers, 'V')) return error(9);
  if (!names.every((name) => GLOBAL_NAMES.has(name))) return error(68);
  return command({ kind: 'pair counters' }, { kind: 'counters', verbose: modifiers !== '', names });
}

type Named = { readonly callId: string; readonly fromTag: string; readonly toTag?: string };

/** Call-ID first, then other words, then the tags. */
function namedBehind(args: readonly string[], at: number): Named {
  const [callId = '', fromTag = '', toTag] = [args[0], args[at], args[at + 1]];
  return { callId, fromTag, ...(toTag !== undefined && { toTag }) };
}

function media(named: Named, action: PairMediaAction): Request {
  return plain({ kind: 'pair media', ...named, action });
}

function plain(command: PairCommand): Request {
  return { kind: 'command', command, form: { kind: 'plain' } };
}

function command(command: PairCommand, form: ReplyForm): Request {
  return { kind: 'command', command, form };
}

/** Nothing but these letters, in either case. */
function only(modifiers: string, letters: string): boolean {
  return [...modifiers.toUpperCase()].every((letter) => letters.includes(letter));
}

/** The first instance of the module that watches for keys. */
const DTMF_MODULE = '3:1';
