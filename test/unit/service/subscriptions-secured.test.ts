import { beforeEach, expect, test } from 'vitest';
import { answerTo, body, ListenedCall, offered, PROTECTED, reasonOf } from './listened-call.js';

const KEYS = { alice: 'A'.repeat(40), bob: 'B'.repeat(40), rec: 'C'.repeat(40) };
const [ALICE, BOB] = [keyed(KEYS.alice), keyed(KEYS.bob)];

let call: ListenedCall;

beforeEach(async () => {
  let drawn = 0;
  const random = {
    bytes(count: number) {
      drawn += 1;
      return new Uint8Array(count).fill(drawn);
    },
  };
  call = await ListenedCall.start({ protection: () => PROTECTED, random });
});

function keyed(key: string): string {
  return `m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${key}`;
}

test('a listener has keys of its own, and those that passed between the parties are read from then on', async () => {
  await call.talk(ALICE, BOB);
  expect([call.stream(10), call.stream(20)].map(({ security }) => security.kind)).toEqual(['none', 'none']);

  const offer = offered(
    await call.subscribe({ 'from-tag': 'alice', SDES: ['only-AES_CM_128_HMAC_SHA1_80'], DTLS: 'off' }),
  );
  expect(offer.sdp).toMatch(/m=audio \d+ RTP\/SAVP 0\r\n/);
  const ours = /inline:(\S+)/.exec(offer.sdp)?.[1];
  expect([KEYS.alice, KEYS.bob]).not.toContain(ours);
  const sdp = `${answerTo(offer.sdp)}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEYS.rec}\r\n`;
  expect((await call.do({ command: 'subscribe answer', 'to-tag': 'rec', sdp })).kind).toBe('done');
  expect([call.stream(10), call.stream(20), call.stream(30)].map(({ security }) => security.kind)).toEqual([
    'sdes',
    'sdes',
    'sdes',
  ]);

  await call.do({ command: 'unsubscribe', 'to-tag': 'rec' });
  expect([call.stream(10), call.stream(20)].map(({ security }) => security.kind)).toEqual(['sdes', 'sdes']);
});

test.each([
  ['force', true],
  ['optional', true],
  ['force-relay', false],
  ['remove', false],
])('with ICE=%s a listener of parties without ICE is offered some: %s', async (ICE, has) => {
  await call.talk();
  const { sdp } = offered(await call.subscribe({ 'from-tag': 'alice', ICE }));
  expect(sdp.includes('a=ice-ufrag')).toBe(has);
});

test('a listener without keys hears parties that have some, in the clear', async () => {
  await call.talk(ALICE, BOB);
  await call.listen({ flags: ['all'], 'transport-protocol': 'RTP/AVP' });
  expect(call.stream(10).security.kind).toBe('sdes');
  expect([call.stream(30), call.stream(30, 1)].map(({ security }) => security.kind)).toEqual([
    'none',
    'none',
  ]);
});

test('a listener can have keys where the parties have none', async () => {
  await call.talk();
  const offer = offered(await call.subscribe({ 'from-tag': 'alice', 'transport-protocol': 'RTP/SAVP' }));
  expect(offer.sdp).toContain('a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:');
  expect(offer.sdp).toContain('a=fingerprint:');
  const sdp = `${answerTo(offer.sdp)}a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:${KEYS.rec}\r\n`;
  expect((await call.do({ command: 'subscribe answer', 'to-tag': 'rec', sdp })).kind).toBe('done');
  expect(call.stream(30).security).toMatchObject({ kind: 'sdes' });
  expect(call.stream(10).security.kind).toBe('none');
});

test('a listener that gives no keys back is refused', async () => {
  await call.talk();
  const offer = offered(await call.subscribe({ 'from-tag': 'alice', 'transport-protocol': 'RTP/SAVP' }));
  expect(reasonOf(await call.accept(offer))).toBe('The answer has no usable key for RTP/SAVP');
});

test('a listener gets ICE where that is asked for, or a party has it', async () => {
  await call.talk();
  expect(offered(await call.subscribe({ 'from-tag': 'alice', ICE: 'force' })).sdp).toMatch(
    /a=ice-ufrag:\w{8}\r\n/,
  );
  const browser =
    'm=audio 4000 RTP/AVP 8\na=ice-ufrag:abcd\na=ice-pwd:abcdefghijklmnopqrstuv\na=candidate:1 1 UDP 1 198.51.100.10 4000 typ host';
  await call.talk(browser);
  const plain = { 'from-tag': 'alice', 'to-tag': 'other' };
  expect(offered(await call.subscribe(plain)).sdp).toContain('a=candidate:');
  expect(offered(await call.subscribe({ ...plain, ICE: 'optional' })).sdp).not.toContain('198.51.100.10');
  expect(offered(await call.subscribe({ ...plain, ICE: 'remove' })).sdp).not.toContain('a=ice');
});

test('nobody hears parties whose keys or checks pass unread', async () => {
  call = await ListenedCall.start();
  await call.talk(ALICE, BOB);
  expect(reasonOf(await call.subscribe({ flags: ['all'], 'transport-protocol': 'RTP/AVP' }))).toBe(
    'Keys or connectivity checks pass between the parties, nobody else can hear them',
  );
});

test('bundled media are heard, and can be bundled for the listener', async () => {
  const two =
    'a=group:BUNDLE 0 1\nm=audio 4000 RTP/AVP 0\na=mid:0\na=rtcp-mux\nm=video 4000 RTP/AVP 96\na=rtpmap:96 VP8/90000\na=mid:1\na=rtcp-mux';
  await call.do({
    command: 'offer',
    'from-tag': 'alice',
    sdp: body(10, two),
    bundle: ['accept'],
    'rtcp-mux': ['demux'],
  });
  const plain = body(20, 'm=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 96\na=rtpmap:96 VP8/90000');
  await call.do({ command: 'answer', 'from-tag': 'alice', 'to-tag': 'bob', sdp: plain });
  const offer = offered(
    await call.subscribe({ 'from-tag': 'alice', bundle: ['offer', 'require'], flags: ['generate-mid'] }),
  );
  expect(offer.sdp).toContain('a=group:BUNDLE');
  expect((await call.accept(offer)).kind).toBe('done');
  const listening = call.plan.streams.filter(({ listener }) => listener);
  expect(listening).toHaveLength(2);
  expect(call.plan.routes.filter(({ to }) => listening.some(({ id }) => id === to))).toHaveLength(2);
});

test('keys that pass because nobody here can use them stay with the parties', async () => {
  const [alice, bob] = [`${ALICE} KDR=1`, `${BOB} KDR=1`];
  await call.talk(alice, bob);
  expect(reasonOf(await call.subscribe({ flags: ['all'], 'transport-protocol': 'RTP/AVP' }))).toMatch(
    /^Keys /,
  );
  expect([call.stream(10), call.stream(20)].map(({ security }) => security.kind)).toEqual(['none', 'none']);
});

test.each([
  ['what a party says', ['all']],
  ['what a party hears', ['all', 'egress']],
])('one party with parameters nobody here can use is enough: %s', async (_, flags) => {
  await call.talk(`${ALICE} KDR=1`, BOB);
  const subscribing = { 'from-tag': 'bob', flags: flags.slice(1), 'transport-protocol': 'RTP/AVP' };
  expect(reasonOf(await call.subscribe(subscribing))).toMatch(/^Keys /);
});
