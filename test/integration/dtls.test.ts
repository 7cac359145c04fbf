import { expect, test } from 'vitest';
import { DtlsPeer, type SrtpPair } from '../support/dtls-peer.js';
import { sdpOf } from '../support/loopback-call.js';
import { mediaAddress, RtpPeer } from '../support/rtp-peer.js';
import { freePort, Tandem } from '../support/tandem.js';

const HOST = '127.0.0.1';

/** A caller with DTLS-SRTP, a callee with RTP. */
async function call(
  tandem: Tandem,
  setup: 'active' | 'passive',
): Promise<{ caller: RtpPeer; callee: RtpPeer }> {
  const dtls = new DtlsPeer();
  const port = await freePort(HOST);
  const callee = await RtpPeer.open();
  const dialogue = { 'call-id': 'secured', 'from-tag': 'a', flags: [] };
  const lines = ['a=rtcp-mux', `a=setup:${setup}`, `a=fingerprint:${dtls.fingerprint}`];
  const offered = await sdpOf(tandem.ng, {
    command: 'offer',
    ...dialogue,
    'transport-protocol': 'RTP/AVP',
    'rtcp-mux': ['demux'],
    sdp: offer(port, lines),
  });
  callee.aim(offered);
  const answer = { command: 'answer', ...dialogue, 'to-tag': 'b', sdp: callee.sdp() };
  let keys: Promise<SrtpPair> | undefined;
  if (setup === 'passive') keys = dtls.accept(`${HOST}:${port}`);
  const answered = await sdpOf(tandem.ng, answer);
  expect(answered).toMatch(/^m=audio \d+ UDP\/TLS\/RTP\/SAVP 0/m);
  expect(answered).toContain(`a=setup:${setup === 'active' ? 'passive' : 'active'}`);
  expect(answered).toMatch(/^a=fingerprint:sha-256 (?:[0-9A-F]{2}:){31}[0-9A-F]{2}\r$/m);
  const { address, port: ours } = mediaAddress(answered);
  const protection = await (keys ?? dtls.connect(`${HOST}:${port}`, `${address}:${ours}`));
  const caller = await RtpPeer.open(HOST, port);
  caller.protection = protection;
  caller.aim(answered);
  return { caller, callee };
}

function offer(port: number, lines: readonly string[]): string {
  const session = ['v=0', `o=- 1 1 IN IP4 ${HOST}`, 's=-', `c=IN IP4 ${HOST}`, 't=0 0'];
  const media = [`m=audio ${port} UDP/TLS/RTP/SAVP 0`, 'a=rtpmap:0 PCMU/8000', ...lines];
  return [...session, ...media, ''].join('\r\n');
}

async function assertTalk(caller: RtpPeer, callee: RtpPeer, packets: number): Promise<void> {
  const [atCaller, atCallee] = [caller.received.length, callee.received.length];
  caller.send(packets);
  callee.send(packets);
  await Promise.all([caller.hears(atCaller + packets), callee.hears(atCallee + packets)]);
}

for (const setup of ['active', 'passive'] as const) {
  test(`a caller that is ${setup} shakes hands and is heard`, async () => {
    const tandem = await Tandem.start();
    const { caller, callee } = await call(tandem, setup);
    await assertTalk(caller, callee, 20);
    expect(callee.received[0]?.payload).toEqual(Buffer.alloc(160, 0xd5));
  });
}

test('the data plane is killed: the call goes on without another handshake', async () => {
  const tandem = await Tandem.start();
  const { caller, callee } = await call(tandem, 'active');
  // The data plane's state is saved each second.
  caller.talk();
  await callee.hears(75);
  caller.stopTalking();
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await assertTalk(caller, callee, 20);
});
