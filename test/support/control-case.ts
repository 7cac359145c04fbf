/**
 * Cases of control protocols: datagrams in, datagrams out. The first line says what the case shows, lines that
 * begin with `#` are remarks, then come steps:
 *
 *     --- from 192.0.2.1:5000      a datagram arrives (its text follows)
 *     --- reply                    … and is answered with exactly this
 *     --- no reply
 *     --- wait 31 s                time passes
 *     --- executed 2               so many commands have been executed since the start
 *
 * In a datagram `\r`, `\n`, `\\` and `\xNN` stand for one byte, `{text*N}` for N times the text; its last line
 * end does not count.
 */
export type ControlStep =
  | { readonly kind: 'datagram'; readonly address: string; readonly port: number; readonly bytes: string }
  | { readonly kind: 'reply'; readonly bytes: string }
  | { readonly kind: 'no reply' }
  | { readonly kind: 'wait'; readonly seconds: number }
  | { readonly kind: 'executed'; readonly count: number };

export type ControlCase = { readonly title: string; readonly steps: readonly ControlStep[] };

export function parseControlCase(text: string): ControlCase {
  const [head = '', ...sections] = text.split(/^--- /m);
  const title = head.split('\n').find((line) => line !== '' && !line.startsWith('#')) ?? '';
  return { title, steps: sections.map(parseStep) };
}

function parseStep(section: string): ControlStep {
  const lineEnd = section.indexOf('\n');
  const heading = (lineEnd < 0 ? section : section.slice(0, lineEnd)).trim();
  const body = lineEnd < 0 ? '' : section.slice(lineEnd + 1).replace(/\n+$/, '');
  const from = /^from (.+):(\d+)$/.exec(heading);
  if (from?.[1] !== undefined) {
    return { kind: 'datagram', address: from[1], port: Number(from[2]), bytes: bytesOf(body) };
  }
  const wait = /^wait (\d+) s$/.exec(heading);
  if (wait !== null) return { kind: 'wait', seconds: Number(wait[1]) };
  const executed = /^executed (\d+)$/.exec(heading);
  if (executed !== null) return { kind: 'executed', count: Number(executed[1]) };
  if (heading === 'reply') return { kind: 'reply', bytes: bytesOf(body) };
  if (heading === 'no reply') return { kind: 'no reply' };
  throw new Error(`no such step: ${heading}`);
}

function bytesOf(body: string): string {
  return body
    .replace(/\{([^{}]+)\*(\d+)\}/g, (_, repeated: string, times: string) => repeated.repeat(Number(times)))
    .replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (_, hex: string | undefined, letter: string | undefined) =>
      hex === undefined
        ? (ESCAPES.get(letter ?? '') ?? letter ?? '')
        : String.fromCharCode(Number.parseInt(hex, 16)),
    );
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['r', '\r'],
  ['n', '\n'],
]);
