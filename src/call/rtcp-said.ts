import type { FeedbackKind } from '../dataplane/protocol.gen.js';

/** What a party's SDP says of RTCP. */
export type RtcpSaid = {
  /** Feedback it understands. */
  readonly feedback: readonly FeedbackKind[];
  /** It takes compounds without a report (`a=rtcp-rsize`, RFC 5506). */
  readonly reducedSize: boolean;
  /** Its packets may have transport-wide sequence numbers. */
  readonly numbered: boolean;
  /** Bits per second for RTCP. Absent: the usual share. */
  readonly bandwidthBps?: number;
};

/** Writes it as text, a letter for each thing: `npfs/4000`; `undefined` if nothing is said. */
export function packRtcpSaid({
  feedback,
  reducedSize,
  numbered,
  bandwidthBps,
}: RtcpSaid): string | undefined {
  let text = '';
  for (const [letter, kind] of LETTERS) if (feedback.includes(kind)) text += letter;
  if (reducedSize) text += REDUCED;
  if (numbered) text += NUMBERED;
  if (bandwidthBps !== undefined) text += `/${bandwidthBps}`;
  return text === '' ? undefined : text;
}

export function unpackRtcpSaid(text: string | undefined): RtcpSaid {
  if (text === undefined) return NOTHING;
  const [letters = '', bandwidth] = text.split('/');
  const feedback = LETTERS.filter(([letter]) => letters.includes(letter)).map(([, kind]) => kind);
  return {
    feedback,
    reducedSize: letters.includes(REDUCED),
    numbered: letters.includes(NUMBERED),
    ...(bandwidth !== undefined && { bandwidthBps: Number(bandwidth) }),
  };
}

/** RFC 4585: `RTP/AVPF` and its protected kin. */
export function hasFeedbackProfile(protocol: string): boolean {
  return protocol.toUpperCase().endsWith('F');
}

/** The kind of feedback an `a=rtcp-fb` line speaks of, its payload type left out (RFC 4585 §4.2, 5104 §7.1). */
export function feedbackKind(text: string): FeedbackKind {
  const [first = '', second] = text.toLowerCase().split(' ');
  switch (first) {
    case 'nack':
      return second === undefined ? 'nack' : second === 'pli' ? 'pli' : 'other';
    case 'ccm':
      return second === 'fir' ? 'fir' : second === 'tmmbr' ? 'tmmbr' : 'other';
    case 'goog-remb':
      return 'remb';
    case 'transport-cc':
      return 'transportCc';
    default:
      return 'other';
  }
}

const REDUCED = 's';
const NUMBERED = 'w';

const LETTERS: readonly (readonly [string, FeedbackKind])[] = [
  ['n', 'nack'],
  ['p', 'pli'],
  ['f', 'fir'],
  ['t', 'tmmbr'],
  ['r', 'remb'],
  ['c', 'transportCc'],
  ['o', 'other'],
];

const NOTHING: RtcpSaid = { feedback: [], reducedSize: false, numbered: false };
