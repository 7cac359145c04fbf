import type { CodecFlags, CodecSpec } from '../../command/flags.js';
import { integer } from './value.js';

export type CodecList = keyof CodecFlags;

const CODEC_LISTS: ReadonlySet<string> = new Set<CodecList>([
  'strip',
  'except',
  'offer',
  'ignore',
  'transcode',
  'mask',
  'consume',
  'accept',
  'set',
]);

export function isCodecList(name: string): name is CodecList {
  return CODEC_LISTS.has(name);
}

/** Reads `NAME[/clock[/channels[/bitrate[/ptime[/fmtp[/options]]]]]]`; numbers that are none are left out. */
export function parseCodecSpec(spec: string): CodecSpec {
  const [name = '', clock, channels, bitrate, ptime, fmtp, ...options] = unescapeFlag(spec).split('/');
  const numbers = {
    clockRate: positive(clock),
    channels: positive(channels),
    bitrate: positive(bitrate),
    ptimeMs: positive(ptime),
  };
  return {
    name,
    ...(numbers.clockRate !== undefined && { clockRate: numbers.clockRate }),
    ...(numbers.channels !== undefined && { channels: numbers.channels }),
    ...(numbers.bitrate !== undefined && { bitrate: numbers.bitrate }),
    ...(numbers.ptimeMs !== undefined && { ptimeMs: numbers.ptimeMs }),
    ...(fmtp !== undefined && fmtp !== '' && { fmtp }),
    ...(options.length > 0 && { options: options.join('/') }),
  };
}

/** No SDP has more codecs than a list holds here: what goes beyond is noise and left out. */
export function addCodec(codec: CodecFlags, list: CodecList, spec: string): CodecFlags {
  if (codec[list].length >= MAX_CODECS) return codec;
  return { ...codec, [list]: [...codec[list], parseCodecSpec(spec)] };
}

/** What an answer may still ask of codecs: the rest was settled with the offer. */
export function codecsOfAnswer(codec: CodecFlags): CodecFlags {
  return { ...codec, accept: [], consume: [], mask: [], set: [], transcode: [] };
}

/** Flag strings cannot carry `=` and blanks: they are written `--` and `..`. */
export function unescapeFlag(word: string): string {
  return word.replaceAll('--', '=').replaceAll('..', ' ');
}

function positive(number: string | undefined): number | undefined {
  const value = integer(number);
  return value !== undefined && value > 0 ? value : undefined;
}

const MAX_CODECS = 128;
