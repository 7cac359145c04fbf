import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export const proxyCore = 1;
export const generatorCore = 0;

/** Autogroups outweigh nice values between sessions; without them (or the right to change them) nothing is lost. */
export function prefer(process: number | undefined): void {
  try {
    writeFileSync(`/proc/${process}/autogroup`, '-19');
  } catch {
    return;
  }
}

/** A process and its descendants, parents first. */
export function family(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = parentOf(Number(entry));
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const below = (process: number): number[] => [process, ...(children.get(process) ?? []).flatMap(below)];
  return below(root);
}

function parentOf(process: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

/** Name of a process, for the split of its proxy's figures. */
export function processName(process: number): string {
  return readFileSync(`/proc/${process}/comm`, 'latin1').trim();
}

/** Resident memory of a process, shared pages counted in proportion, in bytes. */
export function residentBytes(process: number): number {
  const rollup = readFileSync(`/proc/${process}/smaps_rollup`, 'latin1');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? Number.NaN) * 1024;
}
