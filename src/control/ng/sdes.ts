import type { SdesFlags } from '../../command/flags.js';

/** Applies one word of `SDES`; undefined if there is no such word. */
export function addSdes(sdes: SdesFlags, word: string): SdesFlags | undefined {
  const fixed = WORDS.get(word) ?? WORDS.get(word.toLowerCase());
  if (fixed !== undefined) return { ...sdes, ...fixed };
  const list = LISTS.find(({ prefix }) => word.length > prefix.length && word.startsWith(prefix));
  if (list === undefined) return undefined;
  const suites = word
    .slice(list.prefix.length)
    .split(';')
    .filter((suite) => suite !== '');
  return { ...sdes, [list.field]: [...sdes[list.field], ...suites].slice(0, MAX_SUITES) };
}

const OFF: Partial<SdesFlags> = { off: true };

const WORDS: ReadonlyMap<string, Partial<SdesFlags>> = new Map<string, Partial<SdesFlags>>([
  ['off', OFF],
  ['no', OFF],
  ['disable', OFF],
  ['disabled', OFF],
  ['nonew', { nonew: true }],
  ['static', { static: true }],
  ['prefer', { prefer: true }],
  ['priority', { prefer: true }],
  ['pad', { pad: true }],
  ['lifetime', { lifetime: true }],
  ['unencrypted_srtp', { unencryptedSrtp: true }],
  ['encrypted_srtp', { unencryptedSrtp: false }],
  ['unencrypted_srtcp', { unencryptedSrtcp: true }],
  ['encrypted_srtcp', { unencryptedSrtcp: false }],
  ['unauthenticated_srtp', { unauthenticatedSrtp: true }],
  ['authenticated_srtp', { unauthenticatedSrtp: false }],
]);

const LISTS = [
  { prefix: 'no-', field: 'exclude' },
  { prefix: 'only-', field: 'only' },
  { prefix: 'order:', field: 'order' },
  { prefix: 'offerer_pref:', field: 'offererPreference' },
] as const;

const MAX_SUITES = 64;
