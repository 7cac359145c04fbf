import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** A configured value that knows where it was written: `config/x.yaml:12`, or the environment variable's name. */
export type Value =
  | { readonly kind: 'scalar'; readonly where: string; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly where: string; readonly items: readonly Value[] }
  | { readonly kind: 'map'; readonly where: string; readonly entries: ReadonlyMap<string, Value> };

/** Something that keeps the configuration from being used. */
export type Mistake = { readonly where: string; readonly path: string; readonly text: string };

export function describeMistake({ where, path, text }: Mistake): string {
  return `${where}: ${path === '' ? '' : `${path}: `}${text}`;
}

/** Reads YAML; `name` is how the text is called in mistakes. */
export function parseValue(text: string, name: string): { value: Value; mistakes: readonly Mistake[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number): string => `${name}:${lines.linePos(offset).line}`;
  const mistakes = document.errors.map((error) => ({
    where: lineAt(error.pos[0]),
    path: '',
    text: `not YAML: ${lowerFirst(error.message)}`,
  }));

  const convert = (node: unknown, where: string): Value => {
    if (isAlias(node)) return convert(node.resolve(document), where);
    if (isMap(node)) {
      const entries = new Map<string, Value>();
      for (const pair of node.items) {
        const at = positionOf(pair.key, where, lineAt);
        entries.set(isScalar(pair.key) ? String(pair.key.value) : String(pair.key), convert(pair.value, at));
      }
      return { kind: 'map', where: positionOf(node, where, lineAt), entries };
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => convert(item, positionOf(item, where, lineAt)));
      return { kind: 'list', where, items };
    }
    return { kind: 'scalar', where, value: isScalar(node) ? scalar(node.value) : null };
  };

  return { value: convert(document.contents, `${name}:1`), mistakes };
}

/** Puts `value` at `path`, over what is there. */
export function withValue(root: Value, path: readonly string[], value: Value): Value {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const entries = new Map(root.kind === 'map' ? root.entries : []);
  const below = entries.get(key) ?? { kind: 'map', where: value.where, entries: new Map() };
  entries.set(key, withValue(below, rest, value));
  return { kind: 'map', where: root.where, entries };
}

/** The same for the entries of a map that is being put together. */
export function putAt(entries: Map<string, Value>, path: readonly string[], value: Value): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  const below = entries.get(key) ?? { kind: 'map', where: value.where, entries: new Map() };
  entries.set(key, withValue(below, rest, value));
}

/** Reads the text of an environment variable: YAML, so that numbers and lists can be written. */
export function parseVariable(text: string, name: string): Value {
  const { value, mistakes } = parseValue(text, name);
  const verbatim: Value = { kind: 'scalar', where: name, value: text };
  return mistakes.length > 0 ? verbatim : relocate(value, name);
}

function relocate(value: Value, where: string): Value {
  switch (value.kind) {
    case 'scalar':
      return { ...value, where };
    case 'list':
      return { ...value, where, items: value.items.map((item) => relocate(item, where)) };
    case 'map':
      return {
        ...value,
        where,
        entries: new Map([...value.entries].map(([key, item]) => [key, relocate(item, where)])),
      };
  }
}

function positionOf(node: unknown, fallback: string, lineAt: (offset: number) => string): string {
  const range = isNode(node) ? node.range : undefined;
  return range ? lineAt(range[0]) : fallback;
}

function isNode(node: unknown): node is Node {
  return isMap(node) || isSeq(node) || isScalar(node) || isAlias(node);
}

function scalar(value: unknown): string | number | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : String(value);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
