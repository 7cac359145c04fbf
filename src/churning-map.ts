/**
 * A map for entries that come and go all the time.
 *
 * A plain Map replaces its table every few changes then, and V8 links each table to the one that follows. Once one
 * of them has grown old, all later ones survive every young collection, with everything that was ever in them. So the
 * map is begun anew from time to time, which ends the chain.
 */
export class ChurningMap<K, V> implements Iterable<readonly [K, V]> {
  #map = new Map<K, V>();
  #changes = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#changes += 1;
    if (this.#changes > LEAST_CHANGES && this.#changes > this.#map.size) {
      this.#map = new Map(this.#map);
      this.#changes = 0;
    }
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    return this.#map.delete(key);
  }

  clear(): void {
    this.#map = new Map();
  }

  keys(): Iterable<K> {
    return this.#map.keys();
  }

  values(): Iterable<V> {
    return this.#map.values();
  }

  [Symbol.iterator](): Iterator<readonly [K, V]> {
    return this.#map[Symbol.iterator]();
  }
}

const LEAST_CHANGES = 500;
