import type { Conversation } from '../../support/oracle.js';
import { A, A6, AUDIO, AUDIO_B, answer, audio, B, body, offer } from '../bodies.js';

/** One audio stream in the shapes phones send it. */
export const AUDIO_CONVERSATIONS: readonly Conversation[] = [
  { name: 'plain audio', steps: [offer(AUDIO), answer()] },
  {
    name: 'static payload types without rtpmap',
    steps: [
      offer(body({ media: [['m=audio 4000 RTP/AVP 0 8 18']] })),
      answer(body({ address: B, media: [['m=audio 5000 RTP/AVP 8']] })),
    ],
  },
  {
    name: 'dynamic payload types with parameters and telephone events',
    steps: [
      offer(
        body({
          media: [
            [
              'm=audio 4000 RTP/AVP 96 9 0 101',
              'a=rtpmap:96 opus/48000/2',
              'a=fmtp:96 minptime=10;useinbandfec=1',
              'a=rtpmap:9 G722/8000',
              'a=rtpmap:0 PCMU/8000',
              'a=rtpmap:101 telephone-event/8000',
              'a=fmtp:101 0-15',
            ],
          ],
        }),
      ),
      answer(
        body({
          address: B,
          media: [
            [
              'm=audio 5000 RTP/AVP 0 101',
              'a=rtpmap:0 PCMU/8000',
              'a=rtpmap:101 telephone-event/8000',
              'a=fmtp:101 0-15',
            ],
          ],
        }),
      ),
    ],
  },
  {
    name: 'connection in the media section only',
    steps: [
      offer(body({ connection: false, media: [['m=audio 4000 RTP/AVP 0', `c=IN IP4 ${A}`]] })),
      answer(body({ address: B, connection: false, media: [['m=audio 5000 RTP/AVP 0', `c=IN IP4 ${B}`]] })),
    ],
  },
  {
    name: 'connection in the session and another in the media section',
    differs: ['no session address'],
    steps: [
      offer(body({ address: '198.51.100.99', media: [['m=audio 4000 RTP/AVP 0', `c=IN IP4 ${A}`]] })),
      answer(),
    ],
  },
  {
    name: 'packet times of the offerer and none of the answerer',
    steps: [offer(body({ media: [audio(4000, 'a=ptime:30', 'a=maxptime:60')] })), answer()],
  },
  {
    name: 'packet times of both',
    steps: [
      offer(body({ media: [audio(4000, 'a=ptime:30')] })),
      answer(body({ address: B, media: [audio(5000, 'a=ptime:20')] })),
    ],
  },
  {
    name: 'lines that end in LF only',
    steps: [offer(AUDIO.replaceAll('\r\n', '\n')), answer(AUDIO_B.replaceAll('\r\n', '\n'))],
  },
  { name: 'last line without its end', steps: [offer(AUDIO.trimEnd()), answer()] },
  {
    name: 'no s= and no t= line',
    differs: ['time is always said'],
    steps: [offer(AUDIO.replace('s=call\r\n', '').replace('t=0 0\r\n', '')), answer()],
  },
  {
    name: 'unknown attributes survive',
    steps: [
      offer(
        body({
          session: ['a=x-session:1', 'a=tool:phone 2.0'],
          media: [audio(4000, 'a=x-media', 'a=foo:bar baz')],
        }),
      ),
      answer(body({ address: B, media: [audio(5000, 'a=x-answer:1')] })),
    ],
  },
  {
    name: 'RTCP on a port of its own',
    steps: [offer(body({ media: [audio(4000, 'a=rtcp:4100')] })), answer()],
  },
  {
    name: 'RTCP on a port and address of its own',
    steps: [offer(body({ media: [audio(4000, `a=rtcp:4100 IN IP4 ${A}`)] })), answer()],
  },
  {
    name: 'bandwidth in the session and in the media section',
    steps: [
      offer(body({ session: [], media: [audio(4000).toSpliced(1, 0, 'b=AS:64', 'b=RR:0', 'b=RS:600')] })),
      answer(),
    ],
  },
  {
    name: 'session lines for people',
    steps: [
      offer(
        AUDIO.replace(
          's=call\r\n',
          's=call\r\ni=weekly talk\r\nu=http://example.com/\r\ne=a@example.com\r\np=+1 555\r\n',
        ),
      ),
      answer(),
    ],
  },
  {
    name: 'media title, mid and label',
    steps: [
      offer(body({ media: [audio(4000, 'a=mid:one', 'a=label:7').toSpliced(1, 0, 'i=left ear')] })),
      answer(),
    ],
  },
  {
    name: 'feedback attributes by payload type and for all',
    steps: [
      offer(
        body({
          media: [
            [
              'm=audio 4000 RTP/AVPF 0',
              'a=rtpmap:0 PCMU/8000',
              'a=rtcp-fb:0 nack',
              'a=rtcp-fb:* trr-int 100',
            ],
          ],
        }),
      ),
      answer(body({ address: B, media: [['m=audio 5000 RTP/AVPF 0', 'a=rtpmap:0 PCMU/8000']] })),
    ],
  },
  {
    name: 'header extensions',
    steps: [
      offer(body({ media: [audio(4000, 'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level')] })),
      answer(
        body({ address: B, media: [audio(5000, 'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level')] }),
      ),
    ],
  },
  {
    name: 'SSRC and stream names',
    steps: [offer(body({ media: [audio(4000, 'a=ssrc:12345 cname:x@y', 'a=msid:stream track')] })), answer()],
  },
  {
    name: 'a dynamic payload type nobody explains',
    differs: ['unknown payload types stay unexplained'],
    steps: [offer(body({ media: [['m=audio 4000 RTP/AVP 0 96', 'a=rtpmap:0 PCMU/8000']] })), answer()],
  },
  {
    name: 'direction in the session part',
    steps: [
      offer(body({ session: ['a=sendonly'], media: [audio(4000)] })),
      answer(body({ address: B, media: [audio(5000, 'a=recvonly')] })),
    ],
  },
  {
    name: 'answer with other payload numbers for the same codec',
    differs: ['payload numbers of the answer are kept'],
    steps: [
      offer(
        body({
          media: [
            ['m=audio 4000 RTP/AVP 96 101', 'a=rtpmap:96 iLBC/8000', 'a=rtpmap:101 telephone-event/8000'],
          ],
        }),
      ),
      answer(
        body({
          address: B,
          media: [
            ['m=audio 5000 RTP/AVP 97 102', 'a=rtpmap:97 iLBC/8000', 'a=rtpmap:102 telephone-event/8000'],
          ],
        }),
      ),
    ],
  },
  {
    name: 'answer with a codec that was not offered',
    differs: ['a codec that was not offered is told as answered'],
    steps: [
      offer(body({ media: [['m=audio 4000 RTP/AVP 0']] })),
      answer(body({ address: B, media: [['m=audio 5000 RTP/AVP 8']] })),
    ],
  },
  {
    name: 'audio over IPv6',
    steps: [
      offer(body({ address: A6, media: [audio(4000)] })),
      answer(body({ address: '2001:db8::20', media: [audio(5000)] })),
    ],
  },
  {
    name: 'IPv4 to IPv6',
    steps: [
      offer(AUDIO, { 'address family': 'IP6' }),
      answer(body({ address: '2001:db8::20', media: [audio(5000)] }), { 'address family': 'IP4' }),
    ],
  },
  {
    name: 'IPv6 to IPv4, the answer left to the proxy',
    steps: [offer(body({ address: A6, media: [audio(4000)] }), { 'address family': 'IP4' }), answer()],
  },
  {
    name: 'media with a port count',
    differs: ['one pair of ports per m-line'],
    steps: [offer(body({ media: [['m=audio 4000/2 RTP/AVP 0']] })), answer()],
  },
  {
    name: 'empty list of formats in the answer',
    steps: [offer(AUDIO), answer(body({ address: B, media: [['m=audio 5000 RTP/AVP 0']] }))],
  },
];
