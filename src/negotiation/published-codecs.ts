import type { CodecSpec } from '../command/flags.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import { basesOf, isSupplemental, matchesSpec, namesAll } from './codec-match.js';

/**
 * What is taken of a published line: the first wanted codec that was offered; else the first that somebody who
 * transcodes could convert, or just the first. Formats of its clock rate that carry no media of their own come along.
 */
export function publishedCodecs(
  offered: readonly PayloadFormat[],
  wanted: readonly CodecSpec[],
): readonly PayloadFormat[] {
  const codecs = offered.filter((format) => !isSupplemental(format));
  if (namesAll(wanted)) return offered;
  const chosen = preferred(codecs, wanted) ?? codecs.find(isConvertible) ?? codecs[0];
  if (chosen === undefined) return [];
  return offered.filter(
    (format) => format === chosen || (isSupplemental(format) && belongsTo(format, chosen)),
  );
}

function preferred(
  codecs: readonly PayloadFormat[],
  wanted: readonly CodecSpec[],
): PayloadFormat | undefined {
  for (const spec of wanted) {
    const found = spec.name === 'any' ? codecs[0] : codecs.find((format) => matchesSpec(format, spec));
    if (found !== undefined) return found;
  }
  return undefined;
}

function belongsTo(format: PayloadFormat, { payloadType, clockRate }: PayloadFormat): boolean {
  const bases = basesOf(format);
  return bases.length > 0 ? bases.every((base) => base === payloadType) : format.clockRate === clockRate;
}

function isConvertible({ encoding }: PayloadFormat): boolean {
  return CONVERTIBLE.has(encoding.toLowerCase());
}

/** Audio that proxies with codecs convert: a client may rely on it that these come first. */
const CONVERTIBLE: ReadonlySet<string> = new Set([
  'pcmu',
  'pcma',
  'g722',
  'g723',
  'g729',
  'gsm',
  'ilbc',
  'opus',
  'speex',
  'amr',
  'amr-wb',
  'l16',
]);
