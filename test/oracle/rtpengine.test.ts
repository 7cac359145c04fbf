import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeLocalPeers } from '../support/netns-peers.js';
import { proxyUnderTest } from '../support/netns-proxy.js';
import {
  compare,
  type Conversation,
  converse,
  type Difference,
  type LocalProxy,
  startLocalProxy,
} from '../support/oracle.js';
import { AUDIO_CONVERSATIONS } from './conversations/audio.js';
import { CONTROL_CONVERSATIONS } from './conversations/control.js';
import { CORPUS_CONVERSATIONS } from './conversations/corpus.js';
import { DIALOGUE_CONVERSATIONS } from './conversations/dialogues.js';
import { FLAG_CONVERSATIONS } from './conversations/flags.js';
import { MEDIA_CONVERSATIONS } from './conversations/medias.js';
import { DEPARTURE_CONVERSATIONS, PUBLICATION_CONVERSATIONS } from './conversations/publications.js';
import { RTCP_MUX_CONVERSATIONS } from './conversations/rtcp-mux.js';
import { SUBSCRIPTION_CONVERSATIONS } from './conversations/subscriptions.js';
import { KNOWN_DIFFERENCES } from './differences.js';

const GROUPS: Readonly<Record<string, readonly Conversation[]>> = {
  audio: AUDIO_CONVERSATIONS,
  'several and other medias': MEDIA_CONVERSATIONS,
  flags: FLAG_CONVERSATIONS,
  'rtcp-mux': RTCP_MUX_CONVERSATIONS,
  dialogues: DIALOGUE_CONVERSATIONS,
  control: CONTROL_CONVERSATIONS,
  subscriptions: SUBSCRIPTION_CONVERSATIONS,
  publications: PUBLICATION_CONVERSATIONS,
  departures: DEPARTURE_CONVERSATIONS,
  'bodies of the field': CORPUS_CONVERSATIONS,
};

/** With rtpengine as the proxy under test as well, nothing may differ: this proves the comparison. */
const subjectKind = proxyUnderTest();

describeLocalPeers(['rtpengine'], 'the same commands to rtpengine 10.5', () => {
  let oracle: LocalProxy;
  let subject: LocalProxy;
  beforeAll(async () => {
    // One after the other, so that the first is stopped if the second does not start.
    oracle = await startLocalProxy('rtpengine', 22231, 51000);
    subject = await startLocalProxy(subjectKind, 22232, 52000);
  });
  afterAll(async () => {
    await oracle?.[Symbol.asyncDispose]();
    await subject?.[Symbol.asyncDispose]();
  });

  for (const [group, conversations] of Object.entries(GROUPS)) {
    for (const conversation of conversations) {
      it(`${group}: ${conversation.name}`, async () => {
        const callId = `${group}/${conversation.name}`;
        const [expected, actual] = await Promise.all([
          converse(oracle.ng, conversation, callId),
          converse(subject.ng, conversation, callId),
        ]);
        const differences = compare(conversation, expected, actual);
        const known = subjectKind === 'tandem' ? (conversation.differs ?? []) : [];
        const unexplained = differences.filter((each) => !known.some((name) => matches(name, each)));
        expect(unexplained.map(inWords)).toEqual([]);
        expect(known.filter((name) => !differences.some((difference) => matches(name, difference)))).toEqual(
          [],
        );
      });
    }
  }
});

function matches(name: string, difference: Difference): boolean {
  const known = KNOWN_DIFFERENCES[name];
  if (known === undefined) throw new Error(`no such known difference: ${name}`);
  return known.matches(difference);
}

function inWords({ step, command, fact, oracle, subject }: Difference): string {
  return `step ${step} ${command}: ${fact} is ${oracle ?? 'absent'} at rtpengine and ${subject ?? 'absent'} here`;
}
