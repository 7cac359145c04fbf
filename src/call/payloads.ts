import { remembered, rememberedOfTwo } from '../remembered.js';
import { type RtpMap, staticFormat } from '../sdp/payloads.js';
import { detach } from '../sdp/detach.js';

/**
 * Writes a list of payload types as text: `0 8 101=telephone-event/8000`. Static assignments (RFC 3551) need no
 * name. A call holds such lists for its whole life, hence one short string and not an object per codec.
 */
export const packPayloads = remembered((payloads: readonly RtpMap[]): string => {
  let text = '';
  for (const payload of payloads.slice(0, MAX_PAYLOADS)) {
    const { payloadType, encoding, clockRate, channels } = payload;
    const isStatic = isAssigned(payload);
    const channelText = channels === 1 ? '' : `/${channels}`;
    const name = isStatic ? '' : `=${encoding.replaceAll(' ', '')}/${clockRate}${channelText}`;
    text += `${text === '' ? '' : ' '}${payloadType}${name}`;
  }
  return detach(text);
});

/** Calls share few lists: the last ones read are kept. */
export function unpackPayloads(text: string): readonly RtpMap[] {
  const known = unpacked.get(text);
  if (known) return known;
  const payloads = readPayloads(text);
  if (unpacked.size >= MAX_UNPACKED) unpacked.clear();
  unpacked.set(text, payloads);
  return payloads;
}

function readPayloads(text: string): readonly RtpMap[] {
  const payloads: RtpMap[] = [];
  if (text === '') return payloads;
  for (const item of text.split(' ')) {
    const equals = item.indexOf('=');
    const payloadType = Number(equals < 0 ? item : item.slice(0, equals));
    const known = equals < 0 ? staticFormat(payloadType) : undefined;
    if (known) {
      payloads.push({ payloadType, ...known });
      continue;
    }
    const [encoding = '', clockRate, channels] = item.slice(equals + 1).split('/');
    payloads.push({ payloadType, encoding, clockRate: Number(clockRate), channels: Number(channels ?? 1) });
  }
  return payloads;
}

/** The payload types of both sides whose codec the other side has too; those of `own` first. */
export function commonPayloads(own: string, other: string): readonly RtpMap[] {
  const mine = unpackPayloads(own);
  return own === other ? mine : commonOf(mine, unpackPayloads(other));
}

const commonOf = rememberedOfTwo((mine: readonly RtpMap[], theirs: readonly RtpMap[]): readonly RtpMap[] => {
  const myCodecs = new Set(mine.map(codecKey));
  const theirCodecs = new Set(theirs.map(codecKey));
  const common = mine.filter((payload) => theirCodecs.has(codecKey(payload)));
  const numbers = new Set(common.map(({ payloadType }) => payloadType));
  for (const payload of theirs) {
    if (myCodecs.has(codecKey(payload)) && !numbers.has(payload.payloadType)) common.push(payload);
  }
  return common;
});

function isAssigned({ payloadType, encoding, clockRate, channels }: RtpMap): boolean {
  const known = staticFormat(payloadType);
  if (known === undefined) return false;
  return known.encoding === encoding && known.clockRate === clockRate && known.channels === channels;
}

function codecKey({ encoding, clockRate }: RtpMap): string {
  return `${encoding.toLowerCase()}/${clockRate}`;
}

const unpacked = new Map<string, readonly RtpMap[]>();
const MAX_UNPACKED = 256;

/** Browsers offer about fifty for video. */
const MAX_PAYLOADS = 64;
