import type { Conversation } from '../../support/oracle.js';
import { AUDIO, AUDIO_B, answer, audio, B, body, offer } from '../bodies.js';

const established = [offer(AUDIO), answer()] as const;

/** Everything that is not an offer or an answer, and what goes wrong with those. */
export const CONTROL_CONVERSATIONS: readonly Conversation[] = [
  { name: 'ping', steps: [{ command: 'ping' }] },
  { name: 'a command nobody knows', steps: [{ command: 'make coffee' }] },
  {
    name: 'list',
    steps: [
      ...established,
      { command: 'list' },
      { command: 'list', limit: 0 },
      { command: 'list', limit: -1 },
      { command: 'list', limit: 'many' },
    ],
  },
  { name: 'query of an answered call', steps: [...established, { command: 'query' }] },
  {
    name: 'query of a call that is not answered',
    steps: [offer(AUDIO), { command: 'query' }],
  },
  {
    name: 'query of parties that multiplex',
    differs: ['multiplexed RTCP is shown where it goes'],
    steps: [
      offer(body({ media: [audio(4000, 'a=rtcp-mux')] })),
      answer(body({ address: B, media: [audio(5000, 'a=rtcp-mux')] })),
      { command: 'query' },
    ],
  },
  {
    name: 'query of a call whose offer asks for one-way streams in the kernel',
    steps: [offer(AUDIO, { flags: ['unidirectional'] }), answer(), { command: 'query' }],
  },
  { name: 'query of one party', steps: [...established, { command: 'query', 'from-tag': 'a' }] },
  { name: 'query of a call nobody knows', steps: [{ command: 'query' }] },
  { name: 'delete a call', steps: [...established, { command: 'delete' }, { command: 'list' }] },
  {
    name: 'delete by the caller',
    steps: [...established, { command: 'delete', 'from-tag': 'a' }, { command: 'list' }],
  },
  {
    name: 'delete by the callee',
    steps: [...established, { command: 'delete', 'from-tag': 'b' }, { command: 'list' }],
  },
  {
    name: 'delete with both tags',
    steps: [...established, { command: 'delete', 'from-tag': 'a', 'to-tag': 'b' }, { command: 'list' }],
  },
  {
    name: 'delete a call that is not answered',
    steps: [offer(AUDIO), { command: 'delete', 'from-tag': 'a' }, { command: 'list' }],
  },
  {
    name: 'delete with a tag nobody has',
    steps: [...established, { command: 'delete', 'from-tag': 'z' }, { command: 'list' }],
  },
  { name: 'delete a call nobody knows', steps: [{ command: 'delete', 'from-tag': 'a' }] },
  {
    name: 'delete a call nobody knows, fatally',
    steps: [{ command: 'delete', 'from-tag': 'a', flags: ['fatal'] }],
  },
  { name: 'delete twice', steps: [...established, { command: 'delete' }, { command: 'delete' }] },
  {
    name: 'delete with a delay keeps the call',
    steps: [
      ...established,
      { command: 'delete', 'delete delay': 30 },
      { command: 'list' },
      { command: 'query' },
    ],
  },
  {
    name: 'a delayed delete is revoked by an offer',
    steps: [...established, { command: 'delete', 'delete delay': 1 }, offer(AUDIO), { command: 'query' }],
  },
  {
    name: 'delete one branch of a fork',
    steps: [
      offer(AUDIO, { 'via-branch': 'one' }),
      offer(AUDIO, { 'via-branch': 'two' }),
      { command: 'delete', 'from-tag': 'a', 'via-branch': 'one' },
      { command: 'list' },
      answer(AUDIO_B, { 'via-branch': 'two' }),
    ],
  },
  { name: 'offer without SDP', steps: [{ command: 'offer', 'from-tag': 'a' }] },
  { name: 'offer without a tag', steps: [{ command: 'offer', sdp: AUDIO }] },
  {
    name: 'offer without a call',
    steps: [{ command: 'offer', 'call-id': undefined, 'from-tag': 'a', sdp: AUDIO }],
  },
  {
    name: 'answer without the second tag',
    steps: [offer(AUDIO), { command: 'answer', 'from-tag': 'a', sdp: AUDIO_B }],
  },
  { name: 'answer of a call nobody knows', steps: [answer()] },
  { name: 'delete without a call', steps: [{ command: 'delete', 'call-id': undefined }] },
  { name: 'query without a call', steps: [{ command: 'query', 'call-id': undefined }] },
  { name: 'SDP that is none', steps: [offer('hello')] },
  { name: 'SDP without a version', steps: [offer(AUDIO.replace('v=0\r\n', ''))] },
  { name: 'SDP with a broken line', steps: [offer(AUDIO.replace('t=0 0', 'time'))] },
  {
    name: 'SDP without an address',
    steps: [offer(body({ connection: false, media: [['m=audio 4000 RTP/AVP 0']] }))],
  },
  {
    name: 'SDP without a media line',
    differs: ['an offer without media is passed on'],
    steps: [offer(body({ media: [] }))],
  },
  {
    name: 'SDP with a payload type beyond 127',
    steps: [offer(body({ media: [['m=audio 4000 RTP/AVP 200']] }))],
  },
  { name: 'SDP with a port that is none', steps: [offer(body({ media: [['m=audio 99999 RTP/AVP 0']] }))] },
  {
    name: 'block and unblock media',
    steps: [...established, { command: 'block media' }, { command: 'unblock media' }],
  },
  {
    name: 'silence media',
    steps: [...established, { command: 'silence media' }, { command: 'unsilence media' }],
  },
  { name: 'block DTMF', steps: [...established, { command: 'block DTMF' }, { command: 'unblock DTMF' }] },
  {
    name: 'block media of one party, named without a word more',
    steps: [...established, { command: 'block media', 'from-tag': 'a' }, { command: 'query' }],
  },
  { name: 'block media of a call nobody knows', steps: [{ command: 'block media' }] },
  {
    name: 'block media of a party nobody knows',
    steps: [...established, { command: 'block media', 'from-tag': 'z', flags: ['directional'] }],
  },
  { name: 'load limit is not reached', steps: [offer(AUDIO, { supports: ['load limit'] }), answer()] },
];
