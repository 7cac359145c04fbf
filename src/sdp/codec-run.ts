import { Recent } from '../recent.js';
import { detach } from './detach.js';
import type { Line } from './model.js';
import { type PayloadFormat, payloadFormats } from './payloads.js';

/**
 * Consecutive lines about payload types. Browsers of a kind write the same hundred of them in every offer: they are
 * read once, and so is what they come to.
 */
export type CodecRun = {
  /** With the ends of the lines. */
  readonly text: string;
  readonly lines: readonly Line[];
  /** What they say of the formats of the `m=` line they were first seen with; `undefined`: one is no payload type. */
  readonly payloads: readonly PayloadFormat[] | undefined;
};

/** The formats of `m=` lines spelled alike, and the runs that followed such lines. */
export type KnownFormats = { readonly formats: readonly string[]; readonly runs: CodecRun[] };

/** The one list there is for all formats spelled like this. */
export function knownFormats(text: string): KnownFormats {
  const known = recent.get(text);
  if (known !== undefined) return known;
  const own = detach(text);
  const fresh: KnownFormats = { formats: own === '' ? [] : own.split(' ').filter(isWord), runs: [] };
  if (text.length <= MAX_FORMATS_LENGTH) recent.set(own, fresh);
  return fresh;
}

/** The run that begins at a place of a body, if it is one of those seen before. */
export function runAt(text: string, at: number, { runs }: KnownFormats): CodecRun | undefined {
  for (const run of runs) if (text.startsWith(run.text, at)) return run;
  return undefined;
}

/** Remembers a run. Its text is whole lines, each of them about payload types. */
export function rememberRun(text: string, { formats, runs }: KnownFormats): void {
  if (!text.endsWith('\n') || text.length > MAX_RUN_LENGTH) return;
  const own = detach(text);
  const lines = own
    .split('\n')
    .slice(0, -1)
    .map((line): Line => ({ type: 'a', value: line.slice(2, line.endsWith('\r') ? -1 : line.length) }));
  const [first] = lines;
  if (first === undefined || lines.length < MIN_LINES) return;
  const run = { text: own, lines, payloads: payloadFormats(formats, lines) };
  if (runs.length >= MAX_RUNS) runs.pop();
  runs.unshift(run);
  runsByLine.set(first, { run, formats });
}

/** What a run says, where it stands whole in the lines of a section that has the formats it was seen with. */
export function runOf(formats: readonly string[], lines: readonly Line[], at: number): CodecRun | undefined {
  const line = lines[at];
  const known = line && runsByLine.get(line);
  if (known === undefined || known.formats !== formats) return undefined;
  const { run } = known;
  return lines[at + run.lines.length - 1] === run.lines.at(-1) ? run : undefined;
}

/** The line that begins there is about one payload type. */
export function isCodecLine(text: string, at: number): boolean {
  if (text.startsWith('a=rtpmap:', at) || text.startsWith('a=fmtp:', at)) return true;
  return text.startsWith('a=rtcp-fb:', at) && text.charCodeAt(at + 10) !== ASTERISK;
}

function isWord(format: string): boolean {
  return format !== '';
}

const recent = new Recent<KnownFormats>(256);
const runsByLine = new WeakMap<Line, { readonly run: CodecRun; readonly formats: readonly string[] }>();

const ASTERISK = 0x2a;

/** A few lines are as soon read as recognised. */
const MIN_LINES = 3;
/** Programs that offer the same formats may describe them in other words. */
const MAX_RUNS = 6;
const MAX_RUN_LENGTH = 8_192;
const MAX_FORMATS_LENGTH = 512;
