import { expect, test } from 'vitest';
import { DtlsPeer } from '../support/dtls-peer.js';
import { sdpOf } from '../support/loopback-call.js';
import { mediaAddress, RtpPeer } from '../support/rtp-peer.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

/** Nobody else's, so that late packets to a port of another test cannot come here. */
const HOST = loopbackAddress();
const AUDIO = 0;
const VIDEO = 31;

type Call = { readonly caller: RtpPeer; readonly audio: RtpPeer; readonly video: RtpPeer };

/** A caller with audio and video on one port, plain or with DTLS-SRTP, and a callee with a port for each. */
async function call(tandem: Tandem, isSecured: boolean): Promise<Call> {
  const dtls = isSecured ? new DtlsPeer() : undefined;
  const port = await freePort(HOST);
  const [audio, video] = [await RtpPeer.open(), await RtpPeer.open()];
  const dialogue = { 'call-id': 'bundled', 'from-tag': 'a', flags: [] };
  const offered = await sdpOf(tandem.ng, {
    command: 'offer',
    ...dialogue,
    bundle: ['accept'],
    'transport-protocol': 'RTP/AVP',
    'rtcp-mux': ['demux'],
    sdp: bundled(port, dtls?.fingerprint),
  });
  expect(offered).not.toContain('BUNDLE');
  const [, forVideo = ''] = offered.split('m=video');
  audio.aim(offered);
  video.aim(`c=IN IP4 ${tandem.address}\r\nm=video${forVideo}`);
  expect(mediaAddress(offered).port).not.toBe(mediaAddress(`c=IN IP4 x\r\nm=video${forVideo}`).port);

  const answered = await sdpOf(tandem.ng, {
    command: 'answer',
    ...dialogue,
    'to-tag': 'b',
    sdp: `${audio.sdp()}m=video ${video.port} RTP/AVP ${VIDEO}\r\n`,
  });
  expect(answered).toContain('a=group:BUNDLE a v\r\n');
  const ports = [...answered.matchAll(/^m=\w+ (\d+)/gm)].map(([, number]) => number);
  expect(new Set(ports).size).toBe(1);
  expect(answered.split('a=fingerprint').length - 1).toBe(isSecured ? 1 : 0);

  const { address, port: ours } = mediaAddress(answered);
  const protection = await dtls?.connect(`${HOST}:${port}`, `${address}:${ours}`);
  const caller = await RtpPeer.open(HOST, port);
  caller.protection = protection;
  caller.aim(answered);
  return { caller, audio, video };
}

function bundled(port: number, fingerprint: string | undefined): string {
  const profile = fingerprint === undefined ? 'RTP/AVPF' : 'UDP/TLS/RTP/SAVPF';
  const keys = fingerprint === undefined ? [] : ['a=setup:active', `a=fingerprint:${fingerprint}`];
  return [
    ...['v=0', `o=- 1 1 IN IP4 ${HOST}`, 's=-', `c=IN IP4 ${HOST}`, 't=0 0', 'a=group:BUNDLE a v'],
    ...[`m=audio ${port} ${profile} ${AUDIO}`, 'a=mid:a', 'a=rtcp-mux', ...keys],
    ...[`m=video 0 ${profile} ${VIDEO}`, 'a=mid:v', 'a=bundle-only', 'a=rtcp-mux', ''],
  ].join('\r\n');
}

function packet(payloadType: number, sequence: number, ssrc: number): Buffer {
  const bytes = Buffer.alloc(172, payloadType);
  bytes.set([0x80, payloadType]);
  bytes.writeUInt16BE(sequence, 2);
  bytes.writeUInt32BE(sequence * 160, 4);
  bytes.writeUInt32BE(ssrc, 8);
  return bytes;
}

/** The same media in all four directions, each with its own payload. */
async function assertTalk({ caller, audio, video }: Call, from: number): Promise<void> {
  const heard = [audio, video, caller].map((peer) => peer.received.length);
  for (let sequence = from; sequence < from + 10; sequence += 1) {
    for (const [payloadType, ssrc] of [
      [AUDIO, 11],
      [VIDEO, 22],
    ] as const) {
      const plain = packet(payloadType, sequence, ssrc);
      caller.sendRaw(caller.protection?.send.protect(plain) ?? plain);
    }
    audio.sendRaw(packet(AUDIO, sequence, 33));
    video.sendRaw(packet(VIDEO, sequence, 44));
  }
  const [atAudio = 0, atVideo = 0, atCaller = 0] = heard;
  await Promise.all([audio.hears(atAudio + 10), video.hears(atVideo + 10), caller.hears(atCaller + 20)]);
  expect(sources(audio, atAudio)).toEqual([[11, AUDIO]]);
  expect(sources(video, atVideo)).toEqual([[22, VIDEO]]);
  expect(sources(caller, atCaller)).toEqual([
    [33, AUDIO],
    [44, VIDEO],
  ]);
}

/** SSRC and first octet of payload of what a peer has heard since. */
function sources({ received }: RtpPeer, since: number): (readonly [number, number | undefined])[] {
  const seen = new Map(received.slice(since).map(({ ssrc, payload }) => [ssrc, payload[0]]));
  return [...seen].toSorted(([one], [other]) => one - other);
}

for (const isSecured of [false, true]) {
  test(`audio and video share a port ${isSecured ? 'and a handshake' : 'in the clear'}`, async () => {
    const tandem = await Tandem.start();
    const talk = await call(tandem, isSecured);
    await assertTalk(talk, 1);
    await assertTalk(talk, 100);
    // AVPF: it gets reports of our own, between media.
    await expect.poll(() => talk.caller.muxedRtcp.length).toBeGreaterThan(0);
    await assertTalk(talk, 200);
    expect(talk.caller.refused).toBe(0);
  });
}

test('the data plane is killed: all streams of a bundle go on', async () => {
  const tandem = await Tandem.start();
  const talk = await call(tandem, true);
  await assertTalk(talk, 1);
  const heard = talk.caller.received.length - talk.audio.sent;
  talk.audio.talk();
  await tandem.saved();
  talk.audio.stopTalking();
  await talk.caller.hears(heard + talk.audio.sent);
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await assertTalk(talk, 300);
});

test('the control plane is killed: it knows the bundle again', async () => {
  const tandem = await Tandem.start();
  const talk = await call(tandem, false);
  await assertTalk(talk, 1);
  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await assertTalk(talk, 100);
  const again = await sdpOf(tandem.ng, {
    command: 'offer',
    ...{ 'call-id': 'bundled', 'from-tag': 'b', 'to-tag': 'a', flags: [] },
    sdp: `${talk.audio.sdp()}m=video ${talk.video.port} RTP/AVP ${VIDEO}\r\n`,
  });
  expect(again).toContain('a=group:BUNDLE a v\r\n');
  await assertTalk(talk, 200);
});
