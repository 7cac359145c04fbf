import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FACTS } from '../negotiation/sample.js';
import { body, ListenedCall, offered, reasonOf } from './listened-call.js';
import { streamStats } from './stream-stats.js';

let call: ListenedCall;

beforeEach(async () => {
  call = await ListenedCall.start();
});

describe('a listener', () => {
  test('is sent what the parties say, and neither hears the listener', async () => {
    await call.talk();
    await call.listen();
    const [alice, bob] = [call.stream(10), call.stream(20)];
    const [first, second] = [call.stream(30), call.stream(30, 1)];
    expect(call.plan.routes.map(({ from, to }) => [from, to])).toEqual([
      [bob.id, alice.id],
      [alice.id, bob.id],
      [alice.id, first.id],
      [bob.id, second.id],
    ]);
    expect([alice, bob, first, second].map(({ listener = false }) => listener)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect([alice, bob, first, second].map(({ receive }) => receive)).toEqual([true, true, false, false]);
  });

  test('hears nothing before it has answered', async () => {
    await call.talk();
    await call.subscribe();
    expect(call.plan.routes).toHaveLength(2);
  });

  test('hears what a party hears, with `egress`', async () => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice', flags: ['egress'] });
    expect(call.route(call.stream(20), call.stream(30))).toBeDefined();
    expect(call.route(call.stream(10), call.stream(30))).toBeUndefined();
  });

  test('talks back where that was asked for', async () => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice', flags: ['bidirectional'] }, 'sendrecv');
    expect(call.route(call.stream(30), call.stream(10))).toMatchObject({ media: 'forward' });
    expect(call.stream(30)).toMatchObject({ receive: true, listener: true });
  });

  test('has its RTCP passed on, and no RTP, where RTCP is to be mirrored', async () => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice', flags: ['RTCP-mirror'] }, 'sendrecv');
    expect(call.route(call.stream(30), call.stream(10))).toBeDefined();
    expect(call.stream(30)).toMatchObject({ receive: false });
  });

  test('gets reports of ours, if it is asked for; the parties do not', async () => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice', flags: ['generate-RTCP'] });
    expect(call.stream(30).rtcpRules?.reports?.when).toBe('always');
    expect(call.stream(10).rtcpRules).toBeNull();
  });

  test('that holds is sent nothing, and the parties go on', async () => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice' }, 'inactive');
    expect(call.plan.routes).toHaveLength(2);
    expect(call.stream(10).receive).toBe(true);
  });

  test('does not make a party heard that is on hold', async () => {
    await call.talk();
    await call.listen();
    await call.do({
      command: 'offer',
      'from-tag': 'bob',
      'to-tag': 'alice',
      sdp: body(20, 'm=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=sendonly'),
    });
    await call.do({
      command: 'answer',
      'from-tag': 'bob',
      'to-tag': 'alice',
      sdp: body(10, 'm=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=recvonly'),
    });
    expect(call.stream(10).receive).toBe(false);
    expect(call.stream(20).receive).toBe(true);
    expect(call.plan.routes).toHaveLength(4);
  });

  test('of a caller hears it through all branches', async () => {
    await call.offer();
    await call.listen({ 'from-tag': 'alice' });
    const before = call.stream(30).locals;
    await call.do({
      command: 'answer',
      'from-tag': 'alice',
      'to-tag': 'bob',
      sdp: body(20, 'm=audio 4000 RTP/AVP 0 8'),
    });
    await call.do({
      command: 'offer',
      'from-tag': 'alice',
      'via-branch': 'two',
      sdp: body(10, 'm=audio 4000 RTP/AVP 0 8'),
    });
    await call.do({
      command: 'answer',
      'from-tag': 'alice',
      'to-tag': 'carol',
      'via-branch': 'two',
      sdp: body(40, 'm=audio 4000 RTP/AVP 0'),
    });
    expect(call.route(call.stream(10), call.stream(40))).toBeDefined();
    expect(call.route(call.stream(10), call.stream(30))).toBeDefined();
    expect(call.stream(30).locals).toEqual(before);
  });

  test('is in no recording: what it is sent stands there already', async () => {
    await call.talk();
    await call.listen();
    const forwardTo = { kind: 'datagrams', rtp: '192.0.2.9:4000', rtcp: undefined } as const;
    const { defaults } = FACTS;
    call.node.service.adjust({ defaults: { ...defaults, forwardTo }, maxSessions: null });
    await call.do({ command: 'start forwarding' });
    expect(call.plan.taps?.[0]?.streams).toEqual([call.stream(10).id, call.stream(20).id]);
  });

  test('comes back with its call after a crash', async () => {
    await call.talk();
    await call.listen(
      { 'from-tag': 'alice', flags: ['bidirectional', 'egress'], 'set-label': 'x' },
      'sendrecv',
    );
    const before = call.plan;
    const again = await call.afterCrash();
    await again.do({ command: 'block DTMF' });
    await again.do({ command: 'unblock DTMF' });
    const { routes, streams } = again.plan;
    expect(routes).toEqual(before.routes);
    expect(streams).toEqual(before.streams);
  });

  test('is shown by query', async () => {
    await call.talk();
    await call.listen();
    const reply = await call.do({ command: 'query', 'from-tag': 'rec' });
    const parties = reply.kind === 'statistics' ? reply.statistics.parties : [];
    expect(
      parties.map(({ tag, subscriptions, subscribers }) => ({ tag, subscriptions, subscribers })),
    ).toEqual([
      {
        tag: 'rec',
        subscriptions: [
          { tag: 'alice', type: 'pub/sub' },
          { tag: 'bob', type: 'pub/sub' },
        ],
        subscribers: [],
      },
      {
        tag: 'alice',
        subscriptions: [{ tag: 'bob', type: 'offer/answer' }],
        subscribers: [
          { tag: 'bob', type: 'offer/answer' },
          { tag: 'rec', type: 'pub/sub' },
        ],
      },
      {
        tag: 'bob',
        subscriptions: [{ tag: 'alice', type: 'offer/answer' }],
        subscribers: [
          { tag: 'alice', type: 'offer/answer' },
          { tag: 'rec', type: 'pub/sub' },
        ],
      },
    ]);
  });

  test('counts as nobody’s silence when the call ends', async () => {
    await call.talk();
    await call.listen();
    const { dataPlane, counters } = call.node;
    const [alice, bob, rec] = [call.stream(10).id, call.stream(20).id, call.stream(30).id];
    dataPlane.statsOf = () => ({
      streams: [streamStats(alice, 5), streamStats(bob, 5), streamStats(rec, 0)],
    });
    await call.do({ command: 'delete', 'delete-delay': 0 });
    expect(counters.callsEndedOneWay).toBe(0);
  });
});

describe('block and silence', () => {
  test('of a party or of the call hold for listeners, too', async () => {
    await call.talk();
    await call.listen();
    const heard = () => call.route(call.stream(10), call.stream(30))?.media;
    await call.do({ command: 'block media', 'from-tag': 'alice' });
    expect(heard()).toBe('drop');
    await call.do({ command: 'unblock media', 'from-tag': 'alice' });
    await call.do({ command: 'silence media' });
    expect(heard()).toBe('silence');
  });

  test('of one flow hold for one listener', async () => {
    await call.talk();
    await call.listen();
    await call.do({ command: 'block media', 'from-tag': 'alice', 'to-tag': 'rec', flags: ['directional'] });
    expect(call.route(call.stream(10), call.stream(30))?.media).toBe('drop');
    expect(call.route(call.stream(20), call.stream(30, 1))?.media).toBe('forward');
    expect(call.route(call.stream(10), call.stream(20))?.media).toBe('forward');
  });

  test('of one flow outlast another request of the listener', async () => {
    await call.talk();
    await call.listen();
    await call.do({ command: 'block media', 'from-tag': 'bob', 'to-tag': 'rec', flags: ['directional'] });
    await call.listen({ 'from-tags': ['bob', 'alice'] });
    expect(call.route(call.stream(20), call.stream(30))?.media).toBe('drop');
    expect(call.route(call.stream(10), call.stream(30, 1))?.media).toBe('forward');
  });

  test.each([
    ['except-offer-answer', 'forward', 'drop'],
    ['offer-answer', 'drop', 'forward'],
    ['flows', 'drop', 'drop'],
  ])('of all flows of a party, %s', async (all, peer, listener) => {
    await call.talk();
    await call.listen();
    await call.do({ command: 'block media', 'from-tag': 'alice', all });
    expect(call.route(call.stream(10), call.stream(20))?.media).toBe(peer);
    expect(call.route(call.stream(10), call.stream(30))?.media).toBe(listener);
    await call.do({ command: 'unblock media', all: 'all' });
    expect(call.plan.routes.every(({ media }) => media === 'forward')).toBe(true);
  });

  test('hold for who hears what a party hears', async () => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice', flags: ['egress'] });
    await call.do({ command: 'block media', 'from-tag': 'bob', 'to-tag': 'alice', flags: ['directional'] });
    expect(call.route(call.stream(20), call.stream(30))?.media).toBe('drop');
  });
});

describe('a listener that talks', () => {
  const said = (host: number) => call.route(call.stream(30), call.stream(host));

  test.each([
    ['block media', {}, { media: 'drop', telephoneEvents: 'forward' }],
    ['silence media', {}, { media: 'silence', telephoneEvents: 'forward' }],
    ['block DTMF', {}, { media: 'forward', telephoneEvents: 'drop' }],
    ['block media', { 'from-tag': 'rec' }, { media: 'drop', telephoneEvents: 'forward' }],
    ['block DTMF', { label: 'coach' }, { media: 'forward', telephoneEvents: 'drop' }],
    ['silence media', { address: '198.51.100.30' }, { media: 'silence', telephoneEvents: 'forward' }],
    ['block media', { 'from-tag': 'bob' }, { media: 'forward', telephoneEvents: 'forward' }],
  ])('is held back by %s of the call or of itself: %j', async (command, whom, then) => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice', flags: ['bidirectional'], 'set-label': 'coach' }, 'sendrecv');
    expect((await call.do({ command, ...whom })).kind).toBe('done');
    expect(said(10)).toMatchObject(then);
  });

  test('is not heard by a party on hold', async () => {
    await call.talk();
    await call.listen({ 'from-tag': 'alice', flags: ['bidirectional'] }, 'sendrecv');
    const line = 'm=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=inactive';
    const tags = { 'from-tag': 'bob', 'to-tag': 'alice' };
    await call.do({ command: 'offer', ...tags, sdp: body(20, line) });
    await call.do({ command: 'answer', ...tags, sdp: body(10, line) });
    expect(said(10)).toMatchObject({ media: 'drop', telephoneEvents: 'drop' });
  });
});

test('by label and by address a party is meant before a listener', async () => {
  await call.offer();
  await call.listen({ 'from-tag': 'alice', 'set-label': 'agent' });
  const branch = { 'from-tag': 'alice', 'via-branch': 'two' };
  const line = 'm=audio 4002 RTP/AVP 8';
  await call.do({ command: 'offer', ...branch, sdp: body(10, line) });
  await call.do({ command: 'answer', ...branch, 'to-tag': 'carol', label: 'agent', sdp: body(30, line) });
  for (const whom of [{ label: 'agent' }, { address: '198.51.100.30' }])
    expect(offered(await call.subscribe(whom)).fromTags).toEqual(['carol']);
});

describe('the end of a subscription', () => {
  test.each([
    ['unsubscribe', { command: 'unsubscribe', 'to-tag': 'rec' }],
    ['the deletion of the listener', { command: 'delete', 'from-tag': 'rec', 'delete-delay': 0 }],
  ])('by %s leaves the call as it was', async (_what, message) => {
    await call.talk();
    const before = call.plan;
    await call.listen();
    await call.do(message);
    expect(call.plan.routes).toEqual(before.routes);
    expect(call.plan.streams).toEqual(before.streams);
    expect(reasonOf(await call.do({ command: 'unsubscribe', 'to-tag': 'rec' }))).toBe('To-tag not found');
  });

  test.each(['timeout', 'disconnected'] as const)(
    'comes whatever becomes of the data plane: %s',
    async (code) => {
      await call.talk();
      await call.listen();
      call.node.dataPlane.refusals.apply.push({ code });
      expect(await call.do({ command: 'unsubscribe', 'to-tag': 'rec' })).toEqual({ kind: 'done' });
      expect(call.node.registry.find('call')?.legs).toHaveLength(2);
      await vi.waitFor(() => expect(call.plan.streams).toHaveLength(2));
    },
  );

  test('comes with that of all it hears', async () => {
    await call.offer();
    const branch = { 'from-tag': 'alice', 'via-branch': 'two' };
    await call.do({ command: 'offer', ...branch, sdp: body(10, 'm=audio 4000 RTP/AVP 8') });
    await call.do({
      command: 'answer',
      ...branch,
      'to-tag': 'carol',
      sdp: body(40, 'm=audio 4000 RTP/AVP 8'),
    });
    const before = call.plan.streams.length;
    await call.listen({ 'from-tag': 'carol' });
    await call.do({ command: 'delete', 'from-tag': 'carol', 'delete-delay': 0 });
    expect(call.plan.streams).toHaveLength(before - 1);
    expect(call.node.registry.find('call')?.subscriptions).toBeUndefined();
  });

  test('for one party leaves the others', async () => {
    await call.talk();
    await call.listen();
    await call.do({ command: 'unsubscribe', 'to-tag': 'rec', 'from-tag': 'alice', flags: ['directional'] });
    expect(call.route(call.stream(10), call.stream(30))).toBeUndefined();
    expect(call.route(call.stream(20), call.stream(30, 1))).toBeDefined();
    await call.do({ command: 'unsubscribe', 'to-tag': 'rec', 'from-tag': 'bob', flags: ['directional'] });
    expect(call.plan.streams).toHaveLength(2);
  });

  test('comes with that of the call', async () => {
    await call.talk();
    await call.listen();
    await call.do({ command: 'delete', 'from-tag': 'alice', 'delete-delay': 0 });
    expect(call.node.registry.size).toBe(0);
    expect(call.node.dataPlane.released).toEqual(['call']);
  });
});

test('an answer that is said twice is as good as one', async () => {
  await call.talk();
  const offer = await call.listen();
  const { streams, routes } = call.plan;
  await call.accept(offer);
  expect(call.plan.routes).toEqual(routes);
  expect(call.plan.streams).toEqual(streams);
});

test('a listener may reject a line', async () => {
  await call.talk();
  const { sdp } = offered(await call.subscribe());
  const [first = '', second = ''] = sdp.split(/(?=^m=)/m).slice(1);
  const lines = [first.replace(/m=audio \d+/, 'm=audio 0'), second.replace(/m=audio \d+/, 'm=audio 4002')];
  const kept = lines.flatMap((section) =>
    section.split('\r\n').filter((line) => /^(?:m=|a=rtpmap)/.test(line)),
  );
  const reply = await call.do({ command: 'subscribe answer', 'to-tag': 'rec', sdp: body(30, ...kept) });
  expect(reply.kind).toBe('done');
  expect(call.route(call.stream(20), call.stream(30, 1))).toBeDefined();
  expect(call.plan.routes).toHaveLength(3);
});

test('a call with a listener has no pattern: its messages are decided one by one', async () => {
  await call.talk();
  await call.listen();
  const learned = call.node.dataPlane.learned.length;
  await call.talk();
  expect(call.node.dataPlane.learned).toHaveLength(learned);
  expect(call.route(call.stream(10), call.stream(30))).toBeDefined();
});
