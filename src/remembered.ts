/** A pure function of an object that never changes, worked out once for each object. */
export function remembered<K extends object, V extends object | string>(make: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) return before;
    const made = make(key);
    known.set(key, made);
    return made;
  };
}

/** The same for two objects. */
export function rememberedOfTwo<A extends object, B extends object, V extends object>(
  make: (one: A, other: B) => V,
): (one: A, other: B) => V {
  const ofFirst = remembered((one: A) => remembered((other: B) => make(one, other)));
  return (one, other) => ofFirst(one)(other);
}
