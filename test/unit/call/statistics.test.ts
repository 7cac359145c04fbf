import { describe, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { describeCall } from '../../../src/call/statistics.js';
import { audio, Conversation, FACTS } from '../negotiation/sample.js';

function callAfter(play: (conversation: Conversation) => void): Call {
  const conversation = new Conversation();
  play(conversation);
  if (conversation.call === undefined) throw new Error('there is no call');
  return conversation.call;
}

const QUERY = { kind: 'query', callId: 'call@example' } as const;

describe('what a query shows', () => {
  const call = callAfter((conversation) => {
    conversation.offer(audio(10, 4000), { label: 'caller', metadata: 'x:1' }, { branch: 'br1' });
    conversation.answer(audio(20, 5000), {}, { branch: 'br1' });
  });

  test('is who hears whom, and where', () => {
    const shown = describeCall(call, null, null, FACTS.now + 1);
    expect(shown).toMatchObject({ callId: 'call@example', createdMs: FACTS.now, metadata: 'x:1' });
    expect(shown.parties[0]).toMatchObject({
      tag: 'alice',
      label: 'caller',
      subscriptions: [{ tag: 'bob', type: 'offer/answer' }],
      subscribers: [{ tag: 'bob', type: 'offer/answer' }],
      medias: [
        {
          index: 1,
          type: 'audio',
          protocol: 'RTP/AVP',
          codecs: ['PCMU/8000', 'telephone-event/8000'],
          flags: ['initialized', 'send', 'recv'],
          local: { address: '10.0.0.5', rtpPort: 30_000, rtcpPort: 30_001 },
          advertised: { rtp: '198.51.100.10:4000', rtcp: '198.51.100.10:4001' },
        },
      ],
    });
    expect(shown.parties[1]).toMatchObject({ tag: 'bob', viaBranch: 'br1' });
  });

  test('is whom a call is offered to, until somebody answers', () => {
    const links = (play: (conversation: Conversation) => void) =>
      describeCall(callAfter(play), null, null, 0).parties.map(({ subscriptions, subscribers }) =>
        [subscriptions, subscribers].map((linked) => linked.map(({ tag }) => tag)),
      );
    const offer = (branch: string) => (conversation: Conversation) =>
      conversation.offer(audio(10, 4000), {}, { branch });
    const fork = (conversation: Conversation) => {
      offer('br1')(conversation);
      offer('br2')(conversation);
    };
    const [alone, heard, nobody] = [
      [[''], ['']],
      [['alice'], ['alice']],
      [[], []],
    ];
    expect(links(offer('br1'))).toEqual([alone, heard]);
    expect(links(fork)).toEqual([alone, nobody, heard]);
    const answered = links((conversation) => {
      fork(conversation);
      conversation.answer(audio(20, 5000), {}, { branch: 'br1' });
    });
    expect(answered).toEqual([[['bob'], ['bob']], heard, nobody]);
  });

  test('is limited to a party and those it hears, answered or not', () => {
    const offered = callAfter((conversation) => conversation.offer(audio(10, 4000)));
    expect(describeCall(offered, null, { ...QUERY, fromTag: 'alice' }, 0).parties).toHaveLength(2);
  });

  test('is limited to a party and whom it hears', () => {
    expect(describeCall(call, null, { ...QUERY, fromTag: 'eve' }, 0).parties).toEqual([]);
    expect(describeCall(call, null, { ...QUERY, fromTag: 'alice' }, 0).parties).toHaveLength(2);
  });

  test('of both tags is limited by the To tag', () => {
    const forked = callAfter((conversation) => {
      conversation.offer(audio(10, 4000), {}, { branch: 'br1' });
      conversation.answer(audio(20, 5000), {}, { branch: 'br1' });
      conversation.offer(audio(10, 4000), {}, { branch: 'br2' });
      conversation.answer(audio(30, 6000), {}, { to: 'carol', branch: 'br2' });
    });
    const tags = describeCall(forked, null, { ...QUERY, fromTag: 'alice', toTag: 'bob' }, 0).parties;
    expect(tags.map(({ tag }) => tag)).toEqual(['bob']);
  });

  test('is found by each name of a party', () => {
    const aliased = callAfter((conversation) => {
      conversation.offer(audio(10, 4000), { aliasKey: 'address' }, { from: 'alice' });
      conversation.offer(audio(10, 4000), { aliasKey: 'address' }, { from: 'alice-2' });
    });
    for (const fromTag of ['alice', 'alice-2']) {
      const [party] = describeCall(aliased, null, { ...QUERY, fromTag }, 0).parties;
      expect(party).toMatchObject({ tag: 'alice-2', tagAliases: ['alice'] });
    }
  });

  test('names parties without a tag by number, and says what is held', () => {
    const held = callAfter((conversation) => {
      conversation.offer(audio(10, 4000, 'a=sendonly'), {}, { branch: 'br1' });
    });
    const [alice, peer] = describeCall(held, null, null, 0).parties;
    expect(alice?.medias[0]?.flags).toEqual(['initialized', 'recv']);
    expect(peer?.tag).toBeUndefined();
    expect(peer?.medias[0]?.advertised).toBeUndefined();
  });

  test('says who has a feedback profile, and that RTCP is generated here', () => {
    const converted = callAfter((conversation) => {
      conversation.offer(audio(10, 4000), { transportProtocol: 'RTP/AVPF', generateRtcp: true });
      conversation.answer(audio(20, 5000).replace('RTP/AVP', 'RTP/AVPF'));
    });
    const flags = describeCall(converted, null, null, 0).parties.map(({ medias }) =>
      medias[0]?.flags.slice(3),
    );
    expect(flags).toEqual([['RTCP generator'], ['RTCP feedback', 'RTCP generator']]);
  });
});
