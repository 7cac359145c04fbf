/** Pieces of JSON, for what is written so often that the way by objects would be too dear. */
export function quotedJson(text: string): string {
  return isPlainWord(text) || !UNUSUAL.test(text) ? `"${text}"` : JSON.stringify(text);
}

export function orNull<T>(value: T | null, write: (value: T) => string): string {
  return value === null ? 'null' : write(value);
}

export function listOf<T>(members: readonly T[], write: (member: T) => string): string {
  let text = '[';
  for (const member of members) text += text === '[' ? write(member) : `,${write(member)}`;
  return `${text}]`;
}

/**
 * A short text that JSON and memos have as it is. Of most texts this tells sooner than a regular expression is called;
 * of others it says nothing.
 */
export function isPlainWord(text: string): boolean {
  if (text.length > MAX_WORD) return false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < SPACE || code >= TILDE || code === QUOTATION_MARK || code === BACKSLASH) return false;
  }
  return true;
}

/** What JSON writes in another way. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNUSUAL = /["\\\x00-\x1f\ud800-\udfff]/;

const MAX_WORD = 32;
const SPACE = 0x20;
const QUOTATION_MARK = 0x22;
const BACKSLASH = 0x5c;
const TILDE = 0x7e;
