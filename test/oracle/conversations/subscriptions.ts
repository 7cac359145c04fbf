import type { Command, Conversation } from '../../support/oracle.js';
import { AUDIO, answer, body, offer } from '../bodies.js';

const established = [offer(AUDIO), answer()] as const;
const LISTENER = { 'to-tag': 'rec' };

function subscribe(keys: Omit<Command, 'command'> = { 'from-tag': 'a' }): Command {
  return { command: 'subscribe request', ...LISTENER, ...keys };
}

function taken(...media: readonly string[]): Command {
  return {
    command: 'subscribe answer',
    ...LISTENER,
    sdp: body({ media: media.map((each) => each.split('\n')) }),
  };
}

const OWN_NAMES = ['the offer for a listener is our own'];

/** Whoever listens to a call, with the offer it gets. */
export const SUBSCRIPTION_CONVERSATIONS: readonly Conversation[] = [
  {
    name: 'one party is heard',
    differs: OWN_NAMES,
    steps: [
      ...established,
      subscribe(),
      taken('m=audio 7000 RTP/AVP 0 8\na=recvonly'),
      { command: 'query', 'from-tag': 'a' },
    ],
  },
  {
    name: 'all parties are heard',
    differs: [...OWN_NAMES, 'labels for listeners are other numbers'],
    steps: [...established, subscribe({ flags: ['all', 'SIPREC'] })],
  },
  {
    name: 'parties are heard by name',
    differs: OWN_NAMES,
    steps: [...established, subscribe({ 'from-tags': ['b', 'a', 'z'] })],
  },
  { name: 'a party is heard before the answer', differs: OWN_NAMES, steps: [offer(AUDIO), subscribe()] },
  {
    name: 'an answer lacks a codec',
    differs: OWN_NAMES,
    steps: [...established, subscribe(), taken('m=audio 7000 RTP/AVP 3\na=recvonly')],
  },
  {
    name: 'a listener that ends',
    differs: OWN_NAMES,
    steps: [...established, subscribe(), { command: 'unsubscribe', ...LISTENER }],
  },
  {
    name: 'a subscription to nobody',
    differs: ['a refusal in newer words'],
    steps: [...established, subscribe({})],
  },
  { name: 'a subscription to somebody unknown', steps: [...established, subscribe({ 'from-tag': 'z' })] },
  { name: 'a subscription to an unknown label', steps: [...established, subscribe({ label: 'z' })] },
  { name: 'a subscription to an unknown call', differs: ['a refusal in newer words'], steps: [subscribe()] },
  { name: 'an answer of an unknown listener', steps: [...established, taken('m=audio 7000 RTP/AVP 0')] },
  { name: 'an answer in an unknown call', steps: [taken('m=audio 7000 RTP/AVP 0')] },
  { name: 'an answer without SDP', steps: [...established, { command: 'subscribe answer', ...LISTENER }] },
  { name: 'an end without a tag', steps: [...established, { command: 'unsubscribe' }] },
  { name: 'an end in an unknown call', steps: [{ command: 'unsubscribe', ...LISTENER }] },
];
