import { describe, expect, test } from 'vitest';
import { withLearned } from '../../../src/call/learned.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { audio, Conversation, sdp } from './sample.js';

/** A video section as a browser writes it: many payload types, much feedback. */
function browserVideo(port: number): string {
  const codecs = [
    'VP8',
    'rtx',
    'H264',
    'rtx',
    'H264',
    'rtx',
    'H264',
    'rtx',
    'H264',
    'rtx',
    'AV1',
    'rtx',
    'VP9',
    'rtx',
  ];
  const types = [...codecs, 'VP9', 'rtx', 'red', 'rtx', 'ulpfec'].map(
    (name, index) => [96 + index, name] as const,
  );
  const lines = types.flatMap(([type, name]) => [
    `a=rtpmap:${type} ${name}/90000`,
    name === 'rtx' ? `a=fmtp:${type} apt=${type - 1}` : `a=rtcp-fb:${type} nack pli`,
  ]);
  return sdp(`m=video ${port} RTP/AVPF ${types.map(([type]) => type).join(' ')}`, ...lines);
}

describe('the size of a plan', () => {
  test('stays below 8 kB for two legs with audio and video of browsers', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000) + browserVideo(4002), { replace: new Set(['origin-full']) });
    conversation.answer(audio(20, 5000) + browserVideo(5002), { replace: new Set(['origin-full']) });
    expect(JSON.stringify(conversation.plan).length).toBeLessThan(8192);
  });

  test('is about 2.5 kB for an audio call, its memo below 1 kB', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    conversation.answer(audio(20, 5000));
    expect(JSON.stringify(conversation.plan).length).toBeLessThan(2560);
    expect(conversation.plan?.memo.length).toBeLessThan(1024);
  });
});

describe('payload types', () => {
  test('are those both sides speak, with the numbers of both', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000).replace('AVP 0 101', 'AVP 0 8 101'));
    conversation.answer(audio(20, 5000).replaceAll('101', '97'));
    const numbers = conversation.plan?.streams.map(({ payloads }) => payloads.map((p) => p.payloadType));
    expect(numbers?.[0]?.toSorted((a, b) => a - b)).toEqual([0, 97, 101]);
    expect(numbers?.[1]?.toSorted((a, b) => a - b)).toEqual([0, 97, 101]);
  });
});

describe('RTCP', () => {
  test('goes to the next port, to the one named, or nowhere else when multiplexed', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000, 'a=rtcp:4055 IN IP4 198.51.100.77'));
    conversation.answer(audio(20, 5000));
    expect(conversation.plan?.streams.map(({ remote }) => remote?.rtcp)).toEqual([
      '198.51.100.77:4055',
      '198.51.100.20:5001',
    ]);
    const muxed = new Conversation();
    muxed.offer(audio(10, 4000, 'a=rtcp-mux'));
    muxed.answer(audio(20, 5000, 'a=rtcp-mux'));
    expect(muxed.plan?.streams.map(({ rtcp, remote }) => [rtcp, remote?.rtcp])).toEqual([
      ['muxed', null],
      ['muxed', null],
    ]);
  });
});

describe('learned addresses', () => {
  test('are brought back with the session, until the party signals another address', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000));
    conversation.answer(audio(20, 5000));
    const stream = conversation.plan?.streams[0]?.id ?? 0;
    const base = { kind: 'remoteLearned', session: 'call@example', revision: 2, stream } as const;
    let call = conversation.call;
    if (call === undefined) throw new Error('there is no call');
    call = withLearned(call, { ...base, component: 'rtp', address: '192.0.2.1:1111' });
    call = withLearned(call, { ...base, component: 'rtcp', address: '192.0.2.1:2222' });
    expect(planOf(call).streams[0]?.resume).toEqual({ rtp: '192.0.2.1:1111', rtcp: '192.0.2.1:2222' });
    expect(withLearned(call, { ...base, stream: 999, component: 'rtp', address: '192.0.2.1:1' })).toBe(call);

    conversation.call = call;
    conversation.offer(audio(10, 4444), {}, { to: 'bob' });
    conversation.answer(audio(20, 5000));
    expect(conversation.plan?.streams[0]?.resume).toBeNull();
  });
});

describe('what holds for the call', () => {
  test('the type-of-service byte: as asked, as before, or as configured', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { tos: 32 });
    conversation.answer(audio(20, 5000), { tos: -1 });
    expect(conversation.plan?.tos).toBe(32);
    conversation.offer(audio(10, 4000), { tos: 256 }, { to: 'bob' });
    expect(conversation.plan?.tos).toBe(184);
  });

  test('how addresses are learned', () => {
    const conversation = new Conversation();
    conversation.offer(audio(10, 4000), { endpointLearning: 'off', strictSource: true, asymmetric: true });
    conversation.answer(audio(20, 5000), { mediaHandover: true });
    expect(conversation.plan?.streams.map(({ learning }) => learning)).toEqual([
      { mode: 'off', strict: true, handover: true, asymmetric: true, wait: false, pierce: false, epoch: 1 },
      { mode: 'off', strict: true, handover: true, asymmetric: false, wait: false, pierce: false, epoch: 1 },
    ]);
  });
});
