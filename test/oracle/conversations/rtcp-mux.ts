import type { Conversation } from '../../support/oracle.js';
import { answer, audio, B, body, offer, reoffer } from '../bodies.js';

const PLAIN = { A: body({ media: [audio(4000)] }), B: body({ address: B, media: [audio(5000)] }) };
const MUXED = {
  A: body({ media: [audio(4000, 'a=rtcp-mux')] }),
  B: body({ address: B, media: [audio(5000, 'a=rtcp-mux')] }),
};

const FLAGS: readonly (readonly string[])[] = [
  [],
  ['offer'],
  ['offer', 'require'],
  ['demux'],
  ['accept'],
  ['reject'],
  ['offer', 'demux'],
];

/** Whether each side multiplexes RTP and RTCP, and what the proxy was told to do about it: all combinations. */
export const RTCP_MUX_CONVERSATIONS: readonly Conversation[] = [
  ...[PLAIN, MUXED].flatMap((offered) =>
    FLAGS.flatMap((flags) =>
      [PLAIN, MUXED]
        // Nobody may multiplex in an answer what was not offered.
        .filter((answered) => answered === PLAIN || mayBeOffered(offered === MUXED, flags))
        .map((answered) => ({
          name: `rtcp-mux ${offered === MUXED ? 'offered' : 'not offered'}, ${flags.join('+') || 'no flag'}, ${answered === MUXED ? 'accepted' : 'not accepted'}`,
          steps: [offer(offered.A, { 'rtcp-mux': flags }), answer(answered.B)],
        })),
    ),
  ),
  {
    name: 'rtcp-mux stays in a later offer',
    steps: [offer(MUXED.A), answer(MUXED.B), reoffer(MUXED.A), answer(MUXED.B)],
  },
  {
    name: 'rtcp attribute that names the RTP port means rtcp-mux',
    steps: [offer(body({ media: [audio(4000, 'a=rtcp:4000 IN IP4 198.51.100.10')] })), answer(MUXED.B)],
  },
];

function mayBeOffered(muxed: boolean, flags: readonly string[]): boolean {
  return flags.includes('offer') || (muxed && !flags.includes('demux'));
}
