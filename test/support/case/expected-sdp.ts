/**
 * Placeholders of expected text: `{port:b}` is some port, the same one wherever it is named, and no other name has it;
 * `{port:b+1}` the next one; `{text:x}` some word, the same one everywhere and no other name has it; `{any}` anything.
 */
export class Placeholders {
  readonly #ports = new Map<string, number>();
  readonly #texts = new Map<string, string>();

  port(name: string): number | undefined {
    return this.#ports.get(name);
  }

  nameOf(port: number): string | undefined {
    for (const [name, bound] of this.#ports) if (bound === port) return name;
    return undefined;
  }

  bindPort(name: string, port: number): void {
    this.#ports.set(name, port);
  }

  /** What is known goes in; the rest stays as written. */
  fill(expected: string): string {
    return expected
      .replace(PORT, (whole, name: string, offset: string | undefined) => {
        const port = this.#ports.get(name);
        return port === undefined ? whole : String(port + Number(offset ?? 0));
      })
      .replace(TEXT, (whole, name: string) => this.#texts.get(name) ?? whole);
  }

  /** Compares, and binds what was not known yet. */
  match(expected: string, actual: string): boolean {
    const unknown: ((text: string) => boolean)[] = [];
    const pattern = this.fill(expected)
      .split(/(\{[^}]*\})/)
      .map((part) => this.#pattern(part, unknown))
      .join('');
    const found = new RegExp(`^${pattern}$`).exec(actual);
    return found !== null && unknown.every((bind, index) => bind(found[index + 1] ?? ''));
  }

  #pattern(part: string, unknown: ((text: string) => boolean)[]): string {
    if (part === '{any}') return '.*';
    const port = /^\{port:(\w+)(\+1)?\}$/.exec(part);
    if (port) {
      const [, name = '', offset = '0'] = port;
      unknown.push((text) => this.#learnPort(name, Number(text) - Number(offset)));
      return '(\\d+)';
    }
    const word = /^\{text:(\w+)\}$/.exec(part);
    if (word) {
      const [, name = ''] = word;
      unknown.push((text) => {
        const known = this.#texts.get(name);
        if (known !== undefined) return known === text;
        if ([...this.#texts.values()].includes(text)) return false;
        this.#texts.set(name, text);
        return true;
      });
      return '(\\S+)';
    }
    return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  }

  #learnPort(name: string, port: number): boolean {
    const known = this.#ports.get(name);
    if (known !== undefined) return known === port;
    if (port <= 0 || this.nameOf(port) !== undefined) return false;
    this.#ports.set(name, port);
    return true;
  }
}

/**
 * The expected body as it should be compared with the actual one: lines that match are taken over from it, so what
 * remains different is what a reader has to see. Session lines are only those the expectation names, unless it is a
 * whole body (begins with `v=`).
 */
export function resolveExpected(
  expected: readonly string[],
  actual: readonly string[],
  placeholders: Placeholders,
): { readonly expected: readonly string[]; readonly actual: readonly string[] } {
  const whole = expected[0]?.startsWith('v=') ?? false;
  const [wantedSession, wantedMedias] = splitAtMedia(expected);
  const [givenSession, givenMedias] = splitAtMedia(actual);
  const session = whole ? givenSession : namedLines(wantedSession, givenSession, placeholders);
  return {
    expected: [
      ...resolveLines(wantedSession, session, placeholders),
      ...resolveLines(wantedMedias, givenMedias, placeholders),
    ],
    actual: [...session, ...givenMedias],
  };
}

function resolveLines(
  expected: readonly string[],
  actual: readonly string[],
  placeholders: Placeholders,
): readonly string[] {
  return expected.map((line, index) => {
    const given = actual[index];
    return given !== undefined && placeholders.match(line, given) ? given : placeholders.fill(line);
  });
}

/** The actual lines that the expectation speaks of: those it matches, else those of the same kind. */
function namedLines(
  expected: readonly string[],
  actual: readonly string[],
  placeholders: Placeholders,
): readonly string[] {
  return expected.flatMap((line) => {
    const same = actual.find((given) => placeholders.match(line, given));
    const similar = actual.find((given) => given.slice(0, 2) === line.slice(0, 2) && !given.startsWith('a='));
    return same ?? similar ?? [];
  });
}

function splitAtMedia(lines: readonly string[]): [readonly string[], readonly string[]] {
  const first = lines.findIndex((line) => line.startsWith('m='));
  return first < 0 ? [lines, []] : [lines.slice(0, first), lines.slice(first)];
}

const PORT = /\{port:(\w+)(\+1)?\}/g;
const TEXT = /\{text:(\w+)\}/g;
