import type { Conversation } from '../../support/oracle.js';
import { sdpCorpus } from '../../support/sdp-corpus.js';
import { offer } from '../bodies.js';

const SECURED = 'the keys of the parties pass through';
const NO_ICE = 'ICE is left out';
const END_TO_END = 'fingerprints stay with their owners';

const DIFFERS: Readonly<Record<string, readonly string[]>> = {
  'bfcp-conference': [END_TO_END],
  'chromium-gathered': [SECURED, NO_ICE],
  'chromium-offer': [SECURED, NO_ICE],
  'chromium-simulcast': [SECURED, NO_ICE],
  'data-channel': [NO_ICE, END_TO_END],
  'desk-phone-srtp-optional': [SECURED, END_TO_END],
  'firefox-offer': [SECURED, NO_ICE, 'a trickle placeholder is no hold'],
  msrp: ['no session address'],
  multicast: ['multicast addresses are read'],
  'no-media': ['an offer without media is passed on'],
  't38-bare-flags': ['a profile is written as it came'],
  'teams-like-sbc': [SECURED, NO_ICE, END_TO_END],
  'weird-empty-values': ['another text for a broken body'],
  'weird-order': ['lines out of order are read'],
};

/** Bodies as phones, gateways and browsers write them, offered once. */
export const CORPUS_CONVERSATIONS: readonly Conversation[] = sdpCorpus().map(({ name, text }) => ({
  name,
  steps: [offer(text, { replace: ['origin', 'session-connection'] })],
  differs: DIFFERS[name] ?? [],
}));
