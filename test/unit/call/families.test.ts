import { describe, expect, test } from 'vitest';
import { countFamilies, mediaFamilies } from '../../../src/call/families.js';
import { audio, Conversation } from '../negotiation/sample.js';

function overIp6(sdp: string): string {
  return sdp.replaceAll(/IP4 \S+/g, 'IP6 2001:db8::7');
}

function answered(offer: string, answer: string, flags: object = {}): Conversation {
  const conversation = new Conversation();
  conversation.offer(offer, flags);
  conversation.answer(answer);
  return conversation;
}

const [ip4, ip6] = [audio(10, 4000), overIp6(audio(20, 5000))];

describe('a call', () => {
  test.each([
    ['IP4', ip4, ip4, {}],
    ['IP6', ip6, ip6, { addressFamily: 'IP6' }],
    ['mixed', ip4, ip6, { addressFamily: 'IP6' }],
    ['mixed', ip6, ip4, { addressFamily: 'IP4' }],
  ])('is of %s by the addresses of both parties', (families, offer, answer, flags) => {
    const { call } = answered(offer, answer, flags);
    expect(call && mediaFamilies(call)).toBe(families);
  });

  test('is of none until it is answered', () => {
    const conversation = new Conversation();
    conversation.offer(ip4, { addressFamily: 'IP6' });
    const { call } = conversation;
    if (call === undefined) throw new Error('there is no call');
    expect(mediaFamilies(call)).toBeUndefined();
    expect(countFamilies([mediaFamilies(call)])).toEqual({ IP4: 0, IP6: 0, mixed: 0 });
  });
});
