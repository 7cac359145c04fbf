/** A line of an INI file. */
export type IniEntry = { readonly key: string; readonly value: string; readonly line: number };

export type IniFile = {
  readonly sections: ReadonlyMap<string, readonly IniEntry[]>;
  /** Lines that are neither section, entry, comment nor empty. */
  readonly unreadable: readonly number[];
};

/** Reads an INI file as rtpengine does: `key = value` below `[section]`, comments begin with `#` or `;`. */
export function parseIni(text: string): IniFile {
  const sections = new Map<string, IniEntry[]>();
  const unreadable: number[] = [];
  let current: IniEntry[] | undefined;
  for (const [index, written] of text.split(/\r?\n/).entries()) {
    const line = written.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const section = /^\[([^\]]+)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      current = sections.get(section) ?? [];
      sections.set(section, current);
      continue;
    }
    const entry = /^([^=]+?)\s*=\s*(.*)$/.exec(line);
    if (entry?.[1] === undefined || current === undefined) unreadable.push(index + 1);
    else current.push({ key: entry[1], value: entry[2] ?? '', line: index + 1 });
  }
  return { sections, unreadable };
}
