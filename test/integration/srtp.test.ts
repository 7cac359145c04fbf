import { expect, test } from 'vitest';
import { at, sdpOf } from '../support/loopback-call.js';
import { mediaAddress, RtpPeer } from '../support/rtp-peer.js';
import { keyOf, SrtpContext, SrtpKey } from '../support/srtp.js';
import { Tandem } from '../support/tandem.js';

/** A caller with SRTP, keys in its SDP, and a callee with RTP. */
class SecuredCall {
  readonly tandem: Tandem;
  readonly caller: RtpPeer;
  readonly callee: RtpPeer;
  key = new SrtpKey();
  offered = '';
  answered = '';
  #version = 1;

  private constructor(tandem: Tandem, caller: RtpPeer, callee: RtpPeer) {
    this.tandem = tandem;
    this.caller = caller;
    this.callee = callee;
  }

  static async setUp(tandem: Tandem): Promise<SecuredCall> {
    const call = new SecuredCall(tandem, await RtpPeer.open(), await RtpPeer.open());
    await call.negotiate();
    const { caller, key, answered } = call;
    caller.protection = { send: new SrtpContext(key.bytes), receive: new SrtpContext(keyOf(answered)) };
    return call;
  }

  async negotiate(): Promise<void> {
    const version = this.#version++;
    const toTag = version > 1 ? { 'to-tag': 'b' } : {};
    const dialogue = { 'call-id': 'secured', 'from-tag': 'a', flags: [] };
    const { ng } = this.tandem;
    this.offered = await sdpOf(ng, {
      command: 'offer',
      ...dialogue,
      ...toTag,
      'transport-protocol': 'RTP/AVP',
      sdp: this.caller.sdp({ version, profile: 'RTP/SAVP', lines: [this.key.line()] }),
    });
    this.callee.aim(this.offered);
    this.answered = await sdpOf(ng, {
      command: 'answer',
      ...dialogue,
      'to-tag': 'b',
      sdp: this.callee.sdp({ version }),
    });
    this.caller.aim(this.answered);
  }

  /** So that some packets are older than what has been saved, and some are not. */
  async talksWhileStateIsSaved(): Promise<void> {
    const heard = this.callee.received.length - this.caller.sent;
    this.caller.talk();
    await this.tandem.saved();
    this.caller.stopTalking();
    await this.callee.hears(heard + this.caller.sent);
  }

  async talks(packets = 5): Promise<void> {
    const [atCaller, atCallee] = [this.caller.received.length, this.callee.received.length];
    this.caller.send(packets);
    this.callee.send(packets);
    await Promise.all([this.caller.hears(atCaller + packets), this.callee.hears(atCallee + packets)]);
  }
}

test('SRTP on one side and RTP on the other hear each other', async () => {
  const call = await SecuredCall.setUp(await Tandem.start());
  expect(call.offered).toMatch(/^m=audio \d+ RTP\/AVP 0/m);
  expect(call.offered).not.toContain('a=crypto');
  expect(call.answered).toMatch(/^m=audio \d+ RTP\/SAVP 0/m);
  await call.talks(20);
  expect(call.callee.received[0]?.payload).toEqual(Buffer.alloc(160, 0xd5));
  expect(call.caller.received[0]?.payload).toEqual(Buffer.alloc(160, 0xd5));
  expect(call.caller.refused).toBe(0);

  const statistics = await call.tandem.ng.command({ command: 'query', 'call-id': 'secured' });
  const media = at(statistics, 'tags', 'a', 'medias');
  expect(JSON.stringify(media)).toContain('AES_CM_128_HMAC_SHA1_80');
});

test('a re-INVITE with the same key goes on where the keys were', async () => {
  const call = await SecuredCall.setUp(await Tandem.start());
  await call.talks();
  const { answered } = call;
  await call.negotiate();
  expect(mediaAddress(call.answered)).toEqual(mediaAddress(answered));
  expect(keyOf(call.answered)).toEqual(keyOf(answered));
  await call.talks();
  expect(call.caller.refused).toBe(0);
});

test('a re-INVITE with a new key is followed', async () => {
  const call = await SecuredCall.setUp(await Tandem.start());
  await call.talks();
  call.key = new SrtpKey();
  await call.negotiate();
  const receive = call.caller.protection?.receive;
  if (receive === undefined) throw new Error('the caller has no keys');
  call.caller.protection = { send: new SrtpContext(call.key.bytes), receive };
  await call.talks();
  expect(call.caller.refused).toBe(0);
});

test('a stranger with plain or wrongly protected packets is neither heard nor answered', async () => {
  const call = await SecuredCall.setUp(await Tandem.start());
  const stranger = await RtpPeer.open();
  stranger.aim(call.answered);
  stranger.send(20);
  const wrong = new SrtpContext(new SrtpKey().bytes);
  stranger.protection = { send: wrong, receive: wrong };
  stranger.send(20);
  await call.talks(20);
  expect(new Set(call.callee.received.map(({ ssrc }) => ssrc))).toEqual(new Set([call.caller.ssrc]));
  expect(stranger.received.length + stranger.refused).toBe(0);
});

test('the data plane is killed: keys and counters go on, and nothing that was heard is heard again', async () => {
  const call = await SecuredCall.setUp(await Tandem.start());
  const { tandem, caller, callee } = call;
  // Beyond one cycle, where a lost roll-over counter means silence.
  for (const sequence of [30_000, 60_000, 24_000, 50_000]) {
    caller.continueAt(sequence);
    callee.continueAt(sequence);
    await call.talks();
  }
  await call.talksWhileStateIsSaved();
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await call.talks(20);
  expect(caller.refused).toBe(0);
});

test('both are killed one after the other, and the call goes on', async () => {
  const call = await SecuredCall.setUp(await Tandem.start());
  const { tandem } = call;
  await call.talks();
  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await call.talksWhileStateIsSaved();
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await call.talks(20);
  await call.negotiate();
  await call.talks();
});
