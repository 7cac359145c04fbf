/** Notices addresses that come to this host while it runs, as keepalived moves them. */
export class AddressWatch {
  readonly #read: () => ReadonlySet<string>;
  #known: ReadonlySet<string>;
  readonly #arrived = new Set<string>();

  constructor(read: () => ReadonlySet<string>) {
    this.#read = read;
    this.#known = read();
  }

  /** Those that came and are still here. */
  get arrived(): ReadonlySet<string> {
    return this.#arrived;
  }

  /** True if one has come since the last look. */
  look(): boolean {
    const now = this.#read();
    const arrivals = [...now].filter((address) => !this.#known.has(address));
    for (const address of this.#arrived) if (!now.has(address)) this.#arrived.delete(address);
    for (const address of arrivals) this.#arrived.add(address);
    this.#known = now;
    return arrivals.length > 0;
  }
}
