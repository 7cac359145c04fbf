import { decimalUpTo } from './attributes.js';
import { isCodecLine, type KnownFormats, knownFormats, rememberRun, runAt } from './codec-run.js';
import type { Line, MediaDescription, SessionDescription } from './model.js';

export type ParsedSdp =
  | { readonly ok: true; readonly description: SessionDescription }
  | { readonly ok: false; readonly line: number; readonly reason: string };

/**
 * Reads an SDP body. Lines end in LF or CRLF, the last one may lack its end; an empty line ends the body.
 * Only the shape of lines and the `m=` lines are checked here: a broken attribute is a matter of who reads it.
 */
export function parseSdp(text: string): ParsedSdp {
  if (text.length > MAX_BYTES) return failed(0, `longer than ${MAX_BYTES} bytes`);
  if (!/^v=0\r?(?:\n|$)/.test(text)) return failed(1, 'does not begin with v=0');
  return parseLines(text);
}

/** Reads a fragment of an SDP body (RFC 8840 §9): lines of a session and of medias, without `v=`. */
export function parseFragment(text: string): ParsedSdp {
  if (text.length > MAX_BYTES) return failed(0, `longer than ${MAX_BYTES} bytes`);
  return parseLines(text);
}

function parseLines(text: string): ParsedSdp {
  if (text.includes('\0')) return failed(0, 'contains a NUL byte');

  const sessionLines: Line[] = [];
  const medias: MediaDescription[] = [];
  let lines = sessionLines;
  let known: KnownFormats | undefined;
  let runFrom = -1;
  let newRuns = 0;
  let number = 0;
  let start = 0;
  while (start < text.length) {
    const isInRun = known !== undefined && isCodecLine(text, start);
    if (known !== undefined && isInRun !== runFrom >= 0) {
      const run = isInRun ? runAt(text, start, known) : undefined;
      if (run !== undefined) {
        for (const line of run.lines) lines.push(line);
        number += run.lines.length;
        if (number > MAX_LINES) return failed(number, `more than ${MAX_LINES} lines`);
        start += run.text.length;
        continue;
      }
      if (!isInRun && newRuns < MAX_NEW_RUNS) {
        rememberRun(text.slice(runFrom, start), known);
        newRuns += 1;
      }
      runFrom = isInRun ? start : -1;
    }
    const newline = text.indexOf('\n', start);
    let end = newline < 0 ? text.length : newline;
    const next = newline < 0 ? text.length : newline + 1;
    if (end > start && text.charCodeAt(end - 1) === CARRIAGE_RETURN) end -= 1;
    if (end === start) {
      // What follows would be lost, and with it all media of the call.
      if (medias.length === 0 && text.includes('\nm=', start))
        return failed(number + 1, 'empty line before m=');
      break;
    }

    number += 1;
    if (number > MAX_LINES) return failed(number, `more than ${MAX_LINES} lines`);
    const type = LINE_TYPES[text.charCodeAt(start)];
    if (type === undefined || end < start + 2 || text.charCodeAt(start + 1) !== EQUALS_SIGN) {
      return failed(number, 'not a line of SDP');
    }
    const value = text.slice(start + 2, end);
    if (value.includes('\r')) return failed(number, 'carriage return within a line');
    start = next;

    if (type === 'm') {
      if (medias.length === MAX_MEDIAS) return failed(number, `more than ${MAX_MEDIAS} m= lines`);
      const section = parseMediaLine(value);
      if (typeof section === 'string') return failed(number, section);
      ({ lines, known } = section);
      newRuns = 0;
      medias.push(section.media);
    } else if (type === 'v' && number > 1) {
      return failed(number, 'second v= line');
    } else {
      lines.push({ type, value });
    }
  }
  if (known !== undefined && runFrom >= 0 && newRuns < MAX_NEW_RUNS)
    rememberRun(text.slice(runFrom, start), known);
  return { ok: true, description: { lines: sessionLines, medias } };
}

/** A section that begins. */
type Section = {
  readonly media: MediaDescription;
  /** Those of the media, to be filled. */
  readonly lines: Line[];
  readonly known: KnownFormats;
};

/** Returns the reason if the value is not that of an `m=` line. */
function parseMediaLine(value: string): Section | string {
  const [type, ports, protocol, ...more] = words(value, 3);
  if (type === undefined || ports === undefined || protocol === undefined) return 'incomplete m= line';
  const known = knownFormats(more[0] ?? '');
  const { formats } = known;
  if (formats.length > MAX_FORMATS) return `more than ${MAX_FORMATS} formats`;

  const slash = ports.indexOf('/');
  const port = decimalUpTo(slash < 0 ? ports : ports.slice(0, slash), 65_535);
  if (port === undefined) return 'bad port';
  const lines: Line[] = [];
  if (slash < 0) return { media: { type, port, protocol, formats, lines }, lines, known };

  const portCount = decimalUpTo(ports.slice(slash + 1), 65_535);
  if (portCount === undefined || portCount < 1) return 'bad number of ports';
  return { media: { type, port, portCount, protocol, formats, lines }, lines, known };
}

/** The first words of a line, and the rest of it. */
function words(value: string, count: number): string[] {
  const found: string[] = [];
  let at = 0;
  for (;;) {
    while (value.charCodeAt(at) === SPACE) at += 1;
    if (at === value.length) return found;
    if (found.length === count) break;
    const space = value.indexOf(' ', at);
    const end = space < 0 ? value.length : space;
    found.push(value.slice(at, end));
    at = end;
  }
  found.push(value.slice(at));
  return found;
}

function failed(line: number, reason: string): ParsedSdp {
  return { ok: false, line, reason };
}

const MAX_BYTES = 65_536;
const MAX_LINES = 4_096;
const MAX_MEDIAS = 64;
const MAX_FORMATS = 256;
/** Of one section. To remember a run costs more than to read it. */
const MAX_NEW_RUNS = 2;

const CARRIAGE_RETURN = 0x0d;
const EQUALS_SIGN = 0x3d;
const SPACE = 0x20;

/** The letters of RFC 8866 §5, by character code. */
const LINE_TYPES: readonly (string | undefined)[] = (() => {
  const types = new Array<string | undefined>(256).fill(undefined);
  for (const letter of 'vosiuepcbtrzkam') types[letter.charCodeAt(0)] = letter;
  return types;
})();
