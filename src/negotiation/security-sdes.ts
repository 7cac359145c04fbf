import type { SdesFlags } from '../command/flags.js';
import {
  CRYPTO_SUITES,
  type CryptoAttribute,
  type CryptoKey,
  type CryptoSuite,
  formatCrypto,
  keyAndSaltBytes,
  parseCrypto,
} from '../sdp/crypto.js';
import { detach } from '../sdp/detach.js';
import type { Draws } from './draws.js';

/** Our part of an SDES exchange (RFC 4568): which lines are offered, and which one is the answer. */
export type OfferedLines = {
  /** All lines, in the order in which they were made. */
  readonly lines: readonly CryptoAttribute[];
  /** Those with keys of our own. */
  readonly own: readonly CryptoAttribute[];
  /** Those with keys of the other party. */
  readonly passed: readonly CryptoAttribute[];
};

export type SdesOffer = {
  /** What the other party offers. */
  readonly theirs: readonly CryptoAttribute[];
  /** Its keys may go on: what it sends could then be relayed as it is. */
  readonly passKeys: boolean;
  /** Lines with keys of ours that the receiver knows already. */
  readonly former: readonly CryptoAttribute[];
  readonly sdes: SdesFlags;
};

/** First what the other party offers, in its order and with its tags; then what is known; then everything else. */
export function offerLines({ theirs, passKeys, former, sdes }: SdesOffer, draws: Draws): OfferedLines {
  const own: CryptoAttribute[] = [];
  const passed: CryptoAttribute[] = [];
  const lines: CryptoAttribute[] = [];
  const suites = new Set<CryptoSuite>();
  const tags = new Set<number>();
  const add = (line: CryptoAttribute, list: CryptoAttribute[]) => {
    list.push(line);
    lines.push(line);
    suites.add(line.suite);
    tags.add(line.tag);
  };
  const freeTag = () => Math.max(0, ...tags) + 1;

  for (const { tag, suite, keys, sessionParameters } of theirs) {
    if (!isWanted(suite, sdes) || tags.has(tag)) continue;
    const parameters = withFlags(sessionParameters, sdes);
    if (passKeys && sameParameters(parameters, sessionParameters)) {
      add({ tag, suite, keys: withoutLifetimes(keys), sessionParameters: parameters }, passed);
    } else if (!suites.has(suite)) {
      const known = former.find((line) => line.suite === suite);
      const ours = { tag, suite, keys: known?.keys ?? freshKey(suite, draws) };
      add({ ...ours, sessionParameters: negotiable(suite, parameters) }, own);
    }
  }
  const asked = withFlags([], sdes);
  for (const { tag, suite, keys } of former) {
    if (suites.has(suite) || !isWanted(suite, sdes)) continue;
    const sessionParameters = negotiable(suite, asked);
    add({ tag: tags.has(tag) ? freeTag() : tag, suite, keys, sessionParameters }, own);
  }
  for (const suite of sdes.nonew ? [] : CRYPTO_SUITES) {
    if (suites.has(suite) || !isWanted(suite, sdes)) continue;
    const sessionParameters = negotiable(suite, asked);
    add({ tag: freeTag(), suite, keys: freshKey(suite, draws), sessionParameters }, own);
  }
  return { lines, own, passed };
}

/** The lines of an offer that may be accepted, the preferred one first. The last one stays if none would. */
export function acceptableLines(
  offered: readonly CryptoAttribute[],
  sdes: SdesFlags,
): readonly CryptoAttribute[] {
  if (offered.length === 0) return offered;
  const wanted = offered.filter(({ suite }) => isWanted(suite, sdes));
  const acceptable = wanted.length > 0 ? wanted : offered.slice(-1);
  return sdes.offererPreference.length === 0 ? acceptable : ordered(acceptable, sdes.offererPreference);
}

export type SdesAnswer = {
  /** What the party offers, the preferred one first. */
  readonly offered: readonly CryptoAttribute[];
  /** What was agreed with the party before. */
  readonly former:
    | { readonly ours: CryptoAttribute; readonly theirs: CryptoAttribute; readonly borrowed: boolean }
    | undefined;
  /** What the other party has agreed to. */
  readonly other: { readonly ours: CryptoAttribute; readonly theirs: CryptoAttribute } | undefined;
  readonly sdes: SdesFlags;
  readonly recrypt: boolean;
};

export type ChosenLine = {
  readonly ours: CryptoAttribute;
  readonly theirs: CryptoAttribute;
  readonly borrowed: boolean;
};

/** The one line to accept: the suite the other party uses, if that can be; then its key can be passed on. */
export function chooseLine(
  { offered, former, other, sdes, recrypt }: SdesAnswer,
  draws: Draws,
): ChosenLine | undefined {
  const isPassed = (line: CryptoAttribute) => !recrypt && other !== undefined && sameKeys(other.ours, line);
  const usable = offered.filter((line) => isReadable(line) || isPassed(line));
  const kept = sdes.static ? usable.find(({ suite }) => suite === former?.theirs.suite) : undefined;
  const shared = recrypt ? undefined : usable.find(({ suite }) => suite === other?.theirs.suite);
  const theirs = kept ?? shared ?? usable[0];
  if (theirs === undefined) return undefined;

  const { tag, suite } = theirs;
  const sessionParameters = negotiable(suite, theirs.sessionParameters);
  if (other?.theirs.suite === suite && isPassed(theirs)) {
    const { keys } = other.theirs;
    const passed = { tag, suite, keys, sessionParameters: other.theirs.sessionParameters };
    return { ours: passed, theirs, borrowed: true };
  }
  const known = former && !former.borrowed && former.ours.suite === suite ? former.ours.keys : undefined;
  const ours = { tag, suite, keys: known ?? freshKey(suite, draws), sessionParameters };
  return { ours, theirs, borrowed: false };
}

/** Our line that an answer accepts. Some answerers get the tag wrong; the suite tells them apart. */
export function acceptedLine(
  answer: readonly CryptoAttribute[],
  { own, passed }: Pick<OfferedLines, 'own' | 'passed'>,
): { readonly ours: CryptoAttribute; readonly theirs: CryptoAttribute } | undefined {
  for (const exact of [true, false]) {
    for (const theirs of answer) {
      const offered = isReadable(theirs) ? [...passed, ...own] : passed;
      const ours = offered.find(({ suite, tag }) => suite === theirs.suite && (!exact || tag === theirs.tag));
      if (ours) return { ours, theirs };
    }
  }
  return undefined;
}

/**
 * We can do what its session parameters ask for. Those that nobody has to know begin with a dash (RFC 4568 §6.3.7); a
 * replay window of another size is a hint.
 */
export function isReadable({ suite, sessionParameters }: CryptoAttribute): boolean {
  return sessionParameters.every(
    (parameter) =>
      isNegotiable(suite, parameter) || /^(?:-.*|WSH=\d+|KDR=0|FEC_ORDER=FEC_SRTP)$/i.test(parameter),
  );
}

/** What both directions have in common. All else is said of what its sender sends (RFC 4568 §6.3). */
function negotiable(suite: CryptoSuite, parameters: readonly string[]): readonly string[] {
  if (parameters.length === 0) return parameters;
  return parameters.filter((parameter) => isNegotiable(suite, parameter));
}

/** RFC 7714 encrypts and authenticates in one. */
function isNegotiable(suite: CryptoSuite, parameter: string): boolean {
  const spelled = parameter.toUpperCase();
  return spelled === 'UNENCRYPTED_SRTCP' || (HALVES.has(spelled) && !suite.startsWith('AEAD'));
}

/** Packets protected with the one need no change to be read with the other. */
export function sameKeys(one: CryptoAttribute, other: CryptoAttribute): boolean {
  if (one.suite !== other.suite || one.keys.length !== other.keys.length) return false;
  if (!sameParameters(one.sessionParameters, other.sessionParameters)) return false;
  return one.keys.every(({ keyAndSalt, mki }, index) => {
    const match = other.keys[index];
    return (
      keyAndSalt === match?.keyAndSalt && mki?.value === match.mki?.value && mki?.length === match.mki?.length
    );
  });
}

/** The lines as they are printed. */
export function printedLines(lines: readonly CryptoAttribute[], sdes: SdesFlags): string[] {
  return ordered(lines, sdes.order).map((line) => {
    const [first, ...rest] = line.keys;
    const lifetime = sdes.lifetime ? { lifetime: '2^31' } : {};
    const keys = [{ ...first, ...lifetime }, ...rest.map((key) => ({ ...key, ...lifetime }))] as const;
    return `crypto:${formatCrypto({ ...line, keys }, sdes)}`;
  });
}

export function formatLines(lines: readonly CryptoAttribute[]): string {
  if (lines.length === 0) return '';
  const texts = lines.map((line) =>
    formatCrypto({ ...line, keys: withoutLifetimes(line.keys) }, { pad: false }),
  );
  return detach(texts.join('\n'));
}

export function readLines(text: string): readonly CryptoAttribute[] {
  if (text === '') return [];
  return text.split('\n').flatMap((line) => parseCrypto(line) ?? []);
}

export function readLine(text: string): CryptoAttribute {
  const line = parseCrypto(text);
  if (line === undefined) throw new Error('a call holds a crypto line that cannot be read');
  return line;
}

function freshKey(suite: CryptoSuite, draws: Draws): CryptoAttribute['keys'] {
  return [{ keyAndSalt: draws.base64(keyAndSaltBytes(suite)) }];
}

function withoutLifetimes([first, ...rest]: CryptoAttribute['keys']): CryptoAttribute['keys'] {
  return [withoutLifetime(first), ...rest.map(withoutLifetime)];
}

function withoutLifetime({ keyAndSalt, mki }: CryptoKey): CryptoKey {
  return mki === undefined ? { keyAndSalt } : { keyAndSalt, mki };
}

function isWanted(suite: CryptoSuite, { only, exclude }: SdesFlags): boolean {
  return only.length > 0 ? named(only, suite) : !named(exclude, suite);
}

function named(suites: readonly string[], suite: CryptoSuite): boolean {
  return suites.some((name) => name.toUpperCase() === suite);
}

/** Those that are named come first, in the order of the names. */
function ordered(lines: readonly CryptoAttribute[], names: readonly string[]): readonly CryptoAttribute[] {
  if (names.length === 0) return lines;
  const rank = ({ suite }: CryptoAttribute) => {
    const at = names.findIndex((name) => name.toUpperCase() === suite);
    return at < 0 ? names.length : at;
  };
  return [...lines].sort((one, other) => rank(one) - rank(other));
}

/** Session parameters as the client wants them: set, cleared, or as they are. */
function withFlags(parameters: readonly string[], sdes: SdesFlags): readonly string[] {
  const asked: readonly (readonly [string, boolean | undefined])[] = [
    ['UNENCRYPTED_SRTP', sdes.unencryptedSrtp],
    ['UNENCRYPTED_SRTCP', sdes.unencryptedSrtcp],
    ['UNAUTHENTICATED_SRTP', sdes.unauthenticatedSrtp],
  ];
  let changed = parameters;
  for (const [name, isSet] of asked) {
    if (isSet === undefined || hasParameter(changed, name) === isSet) continue;
    changed = isSet ? [...changed, name] : changed.filter((other) => other.toUpperCase() !== name);
  }
  return changed;
}

export function hasParameter(parameters: readonly string[], name: string): boolean {
  return parameters.some((parameter) => parameter.toUpperCase() === name);
}

function sameParameters(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => hasParameter(other, name.toUpperCase()));
}

const HALVES = new Set(['UNENCRYPTED_SRTP', 'UNAUTHENTICATED_SRTP']);
