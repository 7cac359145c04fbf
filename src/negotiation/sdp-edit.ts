import type { SdpAttributeEdit } from '../command/flags.js';

/** Carries out `sdp-attr` on the lines of one section, textually and at the very end. A text may be several lines. */
export function editAttributes(
  lines: readonly string[],
  edit: SdpAttributeEdit | undefined,
): readonly string[] {
  if (edit === undefined) return lines;
  const edited: string[] = [];
  for (const line of lines.flatMap((text) => text.split('\r\n'))) {
    if (!line.startsWith('a=')) {
      edited.push(line);
      continue;
    }
    const attribute = line.slice(2);
    if (edit.remove.some((pattern) => matches(attribute, pattern))) continue;
    const replacement = edit.substitute.find(([from]) => matches(attribute, from));
    edited.push(replacement ? `a=${oneLine(replacement[1])}` : line);
  }
  for (const text of edit.add) edited.push(`a=${oneLine(text)}`);
  return edited;
}

/** By name, by name and first word of the value, or by the whole text. */
function matches(attribute: string, pattern: string): boolean {
  if (attribute === pattern) return true;
  if (!attribute.startsWith(pattern)) return false;
  const next = attribute[pattern.length];
  return pattern.includes(':') ? next === ' ' : next === ':';
}

/** An attribute from a client must not become several lines. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, '');
}
