import { saturated } from './value.js';

/** Bencode written piece by piece, for replies that are too large to be built as data first. */
export function textOf(text: string): string {
  return `${text.length}:${text}`;
}

export function integerOf(number: number): string {
  return `i${Math.trunc(saturated(number)) || 0}e`;
}

export function dictionaryOf(entries: string): string {
  return `d${entries}e`;
}

export function listOf(members: string): string {
  return `l${members}e`;
}

export function textAt(key: string, text: string): string {
  return `${key.length}:${key}${text.length}:${text}`;
}

export function integerAt(key: string, number: number): string {
  return `${key.length}:${key}${integerOf(number)}`;
}

export function dictionaryAt(key: string, entries: string): string {
  return `${key.length}:${key}d${entries}e`;
}

export function listAt<T>(key: string, members: readonly T[], write: (member: T) => string): string {
  let text = '';
  for (const member of members) text += write(member);
  return `${key.length}:${key}l${text}e`;
}
