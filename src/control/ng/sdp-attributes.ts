import type { SdpAttributeEdit } from '../../command/flags.js';
import { unescapeFlag } from './codec-spec.js';
import type { Draft } from './draft.js';
import { isDictionary, isList, text, type Value, words } from './value.js';

/** Reads `{ section: { add: […], remove: […], substitute: [[from, to], …] } }`. */
export function readSdpAttributes(draft: Draft, value: Value): void {
  if (!isDictionary(value)) {
    draft.warnings.add('sdp-attr: wrong type used');
    return;
  }
  for (const [section, edits] of value) {
    if (!isDictionary(edits)) draft.warnings.add('sdp-attr: wrong type used');
    else if (!SECTION.test(section)) draft.warnings.add('sdp-attr: unsupported sdp section');
    else for (const [command, content] of edits) readEdits(draft, section, command, content);
  }
}

/** Reads the flag form `add-<section>-<value>`, `remove-…`, `substitute-<section>-<from>><to>`. */
export function readSdpAttributeFlag(draft: Draft, word: string): boolean {
  const match = FLAG_FORM.exec(word);
  if (match === null) return false;
  const [, command = '', section = '', content = ''] = match;
  readEdits(draft, section, command, [content]);
  return true;
}

function readEdits(draft: Draft, section: string, command: string, content: Value): void {
  switch (command) {
    case 'add':
    case 'remove':
      for (const attribute of words(content)) edit(draft, section, command, unescapeFlag(attribute));
      return;
    case 'substitute':
      for (const pair of isList(content) ? content : words(content)) {
        const substitution = readPair(pair);
        if (substitution === undefined) draft.warnings.add('sdp-attr: wrong content given');
        else edit(draft, section, 'substitute', substitution);
      }
      return;
    default:
      draft.warnings.add('sdp-attr: unknown manipulation command');
  }
}

function readPair(pair: Value): readonly [string, string] | undefined {
  const [from, to] = isList(pair) ? pair.map(text) : splitPair(text(pair) ?? '');
  return from === undefined || to === undefined ? undefined : [unescapeFlag(from), unescapeFlag(to)];
}

function splitPair(pair: string): readonly (string | undefined)[] {
  const at = pair.indexOf('>');
  return at < 0 ? [] : [pair.slice(0, at), pair.slice(at + 1)];
}

function edit<C extends keyof SdpAttributeEdit>(
  draft: Draft,
  section: string,
  command: C,
  item: SdpAttributeEdit[C][number],
): void {
  const name = section === 'none' ? 'global' : section;
  const before = draft.flags.sdpAttributes.get(name) ?? { add: [], remove: [], substitute: [] };
  if (before[command].length >= MAX_EDITS || draft.flags.sdpAttributes.size > MAX_SECTIONS) return;
  const after = { ...before, [command]: [...before[command], item] };
  draft.flags.sdpAttributes = new Map([...draft.flags.sdpAttributes, [name, after]]);
}

const MAX_EDITS = 128;
const MAX_SECTIONS = 16;
const SECTION = /^[a-z]+$/;
const FLAG_FORM = /^(add|remove|substitute)-([a-z]+)-(.+)$/s;
