import type { Stream } from '../call/call.js';
import { hasFeedbackProfile, unpackRtcpSaid } from '../call/rtcp-said.js';
import type { ReportsPlan, RtcpRules } from '../dataplane/protocol.gen.js';
import { isForBoth } from './feedback.js';

export type OwnReports = {
  /** The reports of the partner end here, and the party gets ours. */
  readonly isOurs: boolean;
  /** Between reports of ours, unless the party's profile has them more often. */
  readonly usualMs: number;
};

/** What the party of a stream gets in RTCP; `null`: what its partner sends, as it is. */
export function rtcpRules(
  stream: Stream,
  partner: Stream,
  { isOurs, usualMs }: OwnReports,
): RtcpRules | null {
  // Where keys go through, nobody here can read RTCP.
  if ([stream, partner].some(hasPassedKeys)) return null;
  const hasFeedback = hasFeedbackProfile(protocolOf(stream));
  const isConverted = isConvertedBetween(stream, partner);
  if (!isConverted && !isOurs) return null;
  const said = unpackRtcpSaid(stream.inForce?.rtcp);
  const theirs = unpackRtcpSaid(partner.inForce?.rtcp);
  const bandwidthBps = said.bandwidthBps ?? (stream.type === 'video' ? VIDEO_BPS : AUDIO_BPS);
  const intervalMs = hasFeedback ? reducedIntervalMs(bandwidthBps, usualMs) : usualMs;
  const reports = (when: ReportsPlan['when']): ReportsPlan => ({ when, intervalMs, bandwidthBps });
  return {
    feedback: isConverted ? said.feedback.filter(isForBoth) : null,
    reducedSize: !isConverted && said.reducedSize && theirs.reducedSize,
    reports: isOurs ? reports('always') : hasFeedback ? reports('missing') : null,
  };
}

function hasPassedKeys({ transparent, security }: Stream): boolean {
  const agreed = security?.agreed;
  return transparent !== undefined || (agreed?.kind === 'sdes' && agreed.borrowed);
}

function isConvertedBetween(one: Stream, other: Stream): boolean {
  return hasFeedbackProfile(protocolOf(one)) !== hasFeedbackProfile(protocolOf(other));
}

/** RFC 3550 §6.2: 360 seconds by the session's bandwidth in kilobits, of which RTCP has a twentieth. */
function reducedIntervalMs(bandwidthBps: number, configuredMs: number): number {
  const byBandwidthMs = Math.trunc((360_000 * 1000) / (bandwidthBps * 20));
  return Math.min(configuredMs, Math.max(LEAST_REDUCED_MS, byBandwidthMs));
}

function protocolOf(stream: Stream): string {
  return stream.inForce?.protocol ?? stream.protocol;
}

const LEAST_REDUCED_MS = 1000;
/** A twentieth of 64 kbit/s, and of 1 Mbit/s. */
const AUDIO_BPS = 3200;
const VIDEO_BPS = 50_000;
