import { addCodec, isCodecList } from './codec-spec.js';
import type { Draft } from './draft.js';
import { letsKeysPass } from './dtmf-keys.js';
import { applyFlag } from './flag-words.js';
import { parseFlagString, type Token } from './flag-string.js';
import { applyKey } from './keys.js';
import { type Dictionary, text, type Value, words } from './value.js';

/** Flag strings by name, from the configuration. */
export type Templates = ReadonlyMap<string, readonly Token[]>;

export function compileTemplates(flagStrings: ReadonlyMap<string, string>): Templates {
  return new Map([...flagStrings].map(([name, flags]) => [name, parseFlagString(flags)]));
}

/**
 * Applies the template `default`, the one named like the command, then the keys of the message in their order.
 * Scalars set later win, lists grow. With `DTMF-security=off` digits are not blocked before a
 * trigger, wherever it stands.
 */
export function evaluate(draft: Draft, command: string, dictionary: Dictionary, templates: Templates): void {
  for (const name of ['default', command]) {
    const template = templates.get(name);
    if (template !== undefined) applyTokens(draft, template, templates, 1);
  }
  for (const [key, value] of dictionary) {
    if (FLAG_STRING.has(key)) draft.hasFlagString = true;
    apply(draft, key, value, templates, 0);
  }
  if (letsKeysPass(draft.flags.keys)) draft.flags.blockDtmf = false;
}

function apply(draft: Draft, key: string, value: Value, templates: Templates, depth: number): void {
  if (key === 'template') applyTemplate(draft, text(value) ?? '', templates, depth);
  else if (FLAG_STRING.has(key)) applyTokens(draft, parseFlagString(text(value) ?? ''), templates, depth);
  else applyKey(draft, key, value);
}

function applyTemplate(draft: Draft, name: string, templates: Templates, depth: number): void {
  const template = templates.get(name);
  if (template === undefined) draft.warnings.add(`unknown template ${JSON.stringify(name.slice(0, 60))}`);
  else if (depth >= MAX_TEMPLATE_DEPTH) draft.warnings.add('templates that contain each other');
  else applyTokens(draft, template, templates, depth + 1);
}

/** A word that adds to others of its kind, instead of setting something by itself. */
export function isCumulative({ key, value }: Token): boolean {
  if (value !== undefined) return key === 'direction';
  return TRANSPORT_WORDS.has(key) || key === 'internal' || key === 'external';
}

/** Applies the words of a flag string. */
export function applyTokens(
  draft: Draft,
  tokens: readonly Token[],
  templates: Templates,
  depth: number,
): void {
  draft.directions = 0;
  draft.transportBits = 0;
  for (const { key, value } of tokens) {
    if (value === undefined) applyWord(draft, key);
    else if (!applyScriptKey(draft, key, value)) apply(draft, key, value, templates, depth);
  }
}

function applyWord(draft: Draft, word: string): void {
  const transport = TRANSPORT_WORDS.get(word);
  if (transport !== undefined) {
    draft.transportBits = (draft.transportBits & ~transport.clear) | transport.set;
    const protocol = TRANSPORTS[draft.transportBits];
    if (protocol !== undefined) draft.flags.transportProtocol = protocol;
  } else if (FULL_TRANSPORT.test(word)) draft.flags.transportProtocol = word;
  else if (word === 'internal' || word === 'external') addDirection(draft, word);
  else applyFlag(draft, word);
}

/** Keys that mean something else, or something more, in a flag string. True if it was one. */
function applyScriptKey(draft: Draft, key: string, value: Value): boolean {
  const single = typeof value === 'string' ? value : undefined;
  const codecList = key === 'transcode' ? key : key.startsWith('codec-') ? key.slice('codec-'.length) : '';
  if (isCodecList(codecList)) {
    for (const spec of words(value)) draft.flags.codec = addCodec(draft.flags.codec, codecList, spec);
    return true;
  }
  switch (key) {
    case 'direction':
      if (single === undefined || single.includes(',')) return false;
      addDirection(draft, single);
      return true;
    case 'from-tag':
      draft.directional = true;
      return false;
    case 'to-tag':
      draft.toTagCounts = true;
      return false;
    case 'via-branch':
      // How the script wants the branch chosen; the branch itself is a key of the message.
      return BRANCH_CHOICE.has(single ?? '');
    case 'force-answer':
      return true;
    default:
      return false;
  }
}

function addDirection(draft: Draft, interfaceName: string): void {
  draft.directions += 1;
  if (draft.directions === 1) draft.flags.fromInterface = interfaceName;
  else if (draft.directions === 2) draft.flags.toInterface = interfaceName;
  else draft.warnings.unknownValue('direction', interfaceName);
}

const FLAG_STRING: ReadonlySet<string> = new Set(['rtpp-flags', 'rtpp_flags', 'rtpp flags']);
const BRANCH_CHOICE: ReadonlySet<string> = new Set([
  ...['1', '2', 'auto', 'extra', 'next', 'auto-next', 'auto-extra', 'none'],
]);
const FULL_TRANSPORT = /^(RTP\/S?AVPF?|UDP\/TLS\/RTP\/SAVPF?|UDPTL|udptl)$/;

const SRTP = 1;
const AVPF = 2;
const DTLS = 4;

const TRANSPORT_WORDS: ReadonlyMap<string, { readonly set: number; readonly clear: number }> = new Map([
  ['SRTP', { set: SRTP, clear: 0 }],
  ['AVPF', { set: AVPF, clear: 0 }],
  ['DTLS', { set: DTLS, clear: 0 }],
  ['RTP', { set: 0, clear: SRTP }],
  ['AVP', { set: 0, clear: AVPF }],
]);

/** By the bits. `DTLS SRTP` names no transport: SIP proxies send none for it. */
const TRANSPORTS: readonly (string | undefined)[] = [
  'RTP/AVP',
  'RTP/SAVP',
  'RTP/AVPF',
  'RTP/SAVPF',
  'UDP/TLS/RTP/SAVP',
  undefined,
  'UDP/TLS/RTP/SAVPF',
  'UDP/TLS/RTP/SAVPF',
];

const MAX_TEMPLATE_DEPTH = 4;
