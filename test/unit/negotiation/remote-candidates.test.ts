import { expect, test } from 'vitest';
import type { Facts } from '../../../src/negotiation/facts.js';
import { audio, Conversation, FACTS } from './sample.js';

const WITH_ICE: Facts = { ...FACTS, capabilities: new Set(['ice', 'srtp']) };
const CREDENTIALS = ['a=ice-ufrag:theirs', 'a=ice-pwd:their0password0is0none0too'];

/** A party that has settled on a pair names our address of it (RFC 8839 §5.2). */
function settled(remote: string): string {
  return audio(7, 4000, ...CREDENTIALS, `a=remote-candidates:${remote}`);
}

test.each(['1 203.0.113.5 30000', '1 203.0.113.5 30000 2 203.0.113.5 30001', '1 host.invalid 0 x', ''])(
  'what a party says of our candidates is not passed on, and changes nothing: "%s"',
  (remote) => {
    const [said, unsaid] = [new Conversation(WITH_ICE), new Conversation(WITH_ICE)];
    const offered = said.offer(settled(remote));
    expect(offered).not.toContain('remote-candidates');
    expect(offered).toBe(unsaid.offer(audio(7, 4000, ...CREDENTIALS)));
    expect(said.plan?.streams).toEqual(unsaid.plan?.streams);
  },
);
