/** The fields of one object of the record. */
export class Fields {
  readonly #fields: ReadonlyMap<string, unknown>;

  constructor(value: unknown) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NotARecord();
    this.#fields = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    return this.#fields.get(name) !== undefined;
  }

  text(name: string): string {
    return text(this.#fields.get(name));
  }

  number(name: string): number {
    return number(this.#fields.get(name));
  }

  flag(name: string): boolean {
    return this.#fields.get(name) === 1;
  }

  list(name: string): readonly unknown[] {
    return this.has(name) ? listOf(this.#fields.get(name)) : [];
  }

  maybe<T>(name: string, read: (value: unknown) => T): T | undefined {
    return this.has(name) ? read(this.#fields.get(name)) : undefined;
  }

  /** `{ key: value }` to be spread, or nothing. */
  optional<K extends string, T>(key: K, name: string, read: (value: unknown) => T): { [P in K]?: T } {
    if (!this.has(name)) return {};
    const found: { [P in K]?: T } = {};
    found[key] = read(this.#fields.get(name));
    return found;
  }
}

export class NotARecord extends Error {}

export function fail(): never {
  throw new NotARecord();
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : fail();
}

export function number(value: unknown): number {
  return typeof value === 'number' ? value : fail();
}

export function numberOrNull(value: unknown): number | null {
  return value === null ? null : number(value);
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : fail();
}

export function oneOf<const T extends string>(value: string, allowed: readonly T[]): T {
  return allowed.find((candidate) => candidate === value) ?? fail();
}
