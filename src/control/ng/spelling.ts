/** The hyphenated spelling and the one with another separator (blank, underscore) instead. */
export function spelled(name: string, separators: '- ' | '- _'): readonly string[] {
  const spellings = [name, name.replaceAll('-', ' ')];
  if (separators === '- _') spellings.push(name.replaceAll('-', '_'));
  return spellings;
}

/** The spelling with an acronym in capitals (`trickle-ICE`) and the one without. */
export function eitherCase(...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [name, name.toLowerCase()]);
}

/** A table in which every entry can be found under each of its spellings. */
export function table<T>(
  ...entries: readonly (readonly [spellings: string | readonly string[], value: T])[]
): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const [spellings, value] of entries) {
    for (const spelling of typeof spellings === 'string' ? [spellings] : spellings)
      found.set(spelling, value);
  }
  return found;
}
