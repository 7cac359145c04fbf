import type { Conversation } from '../../support/oracle.js';
import { answer, audio, B, body, offer, reoffer, video } from '../bodies.js';

const ANSWER_BOTH = body({ address: B, media: [audio(5000), video(5002)] });

/** Several m-lines, and media that is not audio. */
export const MEDIA_CONVERSATIONS: readonly Conversation[] = [
  {
    name: 'audio and video',
    steps: [offer(body({ media: [audio(4000), video(4002)] })), answer(ANSWER_BOTH)],
  },
  {
    name: 'audio and video, video refused',
    steps: [
      offer(body({ media: [audio(4000), video(4002)] })),
      answer(body({ address: B, media: [audio(5000), ['m=video 0 RTP/AVP 97']] })),
    ],
  },
  {
    name: 'two audio streams',
    steps: [
      offer(body({ media: [audio(4000), audio(4010)] })),
      answer(body({ address: B, media: [audio(5000), audio(5010)] })),
    ],
  },
  {
    name: 'an m-line that is rejected in the offer',
    steps: [
      offer(body({ media: [audio(4000), ['m=video 0 RTP/AVP 97']] })),
      answer(body({ address: B, media: [audio(5000), ['m=video 0 RTP/AVP 97']] })),
    ],
  },
  {
    name: 'answer with fewer m-lines',
    differs: ['missing m-lines are rejected'],
    steps: [
      offer(body({ media: [audio(4000), video(4002)] })),
      answer(body({ address: B, media: [audio(5000)] })),
    ],
  },
  {
    name: 'all m-lines rejected in the offer',
    differs: ['no session address'],
    steps: [offer(body({ media: [['m=audio 0 RTP/AVP 0']] }))],
  },
  {
    name: 'all m-lines rejected in the answer',
    differs: ['no session address'],
    steps: [
      offer(body({ media: [audio(4000)] })),
      answer(body({ address: B, media: [['m=audio 0 RTP/AVP 0']] })),
    ],
  },
  {
    name: 'video is added, dropped and added again',
    steps: [
      offer(body({ media: [audio(4000)] })),
      answer(),
      reoffer(body({ version: 2, media: [audio(4000), video(4002)] })),
      answer(ANSWER_BOTH),
      reoffer(body({ version: 3, media: [audio(4000), ['m=video 0 RTP/AVP 97']] })),
      answer(body({ address: B, media: [audio(5000), ['m=video 0 RTP/AVP 97']] })),
      reoffer(body({ version: 4, media: [audio(4000), video(4002)] })),
      answer(ANSWER_BOTH),
    ],
  },
  {
    name: 'fax over UDPTL',
    steps: [
      offer(body({ media: [['m=image 4000 udptl t38', 'a=T38FaxVersion:0', 'a=T38MaxBitRate:14400']] })),
      answer(body({ address: B, media: [['m=image 5000 udptl t38', 'a=T38FaxVersion:0']] })),
    ],
  },
  {
    name: 'switch from audio to fax',
    steps: [
      offer(body({ media: [audio(4000)] })),
      answer(),
      reoffer(body({ version: 2, media: [['m=image 4000 udptl t38', 'a=T38FaxVersion:0']] })),
      answer(body({ address: B, media: [['m=image 5000 udptl t38', 'a=T38FaxVersion:0']] })),
    ],
  },
  {
    name: 'messages over TCP are not touched',
    steps: [
      offer(
        body({
          media: [
            audio(4000),
            [
              'm=message 4002 TCP/MSRP *',
              'a=accept-types:text/plain',
              'a=path:msrp://198.51.100.10:4002/x;tcp',
            ],
          ],
        }),
      ),
      answer(
        body({
          address: B,
          media: [
            audio(5000),
            [
              'm=message 5002 TCP/MSRP *',
              'a=accept-types:text/plain',
              'a=path:msrp://198.51.100.20:5002/y;tcp',
            ],
          ],
        }),
      ),
    ],
  },
  {
    name: 'floor control over UDP',
    steps: [
      offer(
        body({ media: [audio(4000), ['m=application 4002 UDP/BFCP *', 'a=floorctrl:c-only', 'a=confid:1']] }),
      ),
      answer(
        body({
          address: B,
          media: [audio(5000), ['m=application 5002 UDP/BFCP *', 'a=floorctrl:s-only', 'a=confid:1']],
        }),
      ),
    ],
  },
  {
    name: 'data channel',
    steps: [
      offer(body({ media: [['m=application 4002 UDP/DTLS/SCTP webrtc-datachannel', 'a=sctp-port:5000']] })),
      answer(
        body({
          address: B,
          media: [['m=application 5002 UDP/DTLS/SCTP webrtc-datachannel', 'a=sctp-port:5000']],
        }),
      ),
    ],
  },
  {
    name: 'real-time text',
    steps: [
      offer(body({ media: [['m=text 4000 RTP/AVP 98', 'a=rtpmap:98 t140/1000']] })),
      answer(body({ address: B, media: [['m=text 5000 RTP/AVP 98', 'a=rtpmap:98 t140/1000']] })),
    ],
  },
  {
    name: 'a media type nobody knows',
    steps: [
      offer(body({ media: [['m=smell 4000 UDP/ODOR 1', 'a=strength:3']] })),
      answer(body({ address: B, media: [['m=smell 5000 UDP/ODOR 1']] })),
    ],
  },
];
