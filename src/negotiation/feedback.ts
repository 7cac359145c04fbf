import { feedbackKind, hasFeedbackProfile, packRtcpSaid, unpackRtcpSaid } from '../call/rtcp-said.js';
import type { MediaFlags } from '../command/flags.js';
import type { FeedbackKind } from '../dataplane/protocol.gen.js';
import { remembered } from '../remembered.js';
import type { Extmap } from '../sdp/extmap.js';
import type { MediaView } from '../sdp/media-view.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import { isStrippedUri } from './extensions.js';

/**
 * How feedback is said on between two profiles. Between two with feedback (RFC 4585), or two without, the parties
 * agree on it with each other. Otherwise only what is of use to a party that counts losses and knows no bandwidth
 * estimation stays: a browser that waits for estimates nobody makes would send at its lowest rate for good.
 */
export type FeedbackRule =
  | { readonly kind: 'end to end' }
  /** The same, save the feedback about sequence numbers that do not come through. */
  | { readonly kind: 'without transport-cc' }
  | { readonly kind: 'offered' }
  /** What the offerer had offered is all it is told. */
  | { readonly kind: 'answered'; readonly offered: readonly FeedbackKind[] };

export function ruleOfOffer(view: MediaView, target: string, flags: MediaFlags): FeedbackRule {
  if (isConverted(view.media.protocol, target)) return { kind: 'offered' };
  return losesNumbers(view, flags) ? WITHOUT_TRANSPORT_CC : END_TO_END;
}

/** `asked` is what the offerer said of RTCP. */
export function ruleOfAnswer(
  view: MediaView,
  target: string,
  asked: string | undefined,
  flags: MediaFlags,
): FeedbackRule {
  if (isConverted(view.media.protocol, target))
    return { kind: 'answered', offered: unpackRtcpSaid(asked).feedback };
  // An answer may repeat the feedback of a header extension it leaves out: nobody can send it then.
  const isEcho = asked !== undefined && unpackRtcpSaid(asked).numbered && !view.extmaps.some(isTransportWide);
  return isEcho || losesNumbers(view, flags) ? WITHOUT_TRANSPORT_CC : END_TO_END;
}

/** Somebody has to read what the parties send of it: keys of the sender cannot be those towards the receiver. */
export function dropsFeedback(view: MediaView, target: string): boolean {
  return isConverted(view.media.protocol, target) && unpackRtcpSaid(rtcpSaidBy(view)).feedback.length > 0;
}

/** What a section says of feedback and reduced size, as it is kept in the call. */
export function rtcpSaidBy({ payloads, other, extmaps, rtcpBandwidthBps }: MediaView): string | undefined {
  let feedback = feedbackOf(payloads);
  let reducedSize = false;
  for (const { value } of other) {
    if (value.startsWith(WILDCARD)) feedback = [...feedback, feedbackKind(value.slice(WILDCARD.length))];
    else if (value === REDUCED_SIZE) reducedSize = true;
  }
  const numbered = extmaps.some(isTransportWide);
  if (rtcpBandwidthBps === undefined) return packRtcpSaid({ feedback, reducedSize, numbered });
  return packRtcpSaid({ feedback, reducedSize, numbered, bandwidthBps: rtcpBandwidthBps });
}

const feedbackOf = remembered((payloads: readonly PayloadFormat[]): readonly FeedbackKind[] => [
  ...new Set(payloads.flatMap(({ rtcpFeedback }) => rtcpFeedback.map(feedbackKind))),
]);

/** What follows the payload type in the `a=rtcp-fb` lines for the receiver. */
export function feedbackTexts(texts: readonly string[], rule: FeedbackRule): readonly string[] {
  if (rule.kind === 'end to end') return texts;
  if (rule.kind === 'without transport-cc')
    return texts.filter((text) => feedbackKind(text) !== 'transportCc');
  const kept = texts.filter((text) => isForBoth(feedbackKind(text)));
  const has = (kind: FeedbackKind) => kept.some((text) => feedbackKind(text) === kind);
  // A party that knows one request for a key frame gets what the other one sends as that.
  const isAsked = (kind: FeedbackKind) => rule.kind === 'offered' || rule.offered.includes(kind);
  const told = kept.filter((text) => !isKeyFrameRequest(feedbackKind(text)) || isAsked(feedbackKind(text)));
  if (has('fir') && !has('pli') && isAsked('pli')) return [...told, PLI];
  if (has('pli') && !has('fir') && isAsked('fir')) return [...told, FIR];
  return told;
}

/** The attributes nobody here understands, without those about feedback that do not hold for the receiver. */
export function otherAttributes({ other }: MediaView, rule: FeedbackRule): readonly string[] {
  const values = other.map(({ value }) => value);
  if (rule.kind === 'end to end') return values;
  const isWildcard = (value: string) => value.startsWith(WILDCARD);
  const first = values.findIndex(isWildcard);
  const texts = values.filter(isWildcard).map((value) => value.slice(WILDCARD.length));
  const lines = feedbackTexts(texts, rule).map((text) => `${WILDCARD}${text}`);
  return values.flatMap((value, at) => {
    if (value === REDUCED_SIZE && rule.kind !== 'without transport-cc') return [];
    if (at === first) return lines;
    return isWildcard(value) ? [] : [value];
  });
}

/** Transport-wide sequence numbers are of no use without the feedback about them. */
export function isWithoutFeedback(extmap: Extmap, rule: FeedbackRule): boolean {
  return rule.kind !== 'end to end' && isTransportWide(extmap);
}

/** Either draft of the header extension. */
export function isTransportWide({ uri }: Extmap): boolean {
  return uri.includes('transport-wide-cc');
}

/** Feedback that a party without the profile for it can ask for and act upon. */
export function isForBoth(kind: FeedbackKind): boolean {
  return kind === 'nack' || kind === 'pli' || kind === 'fir' || kind === 'tmmbr';
}

function isConverted(source: string, target: string): boolean {
  return hasFeedbackProfile(source) !== hasFeedbackProfile(target);
}

/** The receiver is told of the feedback alone. */
function losesNumbers({ extmaps }: MediaView, flags: MediaFlags): boolean {
  return extmaps.some((extmap) => isTransportWide(extmap) && isStrippedUri(extmap.uri, flags));
}

function isKeyFrameRequest(kind: FeedbackKind): boolean {
  return kind === 'pli' || kind === 'fir';
}

export const WITHOUT_TRANSPORT_CC: FeedbackRule = { kind: 'without transport-cc' };
export const END_TO_END: FeedbackRule = { kind: 'end to end' };
const WILDCARD = 'rtcp-fb:* ';
const REDUCED_SIZE = 'rtcp-rsize';
const PLI = 'nack pli';
const FIR = 'ccm fir';
