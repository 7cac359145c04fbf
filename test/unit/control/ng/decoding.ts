import type { MediaFlags } from '../../../../src/command/flags.js';
import { DEFAULT_FLAGS } from '../../../../src/command/flags.js';
import { type DecodedNg, decodeNg } from '../../../../src/control/ng/decode.js';
import { compileTemplates } from '../../../../src/control/ng/evaluate.js';
import { type NgMessage, toDictionary } from '../../../support/ng-client.js';

/** Decodes an offer that has all it needs, with these keys in addition. */
export function decodeOffer(entries: NgMessage, templates: Readonly<Record<string, string>> = {}): DecodedNg {
  return decode(
    { command: 'offer', 'call-id': 'call', 'from-tag': 'from', sdp: 'v=0\r\n', ...entries },
    templates,
  );
}

export function decode(entries: NgMessage, templates: Readonly<Record<string, string>> = {}): DecodedNg {
  return decodeNg(toDictionary(entries), compileTemplates(new Map(Object.entries(templates))));
}

export function flagsOf({ command }: DecodedNg): MediaFlags {
  if (!('flags' in command)) throw new Error(`no flags: ${JSON.stringify(command)}`);
  return command.flags;
}

/** What differs from a message without any flag. */
export function changes(decoded: DecodedNg): Partial<MediaFlags> {
  const defaults = new Map<string, unknown>(Object.entries(DEFAULT_FLAGS));
  return Object.fromEntries(
    Object.entries(flagsOf(decoded)).filter(
      ([name, value]) => JSON.stringify(plain(value)) !== JSON.stringify(plain(defaults.get(name))),
    ),
  );
}

function plain(value: unknown): unknown {
  return value instanceof Set || value instanceof Map ? [...value] : value;
}
