import type { StepOutcome } from './run-case.js';

/** The text of a case with its `--- out` sections replaced by what came out, ports named as far as they are known. */
export function updatedCase(text: string, outcomes: readonly StepOutcome[]): string {
  const lines = text.split('\n');
  const names = new PortNames();
  const edits = outcomes.flatMap(({ step, sdp }) => {
    const section = step.sections.get('out');
    return section === undefined || sdp === undefined ? [] : [{ section, sdp }];
  });
  let shift = 0;
  for (const { section, sdp } of edits) {
    const whole = section.lines[0]?.startsWith('v=') ?? false;
    const firstMedia = sdp.findIndex((line) => line.startsWith('m='));
    const named = section.lines.filter(
      (line) => !whole && !/^[mc]=/.test(line) && isBeforeMedia(section.lines, line),
    );
    const replacement = [...named, ...names.applyTo(whole || firstMedia < 0 ? sdp : sdp.slice(firstMedia))];
    const start = section.line - 1 + shift;
    let end = start;
    while (end < lines.length && !isBoundary(lines[end] ?? '')) end += 1;
    while (end > start && lines[end - 1] === '') end -= 1;
    lines.splice(start, end - start, ...replacement);
    shift += replacement.length - (end - start);
  }
  return lines.join('\n');
}

class PortNames {
  readonly #names = new Map<number, string>();

  applyTo(sdp: readonly string[]): string[] {
    return sdp.map((line) => {
      const media = /^m=(\S+) (\d+)(?= )/.exec(line);
      if (media && media[2] !== '0') return line.replace(/ \d+/, ` {port:${this.#nameOf(Number(media[2]))}}`);
      const rtcp = /^a=rtcp:(\d+)/.exec(line);
      if (!rtcp) return line;
      const port = Number(rtcp[1]);
      const base = this.#names.get(port - 1);
      const name = base === undefined ? this.#nameOf(port) : `${base}+1`;
      return line.replace(/\d+/, `{port:${name}}`);
    });
  }

  #nameOf(port: number): string {
    const name = this.#names.get(port) ?? `p${this.#names.size + 1}`;
    this.#names.set(port, name);
    return name;
  }
}

function isBeforeMedia(lines: readonly string[], line: string): boolean {
  const firstMedia = lines.findIndex((other) => other.startsWith('m='));
  return firstMedia < 0 || lines.indexOf(line) < firstMedia;
}

function isBoundary(line: string): boolean {
  return line.startsWith('--- ') || /^(?:offer|answer|delete|wait|(?:un)?(?:block|silence) )/.test(line);
}
