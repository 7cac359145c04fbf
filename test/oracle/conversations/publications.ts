import type { Command, Conversation } from '../../support/oracle.js';
import type { NgDictionary } from '../../support/oracle-ng-client.js';
import { AUDIO, AUDIO_B, answer, audio, body, offer, video } from '../bodies.js';

const SENDS = body({ media: [audio(4000, 'a=sendonly')] });

function publish(sdp: string = SENDS, keys: NgDictionary = {}): Command {
  return { command: 'publish', 'from-tag': 'a', sdp, ...keys };
}

const KEY = 'AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz';
const EVENTS = ['a=rtpmap:101 telephone-event/8000', 'a=sendonly'];

const OWN = ['the answer to a publication is named by nobody'];

/** Parties without a peer, and who listens to them. */
export const PUBLICATION_CONVERSATIONS: readonly Conversation[] = [
  { name: 'what only sends', differs: OWN, steps: [publish(), { command: 'query' }, { command: 'list' }] },
  {
    name: 'what would receive, too',
    differs: OWN,
    steps: [
      publish(AUDIO),
      publish(body({ media: [audio(4000, 'a=recvonly')] })),
      publish(body({ media: [audio(4000, 'a=inactive')] })),
    ],
  },
  { name: 'the same again', differs: OWN, steps: [publish(), publish()] },
  {
    name: 'the codec that is wanted',
    differs: OWN,
    steps: [
      publish(SENDS, { codec: { accept: ['PCMA'] } }),
      publish(SENDS, { codec: { accept: ['opus', 'PCMA', 'PCMU'] } }),
      publish(SENDS, { codec: { accept: ['opus'] } }),
    ],
  },
  {
    name: 'any codec',
    differs: OWN,
    steps: [publish(body({ media: [audio(4000), video(4010)] }), { codec: { accept: ['any'] } })],
  },
  {
    name: 'codecs nobody could convert',
    differs: ['what is not converted need not be convertible'],
    steps: [publish(body({ media: [video(4010)] }))],
  },
  {
    name: 'telephone events',
    differs: [...OWN, 'events are published with their codec'],
    steps: [publish(body({ media: [['m=audio 4000 RTP/AVP 8 101', ...EVENTS]] }))],
  },
  { name: 'multiplexed RTCP', differs: OWN, steps: [publish(body({ media: [audio(4000, 'a=rtcp-mux')] }))] },
  {
    name: 'keys',
    differs: OWN,
    steps: [publish(body({ media: [['m=audio 4000 RTP/SAVP 8', `a=crypto:1 ${KEY}`, 'a=sendonly']] }))],
  },
  { name: 'an interface', differs: OWN, steps: [publish(SENDS, { interface: 'outer' })] },
  {
    name: 'a listener',
    differs: [...OWN, 'the offer for a listener is our own'],
    steps: [
      publish(),
      { command: 'subscribe request', 'from-tag': 'a', 'to-tag': 'rec' },
      {
        command: 'subscribe answer',
        'to-tag': 'rec',
        sdp: body({ media: [['m=audio 7000 RTP/AVP 0', 'a=recvonly']] }),
      },
      { command: 'query', 'from-tag': 'rec' },
    ],
  },
  {
    name: 'all listeners want parties of a conversation',
    differs: [...OWN, 'a refusal in newer words'],
    steps: [publish(), { command: 'subscribe request', 'to-tag': 'rec', flags: ['all'] }],
  },
  {
    name: 'its end',
    differs: OWN,
    steps: [publish(), { command: 'delete', 'from-tag': 'a', 'delete delay': 0 }, { command: 'list' }],
  },
  { name: 'nothing', steps: [{ command: 'publish', 'from-tag': 'a' }] },
  { name: 'what is no SDP', steps: [publish('x')] },
  { name: 'what is rejected', steps: [publish(body({ media: [['m=audio 0 RTP/AVP 8']] }))] },
];

const branch = (name: string): NgDictionary => ({ 'via-branch': name });
const gone = { command: 'delete', 'from-tag': 'b', 'delete delay': 0 } as const;

/** A party goes at once, and others stay. */
export const DEPARTURE_CONVERSATIONS: readonly Conversation[] = [
  {
    name: 'a party that was deleted is shown, and found by nobody',
    steps: [
      offer(AUDIO, branch('x')),
      answer(AUDIO_B, branch('x')),
      offer(AUDIO, branch('y')),
      answer(AUDIO_B, { ...branch('y'), 'to-tag': 'c' }),
      gone,
      { command: 'query' },
      { command: 'query', 'from-tag': 'b' },
      { command: 'block media', 'from-tag': 'b' },
      gone,
    ],
  },
];
