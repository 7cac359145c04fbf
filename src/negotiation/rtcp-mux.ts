import type { Stream } from '../call/call.js';
import type { RtcpMuxItem } from '../command/flags.js';

/** What is said of multiplexing (RFC 5761) to the receiver of an offer, and later in the answer to its sender. */
export type MuxDecision = {
  readonly offer: Stream['muxOffer'];
  /** Absent: the answer follows the other side. */
  readonly answer?: boolean;
};

/**
 * @param offered the sender offers to multiplex
 * @param multiplexed the receiver multiplexes already; it may have closed its second port
 */
export function decideMux(
  offered: boolean,
  multiplexed: boolean,
  asked: ReadonlySet<RtcpMuxItem>,
): MuxDecision {
  const offer = muxOffer(offered, multiplexed, asked);
  if (!offered) return { offer, answer: false };
  if (offer === 'none') return { offer, answer: !asked.has('reject') };
  if (asked.has('accept')) return { offer, answer: true };
  if (asked.has('reject')) return { offer, answer: false };
  return { offer };
}

function muxOffer(
  offered: boolean,
  multiplexed: boolean,
  asked: ReadonlySet<RtcpMuxItem>,
): Stream['muxOffer'] {
  if (multiplexed || asked.has('require')) return 'required';
  if (asked.has('offer')) return 'optional';
  return offered && !asked.has('demux') ? 'optional' : 'none';
}
