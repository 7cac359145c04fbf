import { beforeEach, describe, expect, test } from 'vitest';
import type { PartyReply, Reply } from '../../../src/command/reply.js';
import { body, ListenedCall, offered, PROTECTED, reasonOf } from './listened-call.js';

const AUDIO = 'm=audio 4000 RTP/AVP 8';

let call: ListenedCall;

beforeEach(async () => {
  call = await ListenedCall.start();
});

function party(reply: Reply): PartyReply {
  if (reply.kind !== 'party') throw new Error(`refused: ${JSON.stringify(reply)}`);
  return reply;
}

/** Carol is published: she sends, and is sent something where she is connected. */
async function publish(tag: string, host: number, line = AUDIO): Promise<PartyReply> {
  const flags = ['bidirectional'];
  return party(await call.do({ command: 'publish', 'from-tag': tag, sdp: body(host, line), flags }));
}

async function tagsIn(): Promise<readonly (string | undefined)[]> {
  const reply = await call.do({ command: 'query' });
  return reply.kind === 'statistics' ? reply.statistics.parties.map(({ tag }) => tag) : [];
}

describe('a published party', () => {
  test('gets the names its client leaves to us', async () => {
    const reply = party(await call.do({ command: 'publish', 'call-id': '', sdp: body(10, AUDIO) }));
    expect(reply.callId).toMatch(/^[0-9a-f]{64}$/);
    expect(reply.fromTag).toMatch(/^[0-9a-f]{64}$/);
    expect(call.node.dataPlane.plans.has(reply.callId)).toBe(true);
  });

  test('is heard by who subscribes, and by nobody who wants to hear all of a conversation', async () => {
    await publish('carol', 40);
    expect(reasonOf(await call.subscribe())).toBe('No medias found (no monologues matched)');
    await call.listen({ 'from-tag': 'carol' });
    expect(call.route(call.stream(40), call.stream(30))).toMatchObject({ media: 'forward' });
  });

  test('keeps its ports when it is published again', async () => {
    await publish('carol', 40);
    const { locals } = call.stream(40);
    await publish('carol', 40);
    expect(call.stream(40).locals).toEqual(locals);
  });

  test('comes back with its call after a crash', async () => {
    await publish('carol', 40);
    await call.listen({ 'from-tag': 'carol' });
    const before = call.plan;
    const again = await call.afterCrash();
    await again.do({ command: 'block media' });
    await again.do({ command: 'unblock media' });
    expect(again.plan.streams).toEqual(before.streams);
    expect(again.plan.routes).toEqual(before.routes);
  });

  test('is the end of its call when it is deleted, with those who listen', async () => {
    await publish('carol', 40);
    await call.listen({ 'from-tag': 'carol' });
    await call.do({ command: 'delete', 'from-tag': 'carol', 'delete-delay': 0 });
    expect(call.node.dataPlane.plans.has('call')).toBe(false);
  });

  test('outlives the conversation beside it', async () => {
    await call.talk();
    await publish('carol', 40);
    await call.do({ command: 'delete', 'from-tag': 'alice', 'delete-delay': 0 });
    expect(call.plan.streams).toEqual([call.stream(40)]);
  });

  test('is not taken in where no new call is', async () => {
    call.node.service.drain(true);
    const refused = await call.do({ command: 'publish', sdp: body(40, AUDIO) });
    expect(reasonOf(refused)).toBe('Parallel session limit reached');
    const created = await call.do({ command: 'create' });
    expect(reasonOf(created)).toBe('Parallel session limit reached');
  });

  test('is nobody who listens', async () => {
    await publish('carol', 40);
    await call.listen({ 'from-tag': 'carol' });
    const reply = await call.do({ command: 'publish', 'from-tag': 'rec', sdp: body(40, AUDIO) });
    expect(reasonOf(reply)).toBe('Invalid dialogue association');
  });

  test.each(['x', 'v=0', body(40, 'm=audio 0 RTP/AVP 8'), body(40, 'm=image 4000 udptl t38')])(
    'says something of RTP: %j',
    async (sdp) => {
      expect(reasonOf(await call.do({ command: 'publish', 'from-tag': 'c', sdp }))).toBe(
        'Failed to create SDP',
      );
      expect(call.node.dataPlane.plans.has('call')).toBe(false);
    },
  );
});

describe('a created party', () => {
  test('is offered what its client says, and heard from its answer on', async () => {
    const medias = [{ type: 'audio', codecs: ['PCMA'] }];
    const { sdp } = party(await call.do({ command: 'create', 'from-tag': 'carol', medias }));
    expect(sdp).toContain('RTP/AVP 8\r\n');
    await call.do({ command: 'create answer', 'from-tag': 'carol', sdp: body(40, AUDIO) });
    await call.listen({ 'from-tag': 'carol' });
    expect(call.route(call.stream(40), call.stream(30))).toBeDefined();
  });

  test('comes back after a crash, and can answer then', async () => {
    await call.do({ command: 'create', 'from-tag': 'carol' });
    const { locals } = call.plan.streams[0] ?? {};
    const again = await call.afterCrash();
    expect(await again.do({ command: 'create answer', 'from-tag': 'carol', sdp: body(40, AUDIO) })).toEqual({
      kind: 'done',
    });
    expect(again.stream(40).locals).toEqual(locals);
  });

  test.each([
    ['unknown call-ID', { 'call-id': 'other', 'from-tag': 'carol', sdp: body(40, AUDIO) }],
    ['from-tag not found', { 'from-tag': 'dave', sdp: body(40, AUDIO) }],
    ['failed to perform answer', { 'from-tag': 'carol', sdp: body(40, 'm=video 4000 RTP/AVP 96') }],
    ['Failed to parse SDP', { 'from-tag': 'carol', sdp: 'x' }],
  ])('is refused an answer with %s', async (reason, message) => {
    await call.do({ command: 'create', 'from-tag': 'carol' });
    expect(reasonOf(await call.do({ command: 'create answer', ...message }))).toBe(reason);
  });

  test.each([
    [{ medias: [{ type: 'message', codecs: ['PCMA'] }] }],
    [{ medias: [{ type: 'video' }] }],
    [{ medias: [{ type: 'audio', codecs: ['a/8000/1///x\r\na=y'] }] }],
    [{ codec: { strip: ['all'] }, flags: ['allow-no-codec-media'] }],
  ])('is offered nothing for %j', async (message) => {
    expect(reasonOf(await call.do({ command: 'create', ...message }))).toBe('failed to create SDP');
    expect(call.node.dataPlane.plans.has('call')).toBe(false);
  });

  test('that takes part in a conversation makes no answer of this kind', async () => {
    await call.talk();
    const reply = await call.do({ command: 'create answer', 'from-tag': 'bob', sdp: body(20, AUDIO) });
    expect(reasonOf(reply)).toBe('failed to perform answer');
  });
});

describe('parties that are connected', () => {
  beforeEach(async () => {
    await call.talk('m=audio 4000 RTP/AVP 8', AUDIO);
    await publish('carol', 40);
  });

  const connect = { command: 'connect', 'from-tag': 'alice', 'to-tag': 'carol' };

  test('hear each other, one to one', async () => {
    expect(await call.do(connect)).toEqual({ kind: 'done' });
    const [alice, carol] = [call.stream(10), call.stream(40)];
    expect(call.plan.routes).toEqual([
      { from: alice.id, to: carol.id, media: 'forward', telephoneEvents: 'forward' },
      { from: carol.id, to: alice.id, media: 'forward', telephoneEvents: 'forward' },
    ]);
  });

  test('are shown by query as each other’s peers', async () => {
    await call.do(connect);
    const reply = await call.do({ command: 'query', 'from-tag': 'carol' });
    const parties = reply.kind === 'statistics' ? reply.statistics.parties : [];
    expect(parties.map(({ tag, subscriptions }) => [tag, subscriptions])).toEqual([
      ['carol', [{ tag: 'alice', type: 'offer/answer' }]],
      ['alice', [{ tag: 'carol', type: 'offer/answer' }]],
    ]);
  });

  test('are shown as listening where they hear each other beside their peers', async () => {
    await call.do({ ...connect, flags: ['directional'] });
    const reply = await call.do({ command: 'query', 'from-tag': 'carol' });
    const parties = reply.kind === 'statistics' ? reply.statistics.parties : [];
    expect(
      parties.map(({ tag, subscriptions, subscribers }) => ({ tag, subscriptions, subscribers })),
    ).toEqual([
      { tag: 'carol', subscriptions: [{ tag: 'alice', type: 'pub/sub' }], subscribers: [] },
      {
        tag: 'alice',
        subscriptions: [{ tag: 'bob', type: 'offer/answer' }],
        subscribers: [
          { tag: 'bob', type: 'offer/answer' },
          { tag: 'carol', type: 'pub/sub' },
        ],
      },
    ]);
  });

  test('stay so over a crash', async () => {
    await call.do(connect);
    await call.do({ command: 'block media', 'from-tag': 'alice', 'to-tag': 'carol', flags: ['directional'] });
    const before = call.plan;
    const again = await call.afterCrash();
    await again.do({ command: 'block DTMF' });
    await again.do({ command: 'unblock DTMF' });
    expect(again.plan.routes).toEqual(before.routes);
    expect(again.plan.routes.map(({ media }) => media)).toEqual(['drop', 'forward']);
  });

  test('end with either of them, and the other one’s former peer is not heard again', async () => {
    await call.do(connect);
    await call.do({ command: 'delete', 'from-tag': 'carol', 'delete-delay': 0 });
    expect(call.plan.routes).toEqual([]);
    expect(call.plan.streams).toHaveLength(2);
  });

  test('are listened to as they hear each other', async () => {
    await call.do(connect);
    await call.listen({ 'from-tag': 'alice', flags: ['egress'] });
    expect(call.route(call.stream(40), call.stream(30))).toBeDefined();
    expect(call.route(call.stream(10), call.stream(30))).toBeUndefined();
  });

  test('go on while one of them is published anew elsewhere', async () => {
    await call.do(connect);
    await publish('carol', 41);
    expect(call.route(call.stream(41), call.stream(10))).toBeDefined();
    expect(call.route(call.stream(10), call.stream(41))).toBeDefined();
  });

  test('go on while a re-INVITE of one of them is not answered', async () => {
    await call.do(connect);
    const hold = body(10, 'm=audio 4000 RTP/AVP 8\na=inactive');
    await call.do({ command: 'offer', 'from-tag': 'alice', 'to-tag': 'bob', sdp: hold });
    expect(call.route(call.stream(40), call.stream(10))).toBeDefined();
    expect(call.route(call.stream(20), call.stream(10))).toBeUndefined();
  });

  test('are blocked and let go as flows of the kind they are', async () => {
    await call.do({ ...connect, flags: ['directional'] });
    const block = { command: 'block media', 'from-tag': 'alice', flags: ['directional'] };
    await call.do({ ...block, all: 'offer-answer' });
    expect(call.route(call.stream(10), call.stream(40))?.media).toBe('forward');
    await call.do({ ...block, all: 'except-offer-answer' });
    expect(call.route(call.stream(10), call.stream(40))?.media).toBe('drop');
    await call.do({ command: 'unblock media', all: 'all' });
    expect(call.route(call.stream(10), call.stream(40))?.media).toBe('forward');
  });

  test('are no listeners', async () => {
    await call.listen({ 'from-tag': 'alice' });
    const reply = await call.do({ ...connect, 'to-tag': 'rec' });
    expect(reasonOf(reply)).toBe('Invalid dialogue association');
  });

  test('are not mixed', async () => {
    const reply = await call.do({ command: 'connect', 'from-tags': ['alice', 'bob'], 'to-tag': 'carol' });
    expect(reasonOf(reply)).toMatch(/^Mixing several sources is not supported/);
  });

  test.each([
    ['Unknown call-ID', { ...connect, 'call-id': 'other' }],
    ['From-tag not found', { command: 'connect', 'from-tags': ['dave'], 'to-tag': 'carol' }],
    ['Failed to match address to any tag', { command: 'connect', address: '192.0.2.77', 'to-tag': 'carol' }],
    ['No monologue matching the given label', { command: 'connect', label: 'x', 'to-tag': 'carol' }],
    ['Unknown call ID(s)', { command: 'mesh', 'call-id': 'other' }],
  ])('are refused with %s', async (reason, message) => {
    const before = call.plan;
    expect(reasonOf(await call.do(message))).toBe(reason);
    expect(call.plan).toEqual(before);
  });

  test('are connected once, however often that is said', async () => {
    const flow = { from: 'alice', to: ['carol', 'carol'] };
    await call.do({ command: 'mesh', tags: [flow, flow, { from: 'alice', to: ['bob'] }] });
    expect(call.plan.routes).toHaveLength(3);
  });

  test('are as many as one call may have', async () => {
    for (let host = 50; host < 59; host += 1) await publish(`p${host}`, host);
    const tags = Array.from({ length: 9 }, (_, at) => `p${50 + at}`);
    const all = tags.map((from) => ({ from, to: tags.filter((to) => to !== from) }));
    // What comes after the last one that fits is not looked at.
    const flows = [...all, { from: 'nobody', to: ['alice'] }];
    expect(reasonOf(await call.do({ command: 'mesh', tags: flows }))).toBe(
      'Too many connections in one call',
    );
    expect(call.plan.routes).toHaveLength(2);
  });

  test('are left as they are by a mesh without a flow', async () => {
    expect(await call.do({ command: 'mesh', tags: [] })).toEqual({ kind: 'done' });
    expect(call.plan.routes).toHaveLength(2);
  });
});

describe('parties whose keys are theirs alone', () => {
  test('are not connected', async () => {
    call = await ListenedCall.start({ protection: () => PROTECTED });
    const secured =
      'm=audio 4000 RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz KDR=1';
    await call.talk(secured, secured);
    await publish('carol', 40);
    const reply = await call.do({ command: 'connect', 'from-tag': 'alice', 'to-tag': 'carol' });
    expect(reasonOf(reply)).toMatch(/^Keys or connectivity checks pass between the parties/);
  });
});

describe('a party that was deleted at once', () => {
  beforeEach(async () => {
    await call.talk('m=audio 4000 RTP/AVP 8', AUDIO);
    await publish('carol', 40);
    await call.do({ command: 'delete', 'from-tag': 'carol', 'delete-delay': 0 });
  });

  test('is shown until the call ends, without ports, and after a crash', async () => {
    expect(await tagsIn()).toEqual(['alice', 'bob', 'carol']);
    call = await call.afterCrash();
    expect(await tagsIn()).toEqual(['alice', 'bob', 'carol']);
    const reply = await call.do({ command: 'query' });
    const [, , carol] = reply.kind === 'statistics' ? reply.statistics.parties : [];
    expect(carol?.medias[0]).toMatchObject({ type: 'audio', advertised: { rtp: '198.51.100.40:4000' } });
    expect(carol?.medias[0]).not.toHaveProperty('local');
  });

  test('is found by nobody', async () => {
    const reply = await call.do({ command: 'query', 'from-tag': 'carol' });
    expect(reply).toMatchObject({ statistics: { parties: [] } });
    const blocked = await call.do({ command: 'block media', 'from-tag': 'carol', flags: ['directional'] });
    expect(reasonOf(blocked)).toBe('From-tag given, but no such tag exists');
    expect(await call.do({ command: 'delete', 'from-tag': 'carol' })).toHaveProperty('warning');
  });

  test('is shown once if there is another one of its tag', async () => {
    await publish('carol', 41);
    expect(await tagsIn()).toEqual(['alice', 'bob', 'carol']);
  });

  test('gives its place up to those who go after it', async () => {
    for (const tag of ['d', 'e', 'f', 'g']) {
      await publish(tag, 50);
      await call.do({ command: 'delete', 'from-tag': tag, 'delete-delay': 0 });
    }
    expect(await tagsIn()).toEqual(['alice', 'bob', 'd', 'e', 'f', 'g']);
  });
});

test('an offer for a listener goes on to name the parties of a conversation with `all`', async () => {
  await call.talk();
  expect(offered(await call.subscribe()).fromTags).toEqual(['alice', 'bob']);
});
