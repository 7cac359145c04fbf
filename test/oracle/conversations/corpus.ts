import type { Conversation } from '../../support/oracle.js';
import { sdpCorpus } from '../../support/sdp-corpus.js';
import { offer } from '../bodies.js';

const NO_ICE = 'only RTP has ICE';
const NO_KEYS = 'browsers get no keys';
const END_TO_END = 'fingerprints stay with their owners';

const DIFFERS: Readonly<Record<string, readonly string[]>> = {
  'bfcp-conference': [END_TO_END],
  'chromium-156-audio': [NO_KEYS],
  'chromium-156-video-data': [NO_ICE, END_TO_END, NO_KEYS],
  'chromium-gathered': [NO_KEYS],
  'chromium-offer': [NO_KEYS],
  'chromium-simulcast': [NO_KEYS],
  'data-channel': [NO_ICE, END_TO_END],
  'firefox-offer': ['a trickle placeholder is no hold', NO_KEYS],
  msrp: ['no session address'],
  multicast: ['multicast addresses are read'],
  'no-media': ['an offer without media is passed on'],
  't38-bare-flags': ['a profile is written as it came'],
  'weird-empty-values': ['another text for a broken body'],
  'weird-order': ['lines out of order are read'],
};

/** Bodies as phones, gateways and browsers write them, offered once. */
export const CORPUS_CONVERSATIONS: readonly Conversation[] = sdpCorpus().map(({ name, text }) => ({
  name,
  steps: [offer(text, { replace: ['origin', 'session-connection'] })],
  differs: DIFFERS[name] ?? [],
}));
