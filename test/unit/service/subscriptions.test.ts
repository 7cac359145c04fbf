import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FACTS } from '../negotiation/sample.js';
import { body, ListenedCall, offered, reasonOf } from './listened-call.js';
import { streamStats } from './stream-stats.js';

let call: ListenedCall;

beforeEach(async () => {
  call = await ListenedCall.start();
});

describe('the offer for a listener', () => {
  test('has a line for each media of the call, with what is really sent', async () => {
    await call.talk();
    const reply = offered(await call.subscribe());
    expect(reply.sdp).toMatchInlineSnapshot(`
      "v=0
      o=- 1700000000000 1700000000000 IN IP4 203.0.113.5
      s=-
      t=0 0
      m=audio 30004 RTP/AVP 8 101
      c=IN IP4 203.0.113.5
      a=rtpmap:8 PCMA/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-16
      a=sendonly
      a=rtcp:30005
      m=audio 30006 RTP/AVP 8 101
      c=IN IP4 203.0.113.5
      a=rtpmap:8 PCMA/8000
      a=rtpmap:101 telephone-event/8000
      a=fmtp:101 0-15
      a=sendonly
      a=rtcp:30007
      "
    `);
    expect(reply).toMatchObject({ toTag: 'rec', fromTags: ['alice', 'bob'] });
  });

  test('rejects a line that one of the parties has rejected, for both', async () => {
    const video = (port: number) => `m=video ${port} RTP/AVP 96\na=rtpmap:96 VP8/90000`;
    await call.talk(`m=audio 4000 RTP/AVP 8\n${video(4002)}`, `m=audio 4000 RTP/AVP 8\n${video(0)}`);
    const { sdp } = await call.listen();
    expect(sdp.match(/^m=video \d+/gm)).toEqual(['m=video 0', 'm=video 0']);
    expect(call.plan.streams).toHaveLength(4);
  });

  test('tells nothing of the parties’ addresses and names', async () => {
    await call.talk();
    const { sdp } = offered(await call.subscribe());
    expect(sdp).not.toMatch(/198\.51\.100|secret/);
  });

  test.each([
    ['one party', { 'from-tag': 'bob' }, ['bob']],
    [
      'parties by name, those that are known',
      { 'from-tags': ['bob', 'nobody', 'alice', 'bob'] },
      ['bob', 'alice'],
    ],
    ['one that was signalled at an address', { address: '198.51.100.20' }, ['bob']],
    [
      'the list of a flag string, whatever tags the SIP message had',
      { 'rtpp-flags': 'from-tags=[bob]', 'from-tag': 'alice' },
      ['bob'],
    ],
  ])('is about %s', async (_what, selection, tags) => {
    await call.talk();
    expect(offered(await call.subscribe(selection)).fromTags).toEqual(tags);
  });

  test('is about a labelled party; the listener gets a label of its own', async () => {
    await call.do({
      command: 'offer',
      'from-tag': 'alice',
      label: 'caller',
      sdp: body(10, 'm=audio 4000 RTP/AVP 0'),
    });
    const reply = offered(await call.subscribe({ label: 'caller', 'set-label': 'recorder' }));
    expect(reply.fromTags).toEqual(['alice']);
    const query = await call.do({ command: 'query' });
    const parties = query.kind === 'statistics' ? query.statistics.parties : [];
    expect(parties.map(({ tag, label }) => [tag, label])).toContainEqual(['rec', 'recorder']);
  });

  test('before the answer has all that was offered', async () => {
    await call.offer();
    expect(offered(await call.subscribe({ 'from-tag': 'alice' })).sdp).toMatch(
      /^m=audio \d+ RTP\/AVP 0 8 101\r$/m,
    );
  });

  test('has the parameters of formats, as the one who receives them wants them', async () => {
    await call.talk(
      'm=audio 4000 RTP/AVP 111\na=rtpmap:111 opus/48000/2\na=fmtp:111 useinbandfec=1',
      'm=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=fmtp:96 maxaveragebitrate=20000',
    );
    const { sdp } = offered(await call.subscribe({ 'from-tag': 'alice' }));
    expect(sdp).toContain('m=audio 30004 RTP/AVP 96\r\n');
    expect(sdp).toContain('a=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxaveragebitrate=20000\r\n');
  });

  test.each([
    ['inactive', 'inactive'],
    ['bidirectional', 'sendrecv'],
    ['egress', 'sendonly'],
  ])('with %s says %s', async (flag, direction) => {
    await call.talk();
    expect(offered(await call.subscribe({ 'from-tag': 'alice', flags: [flag] })).sdp).toContain(
      `a=${direction}\r\n`,
    );
  });

  test('labels media for SIPREC, and says what the labels mean', async () => {
    await call.talk();
    const reply = offered(await call.subscribe({ flags: ['all', 'SIPREC'] }));
    const labels = [...reply.sdp.matchAll(/a=label:(\S+)/g)].map(([, label]) => label);
    expect(new Set(labels).size).toBe(2);
    expect(reply.parties).toEqual([
      { tag: 'alice', medias: [{ index: 1, type: 'audio', label: labels[0], mode: 'sendrecv' }] },
      { tag: 'bob', medias: [{ index: 1, type: 'audio', label: labels[1], mode: 'sendrecv' }] },
    ]);
  });

  test('goes by the flags of offers', async () => {
    await call.talk();
    const { sdp } = offered(
      await call.subscribe({
        'from-tag': 'alice',
        codec: 'x',
        flags: ['generate-mid', 'codec-strip-telephone-event'],
        interface: 'inside',
        'rtcp-mux': ['require'],
        'sdp-attr': 'x',
      }),
    );
    expect(sdp).toMatch(
      /c=IN IP4 192\.168\.7\.5\r\na=mid:1\r\na=rtpmap:8 PCMA\/8000\r\na=sendonly\r\na=rtcp:\d+\r\na=rtcp-mux\r\n/,
    );
  });

  test('leaves by the interface that leads to the listener', async () => {
    const routes = { sourceTowards: async () => FACTS.interfaces[1]?.addresses[0]?.bind };
    call = await ListenedCall.start({ routes });
    await call.talk();
    const { sdp } = offered(await call.subscribe({ 'from-tag': 'alice', 'outbound-peer': '192.0.2.1' }));
    expect(sdp).toContain('c=IN IP4 192.168.7.5\r\n');
  });

  test('for the same listener again has its ports, and the next version', async () => {
    await call.talk();
    const first = await call.listen({ 'from-tag': 'alice' });
    const second = await call.listen();
    expect(second.sdp.match(/m=audio \d+/g)?.[0]).toBe(first.sdp.match(/m=audio \d+/g)?.[0]);
    const version = (sdp: string) => Number(/^o=- \d+ (\d+)/m.exec(sdp)?.[1]);
    expect(version(second.sdp)).toBe(version(first.sdp) + 1);
    const third = offered(await call.subscribe({ 'from-tag': 'bob' }));
    expect(third.sdp.match(/^m=audio \d+/gm)).toEqual([expect.stringMatching(/m=audio 3/), 'm=audio 0']);
  });

  test('has a new tag, where none is given or the one given is that of the SIP message', async () => {
    await call.talk();
    const reply = await call.do({
      command: 'subscribe request',
      'to-tag': 'bob',
      'from-tag': 'alice',
      'rtpp-flags': 'all',
    });
    expect(offered(reply).toTag).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('listeners of a call', () => {
  const named = (name: number) => call.subscribe({ 'to-tag': `rec${name}`, flags: ['all'] });

  test('are eight at most; the ninth is refused, and one of the eight may ask again', async () => {
    await call.talk();
    for (let name = 1; name <= 8; name += 1) offered(await named(name));
    const before = call.plan;
    expect(reasonOf(await named(9))).toBe('Too many listeners in one call');
    expect(call.plan).toEqual(before);
    offered(await named(8));
    await call.do({ command: 'unsubscribe', 'to-tag': 'rec1' });
    offered(await named(9));
  });

  test('that have not answered in time make room for a new one, with their ports', async () => {
    let now = FACTS.now;
    call = await ListenedCall.start({ clock: { now: () => now } });
    await call.talk();
    await call.listen();
    offered(await named(1));
    now += call.plan.timeouts.offerMs - 1;
    offered(await named(2));
    expect(call.plan.streams).toHaveLength(8);
    now += 1;
    await call.subscribe();
    expect(call.plan.streams).toHaveLength(8);
    offered(await named(3));
    expect(call.plan.streams).toHaveLength(8);
    expect(reasonOf(await call.do({ command: 'unsubscribe', 'to-tag': 'rec1' }))).toBe('To-tag not found');
  });
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

describe('is refused', () => {
  test.each([
    [
      'a request without Call-ID',
      { command: 'subscribe request', 'call-id': '', 'from-tag': 'alice' },
      'No call-id in message',
    ],
    [
      'a request for an unknown call',
      { command: 'subscribe request', 'call-id': 'other', 'from-tag': 'alice' },
      'Unknown call-ID(s)',
    ],
    [
      'a request that names nobody',
      { command: 'subscribe request' },
      'No medias found (no monologues matched)',
    ],
    [
      'a request for an unknown party',
      { command: 'subscribe request', 'from-tag': 'x' },
      'From-tag given, but no such tag exists',
    ],
    [
      'a request for an unknown label',
      { command: 'subscribe request', label: 'x' },
      'No monologue matching the given label',
    ],
    [
      'a request for unknown parties',
      { command: 'subscribe request', 'from-tags': ['x'] },
      'No medias found (no monologues matched)',
    ],
    [
      'a party as listener',
      { command: 'subscribe request', 'from-tag': 'alice', 'to-tag': 'bob' },
      'Failed to request subscription: the to-tag is that of a party of the call',
    ],
    [
      'to mix',
      { command: 'subscribe request', flags: ['all', 'mix'] },
      'Mixing several sources is not supported: subscribe without mix',
    ],
    ['an answer without Call-ID', { command: 'subscribe answer', 'call-id': '' }, 'No call-id in message'],
    ['an answer without tag', { command: 'subscribe answer' }, 'No to-tag in message'],
    ['an answer without SDP', { command: 'subscribe answer', 'to-tag': 'rec' }, 'No SDP body in message'],
    [
      'an answer that is no SDP',
      { command: 'subscribe answer', 'to-tag': 'rec', sdp: 'x' },
      'Failed to parse SDP',
    ],
    [
      'an answer in an unknown call',
      { command: 'subscribe answer', 'call-id': 'other', 'to-tag': 'rec', sdp: 'x' },
      'Unknown call-ID',
    ],
    [
      'an answer of an unknown party',
      { command: 'subscribe answer', 'to-tag': 'x', sdp: 'x' },
      'To-tag not found',
    ],
    [
      'an answer of a party of the call',
      { command: 'subscribe answer', 'to-tag': 'bob', sdp: 'x' },
      'Failed to process subscription answer',
    ],
    ['an end without Call-ID', { command: 'unsubscribe', 'call-id': '' }, 'No call-id in message'],
    ['an end without tag', { command: 'unsubscribe' }, 'No to-tag in message'],
    [
      'an end in an unknown call',
      { command: 'unsubscribe', 'call-id': 'other', 'to-tag': 'rec' },
      'Unknown call-ID',
    ],
    ['an end of an unknown listener', { command: 'unsubscribe', 'to-tag': 'x' }, 'To-tag not found'],
    ['an end of a party', { command: 'unsubscribe', 'to-tag': 'bob' }, 'Failed to unsubscribe'],
    [
      'an end for an unknown party',
      { command: 'unsubscribe', 'to-tag': 'rec', 'from-tag': 'x', flags: ['directional'] },
      'From-tag not found',
    ],
    [
      'an offer of a listener',
      { command: 'offer', 'from-tag': 'rec', sdp: body(30, 'm=audio 4000 RTP/AVP 8') },
      'Invalid dialogue association',
    ],
    [
      'an offer to a listener',
      { command: 'offer', 'from-tag': 'alice', 'to-tag': 'rec', sdp: body(10, 'm=audio 4000 RTP/AVP 8') },
      'Invalid dialogue association',
    ],
    [
      'a listener’s answer to an offer',
      { command: 'answer', 'from-tag': 'alice', 'to-tag': 'rec', sdp: body(30, 'm=audio 4000 RTP/AVP 8') },
      'Invalid dialogue association',
    ],
  ])('%s', async (_what, message, reason) => {
    await call.talk();
    await call.listen();
    const before = call.plan;
    expect(reasonOf(await call.do(message))).toBe(reason);
    expect(call.plan).toEqual(before);
  });

  test.each([
    ['a codec is missing', 'm=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000', []],
    ['telephone events are missing', 'm=audio 4000 RTP/AVP 8', []],
    ['it has other numbers', 'm=audio 4000 RTP/AVP 8 102\na=rtpmap:102 telephone-event/8000', []],
    ['a line is missing', '', []],
    [
      'there is a line too many',
      'm=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\nm=audio 4002 RTP/AVP 8',
      [],
    ],
  ])('an answer if %s', async (_what, lines, flags) => {
    await call.talk();
    await call.subscribe({ 'from-tag': 'alice' });
    const sdp = lines === '' ? body(30) : body(30, lines);
    const reply = await call.do({ command: 'subscribe answer', 'to-tag': 'rec', sdp, flags });
    expect(reasonOf(reply)).toBe('Failed to process subscription answer');
  });

  test('what would have to be transcoded, also where that is allowed', async () => {
    await call.talk();
    await call.subscribe({ 'from-tag': 'alice' });
    const answer = (lines: string) =>
      call.do({
        command: 'subscribe answer',
        'to-tag': 'rec',
        sdp: body(30, lines),
        flags: ['allow-transcoding'],
      });
    expect(reasonOf(await answer('m=audio 4000 RTP/AVP 0'))).toBe(
      'Transcoding is not supported: PCMA is to be accepted as offered',
    );
    expect((await answer('m=audio 4000 RTP/AVP 8')).kind).toBe('done');
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
