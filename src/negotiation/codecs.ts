import type { CodecFlags, CodecSpec } from '../command/flags.js';
import { rememberedOfTwo } from '../remembered.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import {
  basesOf,
  type CodecIdentity,
  isSameCodec,
  isSupplemental,
  matchesAny,
  matchesSpec,
  namesAll,
} from './codec-match.js';

export type CodecOutcome =
  | {
      readonly kind: 'payloads';
      /** What the receiver of the message is told, in order. */
      readonly payloads: readonly PayloadFormat[];
      /** Nothing would have been left, so the list was passed on as it came in. */
      readonly restored: boolean;
    }
  /** Nothing is left and the client accepts that: the media is to be rejected. */
  | { readonly kind: 'noCodec' }
  /** Only codecs that the sender does not speak would be left. */
  | { readonly kind: 'needsTranscoding'; readonly codecs: readonly string[] };

export type OfferCodecRules = {
  readonly codec: CodecFlags;
  readonly allowNoCodecMedia: boolean;
  /** Codecs the parties agreed on before, whose order is to be kept (flag `reuse-codecs`). */
  readonly reuse?: readonly CodecIdentity[];
  /** What was offered before: nothing is to be added to it (flag `static-codecs`). */
  readonly before?: readonly CodecIdentity[];
};

/** The list the receiver of an offer sees. */
export function codecsOfOffer(offered: readonly PayloadFormat[], rules: OfferCodecRules): CodecOutcome {
  const source = acceptableCodecs(offered, rules.codec);
  const edited = edit(source, rules.codec);
  if (isUsable(edited, offered)) {
    const known = rules.before === undefined ? edited : knownBefore(edited, rules.before);
    const order = rules.before ?? rules.reuse;
    const payloads = order === undefined ? known : inOrderOf(known, order);
    return { kind: 'payloads', payloads, restored: false };
  }
  const missing = rules.codec.transcode.filter(
    (spec) => !isSupplemental(identityOf(spec)) && !source.some((format) => matchesSpec(format, spec)),
  );
  if (missing.length > 0) return { kind: 'needsTranscoding', codecs: missing.map(({ name }) => name) };
  if (rules.allowNoCodecMedia) return { kind: 'noCodec' };
  return { kind: 'payloads', payloads: source.some(isCodec) ? source : offered, restored: true };
}

/** What of an offer may come back in the answer; `ignore` hides codecs from both sides. */
export function acceptableCodecs(
  offered: readonly PayloadFormat[],
  codec: CodecFlags,
): readonly PayloadFormat[] {
  if (codec.ignore.length === 0) return offered;
  return withoutOrphans(
    offered.filter((format) => !matchesAny(format, codec.ignore)),
    offered,
  );
}

export type AnswerCodecRules = {
  readonly codec: CodecFlags;
  readonly singleCodec: boolean;
  readonly allowNoCodecMedia: boolean;
};

/**
 * The list the offerer sees: what the answerer chose out of what was offered, in the answerer's order and with the
 * answerer's payload types, since these say what it wants to receive and packets pass with the number they have.
 */
export function codecsOfAnswer(
  answered: readonly PayloadFormat[],
  acceptable: readonly CodecIdentity[],
  rules: AnswerCodecRules,
): CodecOutcome {
  const common = commonCodecs(answered, acceptable);
  const source = isUsable(common, answered) ? withoutOrphans(common, answered) : answered;
  const edited = edit(source, { ...rules.codec, transcode: [], mask: [], consume: [] });
  if (!isUsable(edited, source)) {
    if (rules.allowNoCodecMedia) return { kind: 'noCodec' };
    return { kind: 'payloads', payloads: rules.singleCodec ? onlyFirst(source) : source, restored: true };
  }
  const restored = source === answered && common.length < answered.length;
  return { kind: 'payloads', payloads: rules.singleCodec ? onlyFirst(edited) : edited, restored };
}

/** The very list that was answered, if all of it was offered. */
const commonCodecs = rememberedOfTwo(
  (answered: readonly PayloadFormat[], acceptable: readonly CodecIdentity[]): readonly PayloadFormat[] => {
    const common = answered.filter((format) => acceptable.some((offered) => isSameCodec(format, offered)));
    return common.length === answered.length ? answered : common;
  },
);

function edit(source: readonly PayloadFormat[], codec: CodecFlags): readonly PayloadFormat[] {
  const { strip, mask, consume } = codec;
  if (strip.length === 0 && mask.length === 0 && consume.length === 0) return source;
  const removals = [...strip, ...mask, ...consume];
  if (removals.length === 0) return source;
  const everything = namesAll(removals);
  const isKept = (format: PayloadFormat) => {
    if (matchesAny(format, removals)) return false;
    return !everything || matchesAny(format, codec.except);
  };
  const kept = source.filter(isKept);
  // What is named in `offer` comes back in the order it is named in, behind the codecs that stayed.
  const wanted = [...codec.offer, ...codec.transcode];
  for (const spec of wanted) {
    for (const format of source) {
      if (matchesSpec(format, spec) && !kept.includes(format)) insertCodec(kept, format);
    }
  }
  const isNamed = (format: PayloadFormat) => matchesAny(format, removals);
  return everything ? withDependents(kept, source, isNamed) : withoutOrphans(kept, source);
}

/** Audio and video codecs stand before the supplemental formats. */
function insertCodec(formats: PayloadFormat[], format: PayloadFormat): void {
  const position = isSupplemental(format) ? -1 : formats.findIndex(isSupplemental);
  formats.splice(position < 0 ? formats.length : position, 0, format);
}

/** Adds the retransmission and redundancy formats of the codecs that are left. */
function withDependents(
  kept: readonly PayloadFormat[],
  source: readonly PayloadFormat[],
  isNamed: (format: PayloadFormat) => boolean,
): readonly PayloadFormat[] {
  const types = new Set(kept.map((format) => format.payloadType));
  const dependents = source.filter((format) => {
    if (kept.includes(format) || isNamed(format)) return false;
    const bases = basesOf(format);
    return bases.length > 0 && bases.every((base) => types.has(base));
  });
  return withoutOrphans([...kept, ...dependents], source);
}

/**
 * Drops supplemental formats whose codec is gone: by payload type where they name it, else by clock rate. Telephone
 * events of another clock rate than the codecs' stay if there are no others: many endpoints do well with them, and
 * nobody can dial without.
 */
function withoutOrphans(
  kept: readonly PayloadFormat[],
  source: readonly PayloadFormat[],
): readonly PayloadFormat[] {
  if (kept.length === source.length) return kept;
  const withCodec = withoutLostRates(kept, source);
  if (withCodec.some(isTelephoneEvent) || !kept.some(isTelephoneEvent)) return withCodec;
  return kept.filter((format) => withCodec.includes(format) || isTelephoneEvent(format));
}

function withoutLostRates(
  kept: readonly PayloadFormat[],
  source: readonly PayloadFormat[],
): readonly PayloadFormat[] {
  const types = new Set(kept.map((format) => format.payloadType));
  const clockRates = new Set(kept.filter(isCodec).map((format) => format.clockRate));
  const lostClockRates = new Set(
    source.filter((format) => isCodec(format) && !clockRates.has(format.clockRate)).map((f) => f.clockRate),
  );
  return kept.filter((format) => {
    if (isCodec(format)) return true;
    const bases = basesOf(format);
    if (bases.length > 0) return bases.every((base) => types.has(base));
    return !lostClockRates.has(format.clockRate);
  });
}

function onlyFirst(formats: readonly PayloadFormat[]): readonly PayloadFormat[] {
  const first = formats.find(isCodec);
  if (first === undefined) return formats;
  return withoutOrphans(
    formats.filter((format) => format === first || isSupplemental(format)),
    formats,
  );
}

/** Without transcoding a codec that is no longer offered cannot be kept; if none is left, the list is a new one. */
function knownBefore(
  formats: readonly PayloadFormat[],
  before: readonly CodecIdentity[],
): readonly PayloadFormat[] {
  const known = formats.filter((format) => before.some((offered) => isSameCodec(offered, format)));
  return known.some(isCodec) ? withoutOrphans(known, formats) : formats;
}

function inOrderOf(
  formats: readonly PayloadFormat[],
  order: readonly CodecIdentity[],
): readonly PayloadFormat[] {
  const rank = (format: PayloadFormat) => {
    const position = order.findIndex((previous) => isSameCodec(previous, format));
    return position < 0 ? order.length : position;
  };
  const codecs = formats.filter(isCodec).sort((one, other) => rank(one) - rank(other));
  return [...codecs, ...formats.filter(isSupplemental)];
}

/** Something is left that carries media, or nothing was lost. */
function isUsable(formats: readonly PayloadFormat[], source: readonly PayloadFormat[]): boolean {
  return formats.some(isCodec) || formats.length === source.length;
}

function isTelephoneEvent({ encoding }: PayloadFormat): boolean {
  return encoding.toLowerCase() === 'telephone-event';
}

function isCodec(format: PayloadFormat): boolean {
  return !isSupplemental(format);
}

function identityOf(spec: CodecSpec): CodecIdentity {
  return { encoding: spec.name, clockRate: spec.clockRate ?? 0, channels: spec.channels ?? 1 };
}
