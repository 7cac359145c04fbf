import { describe, expect, test } from 'vitest';
import { body, ListenedCall, offered } from '../service/listened-call.js';
import { browserVideo } from './browser-video.js';

const AUDIO = `m=audio 3000 RTP/AVPF 111 0 8
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1`;

function browser(host: number, videos: number): string {
  return body(host, AUDIO, ...Array.from({ length: videos }, (_, n) => browserVideo(n)));
}

async function talk(videos: number): Promise<ListenedCall> {
  const call = await ListenedCall.start();
  await exchange(call, videos);
  return call;
}

async function exchange(call: ListenedCall, videos: number): Promise<void> {
  const alice = { command: 'offer', 'from-tag': 'alice' };
  const offer = await call.do({ ...alice, sdp: browser(10, videos) });
  expect(offer.kind).toBe('sdp');
  const bob = { command: 'answer', 'from-tag': 'alice', 'to-tag': 'bob' };
  expect((await call.do({ ...bob, sdp: browser(20, videos) })).kind).toBe('sdp');
}

describe('parameters of formats', () => {
  test.each([4, 6, 8])(
    'are no reason to refuse a browser with %i videos, or its re-INVITE',
    async (videos) => {
      const call = await talk(videos);
      const again = { command: 'offer', 'from-tag': 'alice', 'to-tag': 'bob', sdp: browser(11, videos) };
      expect((await call.do(again)).kind).toBe('sdp');
      await exchange(call, videos);
    },
  );

  test('are no reason to refuse a fork', async () => {
    const call = await ListenedCall.start();
    for (let branch = 0; branch < 20; branch += 1) {
      const offer = { command: 'offer', 'from-tag': 'alice', 'via-branch': `b${branch}` };
      expect((await call.do({ ...offer, sdp: body(10, browserVideo(0)) })).kind).toBe('sdp');
      const answer = { ...offer, command: 'answer', 'to-tag': `bob${branch}` };
      expect((await call.do({ ...answer, sdp: body(20 + branch, browserVideo(0)) })).kind).toBe('sdp');
    }
  });

  test('are told to whoever listens to a browser with two videos', async () => {
    const call = await talk(2);
    const offer = offered(await call.subscribe());
    expect(offer.sdp).toContain('a=fmtp:111 minptime=10;useinbandfec=1');
    expect(offer.sdp.match(/a=fmtp:97 apt=96/g)).toHaveLength(4);
    expect((await call.accept(offer)).kind).toBe('done');
  });

  test('are left out where the record has no room for them, and the call goes on', async () => {
    const call = await ListenedCall.start();
    const videos = Array.from({ length: 8 }, (_, n) =>
      browserVideo(n).replaceAll('profile-level-id=', `profile-level-id=${n}${'0'.repeat(120)}`),
    );
    const alice = { command: 'offer', 'from-tag': 'alice' };
    const bob = { command: 'answer', 'from-tag': 'alice', 'to-tag': 'bob' };
    const first = await call.do({ ...alice, sdp: body(10, ...videos) });
    expect(first.kind === 'sdp' && first.sdp.includes('profile-level-id=7000')).toBe(true);
    expect((await call.do({ ...bob, sdp: body(20, ...videos) })).kind).toBe('sdp');
    expect(call.plan.memo).not.toContain('profile-level-id');
    expect((await call.do({ ...alice, 'to-tag': 'bob', sdp: body(11, ...videos) })).kind).toBe('sdp');
  });

  test('outlive the control plane, whoever has said them', async () => {
    const call = await talk(1);
    const after = await (await call.afterCrash()).subscribe();
    expect(offered(after).sdp).toBe(offered(await call.subscribe()).sdp);
  });
});
