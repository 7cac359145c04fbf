import type { Conversation } from '../../support/oracle.js';
import { AUDIO, AUDIO_B, answer, answerBack, audio, B, body, offer, offerBack, reoffer } from '../bodies.js';

const HOLD_B = body({ address: B, media: [audio(5000, 'a=recvonly')] });
const zero = (...attributes: string[]): string =>
  body({ address: '0.0.0.0', media: [audio(4000, ...attributes)] });

/** Hold, offers within a dialogue, ports that stay or move, forks. */
export const DIALOGUE_CONVERSATIONS: readonly Conversation[] = [
  {
    name: 'hold with sendonly',
    steps: [offer(AUDIO), answer(), reoffer(body({ media: [audio(4000, 'a=sendonly')] })), answer(HOLD_B)],
  },
  {
    name: 'hold with inactive and resume',
    steps: [
      offer(AUDIO),
      answer(),
      reoffer(body({ version: 2, media: [audio(4000, 'a=inactive')] })),
      answer(body({ address: B, media: [audio(5000, 'a=inactive')] })),
      reoffer(body({ version: 3, media: [audio(4000)] })),
      answer(),
    ],
  },
  {
    name: 'hold the old way, with a zero address',
    steps: [offer(AUDIO), answer(), reoffer(zero()), answer(HOLD_B), reoffer(AUDIO), answer()],
  },
  {
    name: 'hold with a zero address that is to be replaced',
    steps: [
      offer(AUDIO),
      answer(),
      reoffer(zero('a=sendonly'), { replace: ['zero-address'] }),
      answer(HOLD_B),
    ],
  },
  { name: 'zero address in the first offer', steps: [offer(zero()), answer()] },
  {
    name: 'hold by the answerer',
    steps: [
      offer(AUDIO),
      answer(),
      offerBack(body({ address: B, media: [audio(5000, 'a=sendonly')] })),
      answerBack(body({ media: [audio(4000, 'a=recvonly')] })),
    ],
  },
  {
    name: 'recvonly in the offer',
    steps: [
      offer(body({ media: [audio(4000, 'a=recvonly')] })),
      answer(body({ address: B, media: [audio(5000, 'a=sendonly')] })),
    ],
  },
  { name: 'the same offer twice', steps: [offer(AUDIO), offer(AUDIO), answer(), answer()] },
  {
    name: 'a new offer before the answer, from another port',
    steps: [offer(AUDIO), offer(body({ version: 2, media: [audio(4010)] })), answer()],
  },
  {
    name: 'offer within the dialogue, nothing changed',
    steps: [offer(AUDIO), answer(), reoffer(AUDIO), answer()],
  },
  {
    name: 'the offerer moves to another port, and back',
    steps: [
      offer(AUDIO),
      answer(),
      reoffer(body({ version: 2, media: [audio(4010)] })),
      answer(),
      reoffer(body({ version: 3, media: [audio(4000)] })),
      answer(),
    ],
  },
  {
    name: 'the offerer moves to another address',
    steps: [
      offer(AUDIO),
      answer(),
      reoffer(body({ address: '198.51.100.11', media: [audio(4000)] })),
      answer(),
    ],
  },
  {
    name: 'the offerer moves, with port latching',
    steps: [
      offer(AUDIO),
      answer(),
      reoffer(body({ media: [audio(4010)] }), { flags: ['port-latching'] }),
      answer(),
    ],
  },
  {
    name: 'the offerer holds from another port',
    differs: ['a held leg keeps its port'],
    steps: [offer(AUDIO), answer(), reoffer(body({ media: [audio(4010, 'a=sendonly')] })), answer(HOLD_B)],
  },
  {
    name: 'the answerer moves to another port',
    steps: [offer(AUDIO), answer(), reoffer(AUDIO), answer(body({ address: B, media: [audio(5010)] }))],
  },
  {
    name: 'offer from the other side',
    steps: [offer(AUDIO), answer(), offerBack(AUDIO_B), answerBack(AUDIO)],
  },
  {
    name: 'late offer: the callee offers, the caller answers',
    steps: [
      { command: 'offer', 'from-tag': 'b', 'to-tag': 'a', sdp: AUDIO_B },
      { command: 'answer', 'from-tag': 'b', 'to-tag': 'a', sdp: AUDIO },
    ],
  },
  { name: 'provisional and final answer', steps: [offer(AUDIO), answer(AUDIO_B), answer(AUDIO_B)] },
  {
    name: 'a fork with two branches, the second one answers',
    steps: [
      offer(AUDIO, { 'via-branch': 'one' }),
      offer(AUDIO, { 'via-branch': 'two' }),
      answer(AUDIO_B, { 'via-branch': 'two' }),
      { command: 'query' },
    ],
  },
  {
    name: 'a fork in which both branches answer',
    steps: [
      offer(AUDIO, { 'via-branch': 'one' }),
      offer(AUDIO, { 'via-branch': 'two' }),
      answer(AUDIO_B, { 'via-branch': 'one' }),
      answer(body({ address: '198.51.100.30', media: [audio(6000)] }), {
        'via-branch': 'two',
        'to-tag': 'c',
      }),
    ],
  },
  {
    name: 'a branch is offered again',
    steps: [
      offer(AUDIO, { 'via-branch': 'one' }),
      offer(AUDIO, { 'via-branch': 'two' }),
      offer(AUDIO, { 'via-branch': 'one' }),
    ],
  },
  {
    name: 'a fork without branches: another phone answers after the first',
    steps: [
      offer(AUDIO),
      answer(AUDIO_B),
      answer(body({ address: '198.51.100.30', media: [audio(6000)] }), { 'to-tag': 'c' }),
    ],
  },
  {
    name: 'after a fork, the phone that answered ends the call',
    steps: [
      offer(AUDIO, { 'via-branch': 'one' }),
      offer(AUDIO, { 'via-branch': 'two' }),
      answer(AUDIO_B, { 'via-branch': 'two' }),
      { command: 'delete', 'from-tag': 'b' },
      { command: 'list' },
    ],
  },
  {
    name: 'after a fork, the caller ends the call',
    steps: [
      offer(AUDIO, { 'via-branch': 'one' }),
      offer(AUDIO, { 'via-branch': 'two' }),
      answer(AUDIO_B, { 'via-branch': 'two' }),
      { command: 'delete', 'from-tag': 'a' },
      { command: 'list' },
    ],
  },
  { name: 'tags that are equal', steps: [offer(AUDIO, { 'to-tag': 'a' })] },
];
