/** A command line cut into words: the command's and those of each sub-command behind `&&`. */
export type Words = { readonly main: readonly string[]; readonly after: readonly (readonly string[])[] };

/** `undefined`: nothing there, a NUL, or more than there may be. */
export function splitWords(line: string): Words | undefined {
  const groups: string[][] = [[]];
  for (const word of line.split(/[ \t\r\n]+/)) {
    if (word === '') continue;
    if (word === '&&') groups.push([]);
    else groups.at(-1)?.push(word);
  }
  const [main = [], ...after] = groups;
  const isEmpty = main.length === 0 || after.some((words) => words.length === 0);
  if (isEmpty || after.length > MAX_SUB_COMMANDS) return undefined;
  if (groups.some((words) => words.length > MAX_WORDS || words.some(hasNul))) return undefined;
  return { main, after };
}

/**
 * NUL has no place in a word. Kamailio sends such bytes all the same, behind the `Z` of the second and later media,
 * so they are let pass between modifiers.
 */
function hasNul(word: string, position: number): boolean {
  return position > 0 && word.includes('\0');
}

const MAX_WORDS = 23;
const MAX_SUB_COMMANDS = 15;
