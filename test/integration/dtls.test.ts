import { expect, test } from 'vitest';
import { forgedInHandshake } from '../support/attacker.js';
import { type DtlsOptions, DtlsPeer, type SrtpPair } from '../support/dtls-peer.js';
import { sdpOf } from '../support/loopback-call.js';
import { OnPath } from '../support/on-path.js';
import { mediaAddress, RtpPeer } from '../support/rtp-peer.js';
import { freePort, Tandem } from '../support/tandem.js';

const HOST = '127.0.0.1';

/** A caller with DTLS-SRTP, a callee with RTP. */
async function call(
  tandem: Tandem,
  setup: 'active' | 'passive',
  options: DtlsOptions = {},
  { onPath, reInvites }: { onPath?: OnPath; reInvites?: 'active' | 'passive' } = {},
): Promise<{ caller: RtpPeer; callee: RtpPeer; dtls: DtlsPeer }> {
  const dtls = new DtlsPeer(options);
  const port = onPath?.port ?? (await freePort(HOST));
  const callee = await RtpPeer.open();
  const dialogue = { 'call-id': `secured ${reInvites ?? setup}`, 'from-tag': 'a', flags: [] };
  const known = reInvites === undefined ? {} : { 'to-tag': 'b' };
  const lines = ['a=rtcp-mux', `a=setup:${setup}`, `a=fingerprint:${dtls.fingerprint}`];
  const offered = await sdpOf(tandem.ng, {
    command: 'offer',
    ...dialogue,
    ...known,
    'transport-protocol': 'RTP/AVP',
    'rtcp-mux': ['demux'],
    sdp: offer(port, lines),
  });
  callee.aim(offered);
  const answer = { command: 'answer', ...dialogue, 'to-tag': 'b', sdp: callee.sdp() };
  let keys: Promise<SrtpPair> | undefined;
  if (setup === 'passive') keys = dtls.accept(onPath?.guards(await freePort(HOST)) ?? `${HOST}:${port}`);
  const answered = await sdpOf(tandem.ng, answer);
  expect(answered).toMatch(/^m=audio \d+ UDP\/TLS\/RTP\/SAVP 0/m);
  expect(answered).toContain(`a=setup:${setup === 'active' ? 'passive' : 'active'}`);
  expect(answered).toMatch(/^a=fingerprint:sha-256 (?:[0-9A-F]{2}:){31}[0-9A-F]{2}\r$/m);
  const { address, port: ours } = mediaAddress(answered);
  const from = `${HOST}:${onPath ? await freePort(HOST) : port}`;
  const to = onPath?.towards({ address, port: ours }) ?? `${address}:${ours}`;
  const protection = await (keys ?? dtls.connect(from, to));
  onPath?.leave();
  const caller = await RtpPeer.open(HOST, port);
  caller.protection = protection;
  caller.aim(answered);
  return { caller, callee, dtls };
}

function offer(port: number, lines: readonly string[]): string {
  const session = ['v=0', `o=- 1 1 IN IP4 ${HOST}`, 's=-', `c=IN IP4 ${HOST}`, 't=0 0'];
  const media = [`m=audio ${port} UDP/TLS/RTP/SAVP 0`, 'a=rtpmap:0 PCMU/8000', ...lines];
  return [...session, ...media, ''].join('\r\n');
}

/** Until both have heard so many more. What comes before the other side has its keys is lost. */
async function assertTalk(caller: RtpPeer, callee: RtpPeer, packets: number): Promise<void> {
  const [atCaller, atCallee] = [caller.received.length, callee.received.length];
  caller.talk();
  callee.talk();
  await Promise.all([caller.hears(atCaller + packets), callee.hears(atCallee + packets)]);
  caller.stopTalking();
  callee.stopTalking();
}

for (const setup of ['active', 'passive'] as const) {
  test(`a caller that is ${setup} shakes hands and is heard`, async () => {
    const tandem = await Tandem.start();
    const { caller, callee } = await call(tandem, setup);
    await assertTalk(caller, callee, 20);
    expect(callee.received[0]?.payload).toEqual(Buffer.alloc(160, 0xd5));
  });
}

for (const setup of ['active', 'passive'] as const) {
  test(`a caller that is ${setup} shakes hands whatever somebody says in its name, which is counted and told`, async () => {
    const tandem = await Tandem.start();
    const place = { address: HOST, port: await freePort(HOST) };
    const onPath = await OnPath.of(place, forgedInHandshake);
    const { caller, callee } = await call(tandem, setup, {}, { onPath });
    await assertTalk(caller, callee, 20);
    const statistics = await tandem.ng.command({ command: 'query', 'call-id': `secured ${setup}` });
    expect(JSON.stringify(statistics)).toContain(`"last source":"${HOST}:${place.port}"`);
    await tandem.control.printed(new RegExp(`the stranger .*cause=handshake source="?${HOST}:${place.port}`));
  });
}

test('a caller that is passive and asks for a cookie is heard', async () => {
  const tandem = await Tandem.start();
  const { caller, callee } = await call(tandem, 'passive', { asksForCookie: true });
  await assertTalk(caller, callee, 5);
});

for (const [before, after] of [
  ['active', 'passive'],
  ['passive', 'active'],
] as const) {
  test(`a caller that was ${before} comes back ${after}, from elsewhere and with another certificate, and is heard`, async () => {
    const tandem = await Tandem.start();
    const first = await call(tandem, before);
    await assertTalk(first.caller, first.callee, 5);
    const second = await call(tandem, after, {}, { reInvites: before });
    await assertTalk(second.caller, second.callee, 5);
    expect(second.caller.refused).toBe(0);
  });
}

type Kind = readonly [string, DtlsOptions];

const KINDS: readonly Kind[] = [
  ['has a certificate with RSA of 4096 bits', { key: 'RSA-4096' }],
  ['has such a certificate and sends datagrams of 300 bytes', { key: 'RSA-4096', mtu: 300 }],
  ['has a certificate with RSA of 2048 bits', { key: 'RSA-2048' }],
  ['has a certificate on P-384', { key: 'P-384' }],
  ['has a certificate on P-521', { key: 'P-521' }],
  ['knows DTLS 1.0 only', { version: '1.0' }],
];

for (const [what, options] of KINDS) {
  test(`a caller that ${what} is heard, whoever is the client`, async () => {
    const tandem = await Tandem.start();
    for (const setup of ['active', 'passive'] as const) {
      const { caller, callee } = await call(tandem, setup, options);
      await assertTalk(caller, callee, 5);
    }
  });
}

for (const [curve, words] of [
  ['X25519', 'X25519, 253 bits'],
  ['P-384', 'ECDH, secp384r1, 384 bits'],
  ['P-521', 'ECDH, secp521r1, 521 bits'],
] as const) {
  test(`a caller that likes ${curve} best gets it`, async () => {
    const tandem = await Tandem.start();
    const { caller, callee, dtls } = await call(tandem, 'active', { curve });
    expect(dtls.keyExchange).toBe(words);
    await assertTalk(caller, callee, 5);
  });
}

test('a ClientHello of 2000 bytes in datagrams of at most 280 bytes begins a handshake', async () => {
  const tandem = await Tandem.start();
  const { caller, callee } = await call(tandem, 'active', { helloBytes: 2000, mtu: 280 });
  await assertTalk(caller, callee, 5);
});

test('the data plane is killed: the call goes on without another handshake', async () => {
  const tandem = await Tandem.start();
  const { caller, callee } = await call(tandem, 'active');
  await assertTalk(caller, callee, 5);
  await tandem.saved();
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await assertTalk(caller, callee, 20);
});
