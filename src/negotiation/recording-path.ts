import type { RecordingDestination } from '../command/flags.js';
import { type CommandFailure, failure } from '../command/reply.js';

export type RecordingNames = {
  readonly callId: string;
  /** Sixteen hexadecimal digits. */
  readonly random: string;
  readonly now: number;
};

export type RecordingPlace = { readonly kind: 'place'; readonly prefix: string; readonly path: string };

/**
 * Where a recording is written. What a client says of it counts below the configured directory only: names often
 * come from SIP messages, and those come from anybody.
 */
export function recordingPlace(
  base: string,
  { file, directory, pattern }: RecordingDestination,
  names: RecordingNames,
): RecordingPlace | CommandFailure {
  const prefix = `${fileWord(names.callId)}-${names.random}`;
  const folder = directory === undefined ? `${base}/pcaps` : below(base, base, directory);
  const named = pattern === undefined ? prefix : filled(pattern, names);
  if (named === undefined) return refused(`unknown letter in recording pattern ${shown(pattern ?? '')}`);
  const parts = [directory, file ?? named].flatMap((name) => name?.split('/') ?? []);
  if (parts.some((part) => printable(part).length > LONGEST_NAME))
    return refused(`recording destination has a name of more than ${LONGEST_NAME} bytes`);
  const path = folder && below(base, file === undefined || directory ? folder : base, file ?? named);
  if (path === undefined)
    return refused(`recording destination ${shown(file ?? directory ?? named)} is not below ${base}`);
  return { kind: 'place', prefix, path: path.endsWith('.pcap') ? path : `${path}.pcap` };
}

/** `undefined`: it leads out of the base directory, or is no usable name. */
function below(base: string, folder: string, name: string): string | undefined {
  const isAbsolute = name.startsWith('/');
  if (isAbsolute && !name.startsWith(`${base}/`)) return undefined;
  const relative = isAbsolute ? name.slice(base.length + 1) : name;
  const parts = relative.replace(/\/+$/, '').split('/');
  const places = isAbsolute ? base : folder;
  return parts.every(isName) ? `${places}/${parts.map(printable).join('/')}` : undefined;
}

function isName(part: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be in a name.
  return part !== '' && !part.startsWith('.') && !/[\x00-\x1f\x7f]/.test(part);
}

/** Bytes of other alphabets as a URI has them. */
export function printable(part: string): string {
  return part.replace(/[\x80-\xff]/g, percent);
}

function escaped(text: string): string {
  return text.replace(/[^A-Za-z0-9\-._~]/g, percent);
}

/** Whatever a Call-ID holds, this is a file name, and not a hidden one. */
function fileWord(callId: string): string {
  return escaped(callId).slice(0, LONGEST_ESCAPED).replace(/%.?$/, '').replace(/^\./, '%2E');
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The letters of rtpengine's recorder that make sense for one file of a whole call, its time in UTC. */
function filled(pattern: string, { callId, random, now }: RecordingNames): string | undefined {
  const time = new Date(now).toISOString();
  const values: Readonly<Record<string, string>> = {
    '%': '%',
    c: fileWord(callId),
    r: random,
    t: 'mix',
    Y: time.slice(0, 4),
    m: time.slice(5, 7),
    d: time.slice(8, 10),
    H: time.slice(11, 13),
    M: time.slice(14, 16),
    S: time.slice(17, 19),
  };
  let isKnown = true;
  const name = pattern.replace(/%(.?)/g, (_, letter: string) => {
    const value = values[letter];
    if (value === undefined) isKnown = false;
    return value ?? '';
  });
  return isKnown ? name : undefined;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}

function refused(message: string): CommandFailure {
  return failure('badRequest', message);
}

/** File systems take names of 255 bytes; beginning, random part and ending come with it. */
const LONGEST_ESCAPED = 200;
/** As it is written; the ending comes with it, and digits if it is taken. */
const LONGEST_NAME = 230;
