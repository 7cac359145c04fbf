import type { Conversation } from '../../support/oracle.js';
import type { NgDictionary } from '../../support/oracle-ng-client.js';
import { AUDIO, AUDIO_B, answer, audio, B, body, offer, reoffer } from '../bodies.js';

const CODECS = body({
  media: [
    [
      'm=audio 4000 RTP/AVP 96 0 8 101',
      'a=rtpmap:96 opus/48000/2',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
    ],
  ],
});
const CODECS_B = body({
  address: B,
  media: [
    [
      'm=audio 5000 RTP/AVP 0 101',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
    ],
  ],
});

function both(name: string, keys: NgDictionary, sdp = AUDIO, answered = AUDIO_B): Conversation {
  return { name, steps: [offer(sdp, keys), answer(answered, keys)] };
}

function offered(name: string, keys: NgDictionary, sdp = AUDIO): Conversation {
  return { name, steps: [offer(sdp, keys), answer()] };
}

/** What can be asked of one offer and its answer. */
export const FLAG_CONVERSATIONS: readonly Conversation[] = [
  both('replace origin', { replace: ['origin'] }),
  both('replace session connection', { replace: ['session-connection'] }),
  both('replace origin and session connection', { replace: ['origin', 'session-connection'] }),
  both('replace user and session names', { replace: ['username', 'session-name'] }),
  {
    name: 'own version counter',
    steps: [
      offer(AUDIO, { replace: ['SDP-version'] }),
      answer(AUDIO_B, { replace: ['SDP-version'] }),
      reoffer(body({ version: 7, media: [audio(4000)] }), { replace: ['SDP-version'] }),
      reoffer(body({ version: 8, media: [audio(4000, 'a=sendonly')] }), { replace: ['SDP-version'] }),
    ],
  },
  both('media address', { 'media address': '192.0.2.77' }),
  offered('interfaces by name', { direction: ['inner', 'outer'] }),
  offered('interfaces by name, the other way', { direction: ['outer', 'inner'] }),
  {
    ...both('interfaces by name, in the answer as well', { direction: ['inner', 'outer'] }),
    differs: ['an answer chooses no interface'],
  },
  both('an interface nobody configured', { direction: ['inner', 'nowhere'] }),
  both('source address of the SIP message', {
    flags: ['SIP-source-address'],
    'received-from': ['IP4', '192.0.2.1'],
  }),
  both('trust address', { flags: ['trust-address'], 'received-from': ['IP4', '192.0.2.1'] }),
  both('flags that change nothing in the SDP', {
    flags: [
      'asymmetric',
      'strict-source',
      'media-handover',
      'symmetric',
      'no-redis-update',
      'unidirectional',
    ],
  }),
  both('a flag and a key nobody knows', { flags: ['make-coffee'], coffee: 'black' }),
  both('generate mid', { flags: ['generate-mid'] }),
  both('no rtcp attribute', { flags: ['no-rtcp-attribute'] }),
  both('full rtcp attribute', { flags: ['full-rtcp-attribute'] }),
  both(
    'strip header extensions',
    { flags: ['strip-extmap'] },
    body({ media: [audio(4000, 'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level')] }),
  ),
  both('original sendrecv', { flags: ['original-sendrecv'] }, body({ media: [audio(4000, 'a=sendonly')] })),
  both('original sendrecv without a direction', { flags: ['original-sendrecv'] }),
  offered('transport with feedback', { 'transport-protocol': 'RTP/AVPF' }),
  {
    ...both('transport with feedback, in the answer as well', { 'transport-protocol': 'RTP/AVPF' }),
    differs: ['an answer has the profile of the offer'],
  },
  offered('feedback taken away', { 'transport-protocol': 'RTP/AVP' }, AUDIO.replace('RTP/AVP ', 'RTP/AVPF ')),
  {
    ...both(
      'feedback taken away, in the answer as well',
      { 'transport-protocol': 'RTP/AVP' },
      AUDIO.replace('RTP/AVP ', 'RTP/AVPF '),
    ),
    differs: ['an answer has the profile of the offer'],
  },
  both('strip one codec', { codec: { strip: ['PCMA'] } }, CODECS, CODECS_B),
  both('strip a codec by clock rate', { codec: { strip: ['opus/48000/2'] } }, CODECS, CODECS_B),
  both('strip all but one', { codec: { strip: ['all'], except: ['PCMU'] } }, CODECS, CODECS_B),
  both(
    'strip all and offer two in order',
    { codec: { strip: ['all'], offer: ['PCMA', 'PCMU'] } },
    CODECS,
    CODECS_B,
  ),
  both(
    'strip everything there is',
    { codec: { strip: ['opus', 'PCMU', 'PCMA', 'telephone-event'] } },
    CODECS,
    CODECS_B,
  ),
  both('strip what is not there', { codec: { strip: ['G729'] } }, CODECS, CODECS_B),
  {
    ...both(
      'strip leaves only telephone events',
      { codec: { strip: ['opus', 'PCMU', 'PCMA'] } },
      CODECS,
      CODECS_B,
    ),
    differs: ['telephone events alone are no codec'],
  },
  both('codec names in lower case', { codec: { strip: ['pcma', 'OPUS'] } }, CODECS, CODECS_B),
  both(
    'codec flags in the list of flags',
    { flags: ['codec-strip-PCMA', 'codec-strip-opus'] },
    CODECS,
    CODECS_B,
  ),
  {
    ...both(
      'strip leaves telephone events of another clock rate',
      { codec: { strip: ['PCMU', 'PCMA'] } },
      CODECS,
      CODECS,
    ),
    differs: ['lone telephone events stay'],
  },
  both(
    'single codec',
    { flags: ['single-codec'] },
    CODECS_B.replace('RTP/AVP 0 101', 'RTP/AVP 0 8 101'),
    CODECS_B.replace('RTP/AVP 0 101', 'RTP/AVP 0 8 101'),
  ),
  both('single codec, telephone events of another clock rate', { flags: ['single-codec'] }, CODECS, CODECS),
  both('TOS and label', { TOS: 184, label: 'left' }),
  both('numbers as strings', { TOS: '184', 'delete delay': '3' }),
  both('spellings with blanks', {
    'transport protocol': 'RTP/AVP',
    flags: ['trust address', 'generate mid'],
  }),
  {
    name: 'loop protection',
    steps: [offer(AUDIO, { flags: ['loop-protect'] }), answer(AUDIO_B, { flags: ['loop-protect'] })],
  },
  both('remove ICE where there is none', { ICE: 'remove' }),
];
