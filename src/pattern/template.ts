import { remembered } from '../remembered.js';

/** Data or text with gaps: `fill` puts values into them, `gaps` tells where they are. */
export type Template<T> = {
  readonly fill: (values: readonly string[]) => T;
  readonly gaps: () => readonly Gap[];
};

/** Some text that depends on values: `texts[0] values[at[0]] texts[1] …`. A number is the text of its digits. */
export type Gap = {
  /** Where it is in the data; empty for a text that is a template itself. */
  readonly path: readonly (string | number)[];
  readonly texts: readonly string[];
  readonly at: readonly number[];
};

/** Unusual values, each known by its place in the list of values it stands for. */
export type StandIns = readonly string[];

/** One result of the same computation, with the stand-ins that went into it. */
export type Sample<T> = { readonly result: T; readonly standIns: StandIns };

/**
 * Finds the stand-ins in two results of the same computation and leaves gaps in their place. `undefined` if the
 * results differ in anything else: then the computation did more with the values than pass them on.
 */
export function templateOf<T>(one: Sample<T>, other: Sample<T>): Template<T> | undefined {
  const node = nodeOf(one.result, other.result, {
    one: finder(one.standIns),
    other: finder(other.standIns),
  });
  // The node was made from values of this type, part by part.
  return node && { fill: (values) => instance(node, values) as T, gaps: () => gapsOf(node, []) };
}

type Node =
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'number'; readonly at: number }
  /** `texts[0] values[at[0]] texts[1] …`: one text more than gaps. */
  | { readonly kind: 'text'; readonly texts: readonly string[]; readonly at: readonly number[] }
  | { readonly kind: 'list'; readonly members: readonly Node[] }
  | {
      readonly kind: 'object';
      readonly model: Readonly<Record<string, unknown>>;
      readonly gaps: readonly (readonly [key: string, node: Node])[];
    };

type Finders = { readonly one: Finder; readonly other: Finder };

function nodeOf(one: unknown, other: unknown, finders: Finders): Node | undefined {
  if (typeof one === 'string' && typeof other === 'string') return textNode(one, other, finders);
  if (Object.is(one, other)) return { kind: 'constant', value: one };
  if (typeof one === 'number' && typeof other === 'number') return numberNode(one, other, finders);
  if (Array.isArray(one) && Array.isArray(other)) return listNode(one, other, finders);
  return isPlain(one) && isPlain(other) ? objectNode(one, other, finders) : undefined;
}

function textNode(one: string, other: string, finders: Finders): Node | undefined {
  const [found, again] = [finders.one.split(one), finders.other.split(other)];
  if (found.at.length === 0 && one === other) return { kind: 'constant', value: one };
  return sameMembers(found.at, again.at) && sameMembers(found.texts, again.texts)
    ? { kind: 'text', ...found }
    : undefined;
}

function numberNode(one: number, other: number, finders: Finders): Node | undefined {
  const at = finders.one.indexOf(String(one));
  return at !== undefined && at === finders.other.indexOf(String(other)) ? { kind: 'number', at } : undefined;
}

function listNode(one: readonly unknown[], other: readonly unknown[], finders: Finders): Node | undefined {
  if (one.length !== other.length) return undefined;
  const members: Node[] = [];
  for (const [index, member] of one.entries()) {
    const node = nodeOf(member, other[index], finders);
    if (node === undefined) return undefined;
    members.push(node);
  }
  return members.every(isConstant) ? { kind: 'constant', value: one } : { kind: 'list', members };
}

function objectNode(one: Plain, other: Plain, finders: Finders): Node | undefined {
  const keys = Object.keys(one);
  if (!sameMembers(keys, Object.keys(other))) return undefined;
  const gaps: [string, Node][] = [];
  const model: Record<string, unknown> = {};
  for (const key of keys) {
    const node = nodeOf(one[key], other[key], finders);
    if (node === undefined) return undefined;
    model[key] = node.kind === 'constant' ? node.value : one[key];
    if (node.kind !== 'constant') gaps.push([key, node]);
  }
  return gaps.length === 0 ? { kind: 'constant', value: one } : { kind: 'object', model, gaps };
}

function instance(node: Node, values: readonly string[]): unknown {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'number':
      return Number(values[node.at]);
    case 'text':
      return filled(node.texts, node.at, values);
    case 'list':
      return node.members.map((member) => instance(member, values));
    case 'object': {
      const copy: Record<string, unknown> = { ...node.model };
      for (const [key, gap] of node.gaps) copy[key] = instance(gap, values);
      return copy;
    }
  }
}

function gapsOf(node: Node, path: readonly (string | number)[]): readonly Gap[] {
  switch (node.kind) {
    case 'constant':
      return [];
    case 'number':
      return [{ path, texts: ['', ''], at: [node.at] }];
    case 'text':
      return [{ path, texts: node.texts, at: node.at }];
    case 'list':
      return node.members.flatMap((member, index) => gapsOf(member, [...path, index]));
    case 'object':
      return node.gaps.flatMap(([key, gap]) => gapsOf(gap, [...path, key]));
  }
}

function filled(texts: readonly string[], at: readonly number[], values: readonly string[]): string {
  let text = texts[0] ?? '';
  for (let gap = 0; gap < at.length; gap += 1) text += `${values[at[gap] ?? 0] ?? ''}${texts[gap + 1] ?? ''}`;
  return text;
}

type Finder = {
  indexOf(value: string): number | undefined;
  split(text: string): { readonly texts: readonly string[]; readonly at: readonly number[] };
};

/** The same for all results of a computation. */
const finder = remembered((standIns: StandIns): Finder => {
  const indices = new Map(standIns.map((value, index) => [value, index]));
  const pattern = new RegExp(`(${[...indices.keys()].map(escaped).join('|')})`);
  return {
    indexOf: (value) => indices.get(value),
    split(text) {
      // Split by a group: texts and what stood between them, in turns.
      const parts = text.split(pattern);
      return {
        texts: parts.filter((_, index) => index % 2 === 0),
        at: parts.filter((_, index) => index % 2 === 1).map((value) => indices.get(value) ?? 0),
      };
    },
  };
});

type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isConstant(node: Node): boolean {
  return node.kind === 'constant';
}

function sameMembers(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((member, index) => member === other[index]);
}

function escaped(text: string): string {
  return text.replace(/[.\\]/g, '\\$&');
}
