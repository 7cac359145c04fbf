import { decimalUpTo, words } from './attributes.js';
import { type Direction, parseDirection } from './direction.js';

/** `a=extmap` (RFC 8285 §5). */
export type Extmap = {
  readonly id: number;
  readonly direction?: Direction;
  readonly uri: string;
  /** Extension attributes, as spelled. */
  readonly parameters: readonly string[];
};

export function parseExtmap(value: string): Extmap | undefined {
  const [target, uri, ...parameters] = words(value);
  if (target === undefined || uri === undefined) return undefined;
  const slash = target.indexOf('/');
  const id = decimalUpTo(slash < 0 ? target : target.slice(0, slash), 65_535);
  if (id === undefined) return undefined;
  if (slash < 0) return { id, uri, parameters };
  const direction = parseDirection(target.slice(slash + 1));
  return direction && { id, direction, uri, parameters };
}

/** Takes those that a whole description may share: every section gets them all, so they are few and short. */
export class SharedExtmaps {
  readonly list: Extmap[] = [];
  #length = 0;

  add(extmap: Extmap): void {
    const { id } = extmap;
    if (id < 1 || id > MAX_SHARED_ID || this.list.some((other) => other.id === id)) return;
    this.#length += formatExtmap(extmap).length;
    if (this.#length <= MAX_SHARED_LENGTH) this.list.push(extmap);
  }
}

/** RFC 8285 §4.3. */
const MAX_SHARED_ID = 255;
/** Three times what browsers use. */
const MAX_SHARED_LENGTH = 3_000;

export function formatExtmap(extmap: Extmap): string {
  const target = extmap.direction === undefined ? `${extmap.id}` : `${extmap.id}/${extmap.direction}`;
  return [target, extmap.uri, ...extmap.parameters].join(' ');
}
