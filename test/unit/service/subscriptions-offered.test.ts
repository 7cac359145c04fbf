import { beforeEach, describe, expect, test } from 'vitest';
import { FACTS } from '../negotiation/sample.js';
import { body, ListenedCall, offered, reasonOf } from './listened-call.js';

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
