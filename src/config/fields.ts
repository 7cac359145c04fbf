import { suggestion } from './suggestion.js';
import type { Mistake, Value } from './value.js';

/** One mapping of the configuration while it is read: each key is asked for once, then `finish` reports the rest. */
export type Section = {
  readonly path: string;
  readonly where: string;
  readonly entries: ReadonlyMap<string, Value>;
  readonly known: Set<string>;
  readonly mistakes: Mistake[];
};

export function section(value: Value | undefined, path: string, mistakes: Mistake[]): Section {
  const empty = { path, where: value?.where ?? '', entries: new Map(), known: new Set<string>(), mistakes };
  if (value === undefined || isNull(value)) return empty;
  if (value.kind === 'map') return { ...empty, entries: value.entries };
  mistakes.push({ where: value.where, path, text: `${shown(value)} is not a mapping of keys to values` });
  return empty;
}

export function subsection(parent: Section, key: string): Section {
  return section(take(parent, key), pathOf(parent, key), parent.mistakes);
}

/** Reports every key nobody asked for. `elsewhere` names keys other programs use for ours. */
export function finish(section: Section, elsewhere: ReadonlyMap<string, string> = new Map()): void {
  for (const [key, value] of section.entries) {
    if (section.known.has(key)) continue;
    const meant = elsewhere.get(key.toLowerCase().replaceAll('_', '-')) ?? suggestion(key, section.known);
    const hint = meant === undefined ? '' : `, did you mean ${meant}?`;
    section.mistakes.push({ where: value.where, path: pathOf(section, key), text: `unknown key${hint}` });
  }
}

export type IntegerRule = {
  readonly min: number;
  readonly max: number;
  /** How a value of the range is called, e.g. `a port`. */
  readonly what: string;
};

export function integer(section: Section, key: string, rule: IntegerRule, fallback: number): number {
  const value = take(section, key);
  if (value === undefined) return fallback;
  if (value.kind === 'scalar' && typeof value.value === 'number' && inRange(value.value, rule))
    return value.value;
  return refuse(section, key, value, `${rule.what} (${rule.min}-${rule.max})`, fallback);
}

/** As `integer`; an empty value or the word `none` (`off`, `auto`) means that there is no number. */
export function optionalInteger(
  section: Section,
  key: string,
  { none, ...rule }: IntegerRule & { readonly none: 'off' | 'auto' },
  fallback: number | null,
): number | null {
  const value = take(section, key);
  if (value === undefined) return fallback;
  if (isNull(value) || (value.kind === 'scalar' && value.value === none)) return null;
  return integer(section, key, { ...rule, what: `${none} or ${rule.what}` }, 0);
}

/** A number that need not be whole; `off` or nothing: there is none. */
export function optionalNumber(
  section: Section,
  key: string,
  { min, max, what }: IntegerRule,
): number | null {
  const value = take(section, key);
  if (value === undefined || isNull(value)) return null;
  if (value.kind === 'scalar') {
    const { value: written } = value;
    if (written === 'off') return null;
    if (typeof written === 'number' && written >= min && written <= max) return written;
  }
  return refuse(section, key, value, `off or ${what} (${min}-${max})`, null);
}

export function boolean(section: Section, key: string, fallback: boolean): boolean {
  const value = take(section, key);
  if (value === undefined) return fallback;
  if (value.kind === 'scalar' && typeof value.value === 'boolean') return value.value;
  return refuse(section, key, value, 'true or false', fallback);
}

export function choice<T extends string>(section: Section, key: string, among: readonly T[], fallback: T): T {
  const value = take(section, key);
  if (value === undefined) return fallback;
  // YAML 1.2 keeps `off` a string, but people also write `false`.
  const text = value.kind === 'scalar' ? (value.value === false ? 'off' : value.value) : undefined;
  const found = among.find((candidate) => candidate === text);
  return found ?? refuse(section, key, value, `one of ${among.join(', ')}`, fallback);
}

/** A text that is not empty; `undefined` if the key is not set. */
export function text(section: Section, key: string): string | undefined {
  const value = take(section, key);
  if (value === undefined || isNull(value)) return undefined;
  if (value.kind === 'scalar' && typeof value.value === 'string' && value.value !== '') return value.value;
  if (value.kind === 'scalar' && typeof value.value === 'number') return String(value.value);
  return refuse(section, key, value, 'a text', undefined);
}

/** The items of a list with their paths. A single value counts as a list of one. */
export function list(section: Section, key: string): readonly { value: Value; path: string }[] | undefined {
  const value = take(section, key);
  if (value === undefined) return undefined;
  const path = pathOf(section, key);
  if (isNull(value)) return [];
  const items = value.kind === 'list' ? value.items : separated(value);
  return items.map((item, index) => ({
    value: item,
    path: items.length > 1 || value.kind === 'list' ? `${path}[${index}]` : path,
  }));
}

export function take(section: Section, key: string): Value | undefined {
  section.known.add(key);
  return section.entries.get(key);
}

export function pathOf(section: Section, key: string): string {
  return section.path === '' ? key : `${section.path}.${key}`;
}

export function mistake(section: Section, key: string, text: string): void {
  const where = section.entries.get(key)?.where ?? section.where;
  section.mistakes.push({ where, path: pathOf(section, key), text });
}

/** A value as it is repeated in a mistake. */
export function shown(value: Value): string {
  switch (value.kind) {
    case 'scalar':
      return value.value === null ? 'nothing' : excerpt(String(value.value));
    case 'list':
      return 'a list';
    case 'map':
      return 'a mapping';
  }
}

/** Whatever file was taken for a configuration, the terminal stays as it was. */
function excerpt(text: string): string {
  const harmless = text.replace(/\p{Cc}/gu, '\ufffd');
  return harmless.length > LONGEST_SHOWN ? `${harmless.slice(0, LONGEST_SHOWN)}…` : harmless;
}

function refuse<T>(section: Section, key: string, value: Value, expected: string, fallback: T): T {
  mistake(section, key, `${shown(value)} is not ${expected}`);
  return fallback;
}

/** `a; b` and `a, b` are lists too, as in an environment variable. */
function separated(value: Value): readonly Value[] {
  if (value.kind !== 'scalar' || typeof value.value !== 'string') return [value];
  const items = value.value.split(/[;,]/).map((item) => item.trim());
  return items.filter((item) => item !== '').map((item) => ({ ...value, value: item }));
}

function inRange(value: number, { min, max }: IntegerRule): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function isNull(value: Value): boolean {
  return value.kind === 'scalar' && value.value === null;
}

const LONGEST_SHOWN = 80;
