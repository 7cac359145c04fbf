import type { CodecSpec } from '../command/flags.js';
import type { PayloadFormat } from '../sdp/payloads.js';

/** What makes two payload types the same codec, whatever their numbers. */
export type CodecIdentity = {
  readonly encoding: string;
  readonly clockRate: number;
  readonly channels: number;
};

export function isSameCodec(one: CodecIdentity, other: CodecIdentity): boolean {
  return (
    one.clockRate === other.clockRate &&
    one.channels === other.channels &&
    one.encoding.toLowerCase() === other.encoding.toLowerCase()
  );
}

/** Names match in any case; clock rate and channels only count if given. A number is a payload type of this list. */
export function matchesSpec(format: PayloadFormat, spec: CodecSpec): boolean {
  if (PAYLOAD_TYPE.test(spec.name)) return format.payloadType === Number(spec.name);
  if (format.encoding === '' || format.encoding.toLowerCase() !== spec.name.toLowerCase()) return false;
  if (spec.clockRate !== undefined && spec.clockRate !== format.clockRate) return false;
  return spec.channels === undefined || spec.channels === format.channels;
}

export function matchesAny(format: PayloadFormat, specs: readonly CodecSpec[]): boolean {
  return specs.some((spec) => matchesSpec(format, spec));
}

/** The list says `all` or `full`. */
export function namesAll(specs: readonly CodecSpec[]): boolean {
  return specs.some(({ name }) => name === 'all' || name === 'full');
}

/** A format that carries no media of its own: a list of only these is no codec at all. */
export function isSupplemental(format: CodecIdentity): boolean {
  return SUPPLEMENTAL.has(format.encoding.toLowerCase());
}

/**
 * Payload types a format repeats or repairs: `apt` of retransmission (RFC 4588 §8.6), the list of redundant audio
 * (RFC 2198 §5). Empty if it stands for itself or does not say.
 */
export function basesOf(format: PayloadFormat): readonly number[] {
  const encoding = format.encoding.toLowerCase();
  const [parameters = ''] = format.fmtp;
  if (encoding === 'rtx') {
    const apt = /(?:^|[;\s])apt=(\d{1,3})(?![\d])/i.exec(parameters)?.[1];
    return apt === undefined ? [] : [Number(apt)];
  }
  if (encoding === 'red' && /^\d{1,3}(?:\/\d{1,3})*$/.test(parameters))
    return parameters.split('/').map(Number);
  return [];
}

const PAYLOAD_TYPE = /^\d{1,3}$/;

const SUPPLEMENTAL: ReadonlySet<string> = new Set([
  'telephone-event',
  'cn',
  'red',
  'rtx',
  'ulpfec',
  'flexfec',
  'flexfec-03',
  'parityfec',
  'tone',
]);
