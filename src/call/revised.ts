/**
 * A copy with changes. `{ ...value, key }` costs V8 more than a microsecond where the key is new to the object, this a
 * fifth of it; a negotiation makes a hundred such copies.
 */
export function revised<T extends object>(value: T, ...changes: readonly Partial<T>[]): T {
  return Object.assign({}, value, ...changes);
}
