import { expect, test } from 'vitest';
import { dissectRtcp, testWithTshark } from '../support/dissector.js';
import { LoopbackCall, sdpOf } from '../support/loopback-call.js';
import { rtcp } from '../support/rtcp.js';
import type { NgClient } from '../support/oracle-ng-client.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { Tandem } from '../support/tandem.js';

test('generate RTCP: both parties get reports of ours, and none of each other', async () => {
  const { ng } = await Tandem.start({ settings: OFTEN });
  const call = await LoopbackCall.setUp(ng, 'generated', { 'generate RTCP': 'on' });
  await call.talks();
  call.caller.sendRaw(receiverReport(call.caller.ssrc), 1);
  call.caller.talk();
  call.callee.talk();
  const reports = () => [call.caller, call.callee].map(({ rtcpReceived }) => rtcpReceived[0]);
  await expect.poll(() => reports().every(Boolean)).toBe(true);
  expect(reports().map((compound) => [compound?.[1], compound?.readUInt32BE(4)])).toEqual([
    [SENDER_REPORT, call.callee.ssrc],
    [SENDER_REPORT, call.caller.ssrc],
  ]);
});

testWithTshark('what leaves towards a telephone without feedback can be read by others', async () => {
  const { ng } = await Tandem.start();
  const { caller, callee } = await feedbackMeetsNone(ng);
  const [from, about] = [caller.ssrc, callee.ssrc];
  const [picture, missing] = [rtcp(206, 1, from, about), rtcp(205, 1, from, about, 0x0007_0001)];
  const bandwidth = rtcp(206, 15, from, 0, 0x5245_4d42, 0x0100_1234, about);
  const whole = receiverReport(from);
  const sent = [
    whole,
    Buffer.concat([whole, description(from), picture, missing, bandwidth]),
    picture,
    bandwidth,
    Buffer.concat([whole, goodbye(from)]),
    Buffer.concat([whole, picture]).subarray(0, 14),
    receiverReport(from),
  ];
  for (const compound of sent) caller.sendRaw(compound, 1);
  await expect.poll(() => callee.rtcpReceived.length).toBe(5);

  const lying = receiverReport(from);
  lying[0] = 0x80 | 31;
  expect(dissectRtcp([lying, whole]).map(({ isMalformed }) => isMalformed)).toEqual([true, false]);
  const dissected = dissectRtcp(callee.rtcpReceived);
  expect(dissected.filter(({ isMalformed }) => isMalformed)).toEqual([]);
  expect(dissected.map(({ types }) => types)).toEqual([
    [201],
    // A full intra request for the picture loss, and the request for what is missing.
    [201, 202, 206, 205],
    [201, 202, 206],
    [201, 203],
    [201],
  ]);
});

testWithTshark(
  'a telephone without feedback stays silent: the other one gets reports all the same',
  async () => {
    const { ng } = await Tandem.start({ settings: OFTEN });
    const { caller, callee } = await feedbackMeetsNone(ng);
    caller.sendRaw(receiverReport(caller.ssrc), 1);
    caller.talk();
    callee.talk();
    await expect.poll(() => caller.rtcpReceived.length).toBeGreaterThan(1);
    const reports = dissectRtcp(caller.rtcpReceived);
    expect(reports.every(({ types, isMalformed }) => !isMalformed && types[0] === SENDER_REPORT)).toBe(true);
  },
);

testWithTshark('a call that ends says BYE to both parties, once each, and others can read it', async () => {
  const { ng } = await Tandem.start();
  const call = await LoopbackCall.setUp(ng, 'ending', { 'generate RTCP': 'on' });
  await call.talks();
  const { caller, callee } = call;
  expect((await call.delete()).result).toBe('ok');
  const byes = (peer: RtpPeer) => peer.rtcpReceived.filter(saysBye);
  const bothLeft = () => byes(caller).length > 0 && byes(callee).length > 0;
  await expect.poll(bothLeft).toBe(true);

  await ng.command({ command: 'ping' });
  const all = [byes(caller), byes(callee)].flat();
  const sourcesThatLeft = all.map((compound) => compound.readUInt32BE(compound.length - 4));
  expect(sourcesThatLeft).toEqual([callee.ssrc, caller.ssrc]);
  expect(dissectRtcp(all)).toEqual(all.map(() => ({ types: [SENDER_REPORT, 202, 203], isMalformed: false })));
});

test('a call whose RTCP is only relayed ends without a word of ours', async () => {
  const { ng } = await Tandem.start();
  const relayed = await LoopbackCall.setUp(ng, 'relayed');
  const generated = await LoopbackCall.setUp(ng, 'generated', { 'generate RTCP': 'on' });
  await relayed.talks();
  await generated.talks();
  await relayed.delete();
  await generated.delete();
  const otherEnds = () => generated.caller.rtcpReceived.some(saysBye);
  await expect.poll(otherEnds).toBe(true);
  expect([relayed.caller.rtcpReceived, relayed.callee.rtcpReceived]).toEqual([[], []]);
});

/** A caller with a feedback profile, a telephone without; both have been heard. */
async function feedbackMeetsNone(ng: NgClient): Promise<{ caller: RtpPeer; callee: RtpPeer }> {
  const caller = await RtpPeer.open();
  const callee = await RtpPeer.open();
  const dialogue = { 'call-id': 'converted', 'from-tag': 'a', 'transport-protocol': 'RTP/AVP', flags: [] };
  const lines = ['a=rtcp-fb:0 nack', 'a=rtcp-fb:0 nack pli'];
  const offered = await sdpOf(ng, {
    command: 'offer',
    ...dialogue,
    sdp: caller.sdp({ profile: 'RTP/AVPF', lines }),
  });
  callee.aim(offered);
  const sdp = callee.sdp({ lines: ['a=rtcp-fb:0 ccm fir', 'a=rtcp-fb:0 nack'] });
  const answered = await sdpOf(ng, { command: 'answer', ...dialogue, 'to-tag': 'b', sdp });
  caller.aim(answered);
  expect(answered).toContain('a=rtcp-fb:0 nack pli');
  caller.send(5);
  callee.send(5);
  await Promise.all([caller.hears(5), callee.hears(5)]);
  return { caller, callee };
}

function saysBye(compound: Buffer): boolean {
  return compound.length >= 8 && compound[compound.length - 7] === 203;
}

function receiverReport(ssrc: number): Buffer {
  return rtcp(201, 0, ssrc);
}

function goodbye(ssrc: number): Buffer {
  return rtcp(203, 1, ssrc);
}

/** A CNAME of two letters. */
function description(ssrc: number): Buffer {
  return rtcp(202, 1, ssrc, 0x0102_6161, 0);
}

const SENDER_REPORT = 200;
/** Our own reports come more often than every five seconds. */
const OFTEN = ['rtcpIntervalMs=500'];
