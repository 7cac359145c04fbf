import { describe, expect, test } from 'vitest';
import type { StreamPlan } from '../../../src/dataplane/protocol.gen.js';
import { audio, Conversation, portOf } from './sample.js';

/** A call between alice (198.51.100.10:4000) and bob (198.51.100.20:5000). */
function answered(): Conversation {
  const conversation = new Conversation();
  conversation.offer(audio(10, 4000));
  conversation.answer(audio(20, 5000));
  return conversation;
}

function streamAt(conversation: Conversation, remote: string): StreamPlan {
  const stream = conversation.plan?.streams.find((candidate) => candidate.remote?.rtp === remote);
  if (stream === undefined) throw new Error(`no stream with remote ${remote}`);
  return stream;
}

const WITHIN = { to: 'bob' };

describe('an offer within a call', () => {
  test('leaves the running media alone until it is answered', () => {
    const conversation = answered();
    const before = conversation.plan;
    conversation.offer(audio(10, 4444), {}, WITHIN);

    const alice = streamAt(conversation, '198.51.100.10:4000');
    const bob = streamAt(conversation, '198.51.100.20:5000');
    expect(alice.pendingRemote).toEqual({ rtp: '198.51.100.10:4444', rtcp: '198.51.100.10:4445' });
    expect(alice.learning.epoch).toBe(before?.streams[0]?.learning.epoch);
    expect(bob.locals[0]?.id).toBe(before?.streams[1]?.locals[0]?.id);
    expect(bob.locals).toHaveLength(2);
    expect(conversation.plan?.routes).toEqual(before?.routes);
  });

  test('comes into force with its answer', () => {
    const conversation = answered();
    const told = portOf(conversation.offer(audio(10, 4444), {}, WITHIN));
    conversation.answer(audio(20, 5000));

    const alice = streamAt(conversation, '198.51.100.10:4444');
    const bob = streamAt(conversation, '198.51.100.20:5000');
    expect(alice.pendingRemote).toBeNull();
    expect(alice.learning.epoch).toBe(2);
    expect(bob.learning.epoch).toBe(2);
    expect(bob.locals[0]?.port).toBe(told);
    expect(bob.locals).toHaveLength(2);
  });

  test('that is refused is undone by the old SDP, with the old ports', () => {
    const conversation = new Conversation();
    const told = portOf(conversation.offer(audio(10, 4000)));
    conversation.answer(audio(20, 5000));
    conversation.offer(audio(10, 4444), {}, WITHIN);
    expect(portOf(conversation.offer(audio(10, 4000), {}, WITHIN))).toBe(told);
    expect(streamAt(conversation, '198.51.100.10:4000').pendingRemote).toBeNull();
  });

  test('that is refused does not stand in the way of an offer from the other side', () => {
    const conversation = answered();
    conversation.offer(audio(10, 4444), {}, WITHIN);
    conversation.offer(audio(20, 5000), {}, { from: 'bob', to: 'alice' });
    expect(streamAt(conversation, '198.51.100.10:4000').pendingRemote).toBeNull();
    conversation.answer(audio(10, 4000), {}, { from: 'bob', to: 'alice' });
    expect(streamAt(conversation, '198.51.100.20:5000').locals[0]?.port).toBe(30_002);
  });

  test('to hold lets media flow until the other side agrees', () => {
    const conversation = answered();
    conversation.offer(audio(10, 4000, 'a=sendonly'), {}, WITHIN);
    expect(conversation.plan?.streams.map(({ receive }) => receive)).toEqual([true, true]);
    conversation.answer(audio(20, 5000, 'a=recvonly'));
    expect(streamAt(conversation, '198.51.100.10:4000').receive).toBe(true);
    expect(streamAt(conversation, '198.51.100.20:5000').receive).toBe(false);
  });

  test('keeps the address of a party that holds by 0.0.0.0', () => {
    const conversation = answered();
    const held = audio(10, 4000).replace('c=IN IP4 198.51.100.10', 'c=IN IP4 0.0.0.0');
    conversation.offer(held, {}, WITHIN);
    conversation.answer(audio(20, 5000, 'a=recvonly'));
    const alice = streamAt(conversation, '198.51.100.10:4000');
    expect(alice.receive).toBe(true);
    expect(streamAt(conversation, '198.51.100.20:5000').receive).toBe(false);
  });
});

describe('a repeated answer', () => {
  test('is no reason to learn again', () => {
    const conversation = answered();
    const before = conversation.plan?.streams;
    conversation.answer(audio(20, 5000));
    expect(conversation.plan?.streams).toEqual(before?.map((stream) => withPort(stream, conversation)));
  });

  test('with another address is one, for the answerer', () => {
    const conversation = answered();
    conversation.answer(audio(20, 5550));
    expect(streamAt(conversation, '198.51.100.20:5550').learning.epoch).toBe(2);
    expect(streamAt(conversation, '198.51.100.10:4000').learning.epoch).toBe(1);
  });
});

/** The plan of an answer does not know yet which ports it will get; the next one does. */
function withPort(stream: StreamPlan, conversation: Conversation): StreamPlan {
  const after = conversation.plan?.streams.find(({ id }) => id === stream.id);
  return { ...stream, locals: after?.locals ?? [] };
}

describe('ports of a stream', () => {
  test('are bounded in number, the oldest ones go', () => {
    const conversation = answered();
    for (let round = 0; round < 20; round += 1) {
      conversation.offer(audio(10, 6000 + 2 * round), {}, WITHIN);
      conversation.answer(audio(20, 5000));
    }
    const bob = streamAt(conversation, '198.51.100.20:5000');
    expect(bob.locals.length).toBeLessThanOrEqual(8);
    expect(
      bob.locals.every(({ id }, index, all) => all.findIndex((other) => other.id === id) === index),
    ).toBe(true);
  });

  test('of a line that was never used are given back when it is rejected', () => {
    const conversation = new Conversation();
    const video = 'm=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n';
    conversation.offer(audio(10, 4000) + video);
    expect(conversation.plan?.streams).toHaveLength(4);
    conversation.answer(audio(20, 5000) + video.replace('4002', '0'));
    expect(conversation.plan?.streams).toHaveLength(2);
  });

  test('of a line that was in use stay while it is rejected', () => {
    const conversation = new Conversation();
    const video = 'm=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n';
    const told = conversation.offer(audio(10, 4000) + video);
    conversation.answer(audio(20, 5000) + video.replace('4002', '5002'));
    conversation.offer(audio(10, 4000) + video.replace('4002', '0'), {}, WITHIN);
    conversation.answer(audio(20, 5000) + video.replace('4002', '0'));
    expect(conversation.plan?.routes).toHaveLength(2);
    expect(portOf(conversation.offer(audio(10, 4000) + video, {}, WITHIN), 1)).toBe(portOf(told, 1));
  });
});
