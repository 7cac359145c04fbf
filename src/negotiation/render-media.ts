import type { MediaFlags } from '../command/flags.js';
import { familyOf, formatConnection } from '../sdp/address.js';
import { formatExtmap, parseExtmap } from '../sdp/extmap.js';
import type { MediaView } from '../sdp/media-view.js';
import type { Line } from '../sdp/model.js';
import { formatRtpMap, type PayloadFormat } from '../sdp/payloads.js';
import { remembered } from '../remembered.js';
import { isStrippedUri, MID_EXTENSION } from './extensions.js';
import {
  END_TO_END,
  type FeedbackRule,
  feedbackTexts,
  isWithoutFeedback,
  otherAttributes,
} from './feedback.js';
import { usesIce } from './ice-said.js';
import { isHeldByAddress } from './signal.js';
import type { RejectedSlot, RelayedSlot, Slot } from './slots.js';
import { portMark } from './template.js';

/** The lines of one `m=` section, `m=` first, with marks for ports. Those about payload types are one text. */
export function renderMedia(slot: Slot, flags: MediaFlags): string[] {
  switch (slot.kind) {
    case 'relayed':
      return relayedLines(slot, flags);
    case 'rejected':
      return rejectedLines(slot);
    case 'untouched':
      return untouchedLines(slot.view);
  }
}

/** The bandwidths a relay passes on; others speak of things between two hops. */
export function bandwidthLines(lines: readonly Line[]): string[] {
  return lines.filter(({ value }) => BANDWIDTHS.test(value)).map(({ value }) => `b=${value}`);
}

function relayedLines(slot: RelayedSlot, flags: MediaFlags): string[] {
  const { view, local, protocol, mid } = slot;
  const formats = view.profile === undefined ? view.media.formats.join(' ') : typesText(slot.payloads);
  const port = slot.isOriginal ? view.media.port : slot.bundle?.hasPort === false ? 0 : portMark(local.id, 0);
  const lines = [mediaLine(view.media.type, port, protocol, formats)];
  if (view.title) lines.push(`i=${view.title.value}`);
  lines.push(`c=${connection(slot, flags)}`, ...bandwidthLines(view.bandwidth));
  if (mid !== undefined) lines.push(`a=mid:${mid}`);
  if (view.label !== undefined) lines.push(`a=label:${view.label}`);
  if (slot.bundle?.isOnly) lines.push('a=bundle-only');
  const ofPayloads = payloadLines(slot);
  if (ofPayloads !== '') lines.push(ofPayloads);
  pushExtmaps(lines, slot, flags);
  for (const value of otherAttributes(view, slot.feedback)) {
    if (view.profile !== undefined || !isStrippedExtmap(value, flags)) lines.push(`a=${value}`);
  }
  for (const { value } of view.inherited) lines.push(`a=${value}`);
  pushDirection(lines, view, flags);
  pushRtcp(lines, slot, flags);
  for (const value of slot.security) lines.push(`a=${value}`);
  if (slot.ptimeMs !== undefined && view.profile !== undefined) lines.push(`a=ptime:${slot.ptimeMs}`);
  if (view.maxPtimeMs !== undefined) lines.push(`a=maxptime:${view.maxPtimeMs}`);
  for (const value of slot.ice) lines.push(`a=${value}`);
  return lines;
}

function rejectedLines({ type, protocol, formats, mid, view }: RejectedSlot): string[] {
  const lines = [mediaLine(type, 0, protocol, formats)];
  if (view?.title) lines.push(`i=${view.title.value}`);
  lines.push('c=IN IP4 0.0.0.0', ...bandwidthLines(view?.bandwidth ?? []));
  if (mid !== undefined) lines.push(`a=mid:${mid}`);
  if (view?.label !== undefined) lines.push(`a=label:${view.label}`);
  return lines;
}

/** Media over TCP does not come by: its section stays, with the address it had from the session part. */
function untouchedLines(view: MediaView): string[] {
  const { type, port, portCount, protocol, formats } = view.media;
  const count = portCount === undefined ? '' : `/${portCount}`;
  const lines = [mediaLine(type, `${port}${count}`, protocol, formats.join(' '))];
  for (const line of view.media.lines) if (line.type === 'i') lines.push(`i=${line.value}`);
  if (!view.ownAddress) lines.push(`c=${formatConnection(view.address)}`);
  for (const line of view.media.lines) if (line.type !== 'i') lines.push(`${line.type}=${line.value}`);
  for (const { value } of view.inherited) lines.push(`a=${value}`);
  return lines;
}

/** Some phones name no format in a section they reject. */
function mediaLine(type: string, port: string | number, protocol: string, formats: string): string {
  return `m=${type} ${port} ${protocol}${formats === '' ? '' : ` ${formats}`}`;
}

function connection({ view, printed, ice, isOriginal }: RelayedSlot, flags: MediaFlags): string {
  if (isOriginal) return formatConnection(view.address);
  const isReplaced = isAddress(flags.mediaAddress) || flags.replace.has('zero-address');
  const isZero = isHeldByAddress(view) && !usesIce(view) && ice.length === 0 && !isReplaced;
  if (!isZero) return formatConnection(printed);
  return printed.family === 'IP4' ? 'IN IP4 0.0.0.0' : 'IN IP6 ::';
}

function isAddress(text: string | undefined): boolean {
  return text !== undefined && familyOf(text) !== undefined;
}

const typesText = remembered((payloads: readonly PayloadFormat[]) =>
  payloads.map(({ payloadType }) => payloadType).join(' '),
);

function payloadLines({ payloads, feedback }: RelayedSlot): string {
  return feedback.kind === 'end to end' ? plainLines(payloads) : linesOf(payloads, feedback);
}

const plainLines = remembered((payloads: readonly PayloadFormat[]) => linesOf(payloads, END_TO_END));

function linesOf(payloads: readonly PayloadFormat[], rule: FeedbackRule): string {
  const lines: string[] = [];
  for (const payload of payloads) pushPayload(lines, payload, rule);
  return lines.join(CRLF);
}

function pushPayload(lines: string[], payload: PayloadFormat, rule: FeedbackRule): void {
  const { payloadType, encoding, fmtp, rtcpFeedback } = payload;
  if (encoding !== '') lines.push(`a=rtpmap:${formatRtpMap(payload)}`);
  for (const parameters of fmtp) lines.push(`a=fmtp:${payloadType} ${parameters}`);
  for (const text of feedbackTexts(rtcpFeedback, rule)) lines.push(`a=rtcp-fb:${payloadType} ${text}`);
}

function pushExtmaps(lines: string[], slot: RelayedSlot, flags: MediaFlags): void {
  const { view, feedback, addedExtensions, hidesMid } = slot;
  const kept = view.extmaps.filter(
    (extmap) =>
      !isStrippedUri(extmap.uri, flags) &&
      !isWithoutFeedback(extmap, feedback) &&
      !(hidesMid && extmap.uri === MID_EXTENSION),
  );
  // A capability of the party itself (RFC 8285 §6): rtpengine claims it for everybody who has extensions.
  if (view.extmapAllowMixed && (kept.length > 0 || view.extmaps.length === 0))
    lines.push('a=extmap-allow-mixed');
  for (const extmap of kept) lines.push(`a=extmap:${formatExtmap(extmap)}`);
  for (const value of addedExtensions) {
    const added = parseExtmap(value);
    if (added && !kept.some(({ uri }) => uri === added.uri)) lines.push(`a=extmap:${value}`);
  }
}

function isStrippedExtmap(attribute: string, flags: MediaFlags): boolean {
  return attribute.startsWith('extmap:') && flags.stripExtmap;
}

function pushDirection(lines: string[], view: MediaView, flags: MediaFlags): void {
  if (flags.originalSendrecv || view.profile === undefined) {
    for (const { value } of view.directionLines) lines.push(`a=${value}`);
    return;
  }
  if (!isHeldByAddress(view)) lines.push(`a=${view.direction}`);
  else
    lines.push(view.direction === 'sendrecv' || view.direction === 'sendonly' ? 'a=sendonly' : 'a=inactive');
}

function pushRtcp(lines: string[], slot: RelayedSlot, flags: MediaFlags): void {
  if (slot.rtcp !== 'none' && flags.rtcpAttribute !== 'none') {
    const port = portMark(slot.local.id, slot.rtcp === 'own port' ? 1 : 0);
    lines.push(`a=rtcp:${port}${flags.rtcpAttribute === 'full' ? ` ${formatConnection(slot.printed)}` : ''}`);
  }
  if (slot.mux) lines.push('a=rtcp-mux');
}

const CRLF = '\r\n';
const BANDWIDTHS = /^(?:AS|RR|RS|CT|TIAS):/;
