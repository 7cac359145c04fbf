import { expect, it } from 'vitest';
import { KamailioFunctions } from '../support/kamailio-functions.js';
import { at } from '../support/loopback-call.js';
import { describeLocalPeers } from '../support/netns-peers.js';
import { until } from '../support/netns-until.js';
import { rtcp } from '../support/rtcp.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { Tandem } from '../support/tandem.js';

const CALL = { callId: 'script', from: 'caller', to: 'callee' };

const HANG_UP = { ...CALL, method: 'BYE', flags: 'delete-delay=0' } as const;

describeLocalPeers(['kamailio'], 'the functions of the rtpengine module, from a script', () => {
  it('offer, answer and delete, with SDP in variables', async () => {
    const { tandem, kamailio } = await site();
    const { offered, answered } = await setUp(kamailio);
    for (const sdp of [offered, answered]) expect(sdp).toContain(`c=IN IP4 ${tandem.address}\r\n`);
    expect(await kamailio.call('delete', HANG_UP)).toMatchObject({ code: 1 });
    expect(await tandem.ng.command({ command: 'list' })).toMatchObject({ calls: [] });
  });

  it('manage finds out by itself what a request is', async () => {
    const { tandem, kamailio } = await site();
    const { caller, callee } = await setUp(kamailio, 'manage');
    await talk(caller, callee);
    expect(await kamailio.call('manage', HANG_UP)).toMatchObject({ code: 1 });
    expect(await tandem.ng.command({ command: 'list' })).toMatchObject({ calls: [] });
  });

  it('query, its JSON and the statistics variable tell of the call; info finds its node', async () => {
    const { tandem, kamailio } = await site();
    const { caller, callee } = await setUp(kamailio);
    await talk(caller, callee);
    expect(await kamailio.call('query', CALL)).toMatchObject({ code: 1 });
    const asJson = await kamailio.call('query_v', CALL);
    expect(asJson.code).toBe(1);
    const told: unknown = JSON.parse(asJson.body);
    expect(told).toMatchObject({
      result: 'ok',
      created: expect.any(Number),
      totals: { RTP: { packets: 10, bytes: 10 * 172, errors: 0 }, RTCP: { packets: 0 } },
      tags: { caller: { label: 'caller', medias: [{ codec: 'PCMU/8000' }] }, callee: { label: 'callee' } },
    });
    const { variable } = await kamailio.call('statistics', CALL);
    expect(variable('Statistics')).toBe(
      'RTP: 1720 bytes, 10 packets, 0 errors; RTCP: 0 bytes, 0 packets, 0 errors',
    );
    const info = await kamailio.call('info', { ...CALL, method: 'INVITE', sdp: caller.sdp() });
    expect(info.code).toBe(1);
    expect(info.variable('Node')).toContain(`${tandem.address}:${tandem.ngPort}`);
    expect(await kamailio.call('query', { ...CALL, callId: 'nobody' })).toMatchObject({ code: -1 });
  });

  it('the quality of a call is in the MOS variables after a query and after its end', async () => {
    const { tandem, kamailio } = await site();
    const { caller, callee } = await setUp(kamailio);
    await talk(caller, callee);
    await untilRated(tandem, caller, callee);
    const queried = await kamailio.call('query', CALL);
    expectRated(queried.variable);
    const ended = await kamailio.call('delete', HANG_UP);
    expectRated(ended.variable);
  });

  it('media is blocked, silenced and let through again', async () => {
    const { kamailio } = await site();
    const { caller, callee } = await setUp(kamailio);
    await talk(caller, callee);
    const done = async (name: string, flags?: string) =>
      expect(await kamailio.call(name, { ...CALL, ...(flags !== undefined && { flags }) })).toMatchObject({
        code: 1,
      });

    // Only what the caller says: the callee goes on to be heard.
    await done('block_media', 'directional');
    const before = callee.received.length;
    caller.send(3);
    await talk(callee, caller, 0);
    expect(callee.received.length).toBe(before);
    await done('unblock_media', 'directional');
    await talk(caller, callee);

    await done('silence_media');
    await talk(caller, callee);
    expect(callee.received.at(-1)?.payload.every((byte) => byte === 0xff)).toBe(true);
    await done('unsilence_media');
    await talk(caller, callee);
    expect(callee.received.at(-1)?.payload[0]).toBe(0xd5);

    await done('block_dtmf');
    await done('unblock_dtmf');
    await talk(caller, callee);
  });

  it('forwarding is noted, and what does not exist yet is refused without harm', async () => {
    const { tandem, kamailio } = await site();
    const { caller, callee } = await setUp(kamailio);
    expect(await kamailio.call('start_forwarding', CALL)).toMatchObject({ code: 1 });
    const query = { command: 'query', 'call-id': CALL.callId };
    expect(at(await tandem.ng.command(query), 'recording', 'forwarding')).toBe(1);
    expect(await kamailio.call('stop_forwarding', CALL)).toMatchObject({ code: 1 });
    for (const name of ['play_media', 'stop_media', 'play_dtmf'])
      expect(await kamailio.call(name, { ...CALL, flags: 'code=5' })).toMatchObject({ code: -1 });
    await talk(caller, callee);
  });
});

async function site() {
  const tandem = await Tandem.start();
  const kamailio = await KamailioFunctions.start(`udp:${tandem.address}:${tandem.ngPort}`);
  return { tandem, kamailio };
}

/** The answer travels in a PRACK: it is the only request besides ACK that the module takes for one. */
async function setUp(kamailio: KamailioFunctions, as?: 'manage') {
  const caller = await RtpPeer.open();
  const callee = await RtpPeer.open();
  const { callId, from, to } = CALL;
  const flags = 'replace-origin label=';
  const offer = await kamailio.call(as ?? 'offer', {
    ...{ callId, from, method: 'INVITE', flags: `${flags}caller` },
    sdp: caller.sdp(),
  });
  expect(offer.code).toBe(1);
  callee.aim(offer.body);
  const answer = await kamailio.call(as ?? 'answer', {
    ...{ callId, from: to, to: from, method: 'PRACK', flags: `${flags}callee` },
    sdp: callee.sdp(),
  });
  expect(answer.code).toBe(1);
  caller.aim(answer.body);
  return { caller, callee, offered: offer.body, answered: answer.body };
}

/** Both are heard; with no packets of the other one, the first alone. */
async function talk(one: RtpPeer, other: RtpPeer, ofOther = 5): Promise<void> {
  const [atOne, atOther] = [one.received.length, other.received.length];
  one.send(5);
  other.send(ofOther);
  await Promise.all([one.hears(atOne + ofOther), other.hears(atOther + 5)]);
}

/** Reports to and fro, until both sources have a figure: the first one knows one half of the round trip only. */
async function untilRated(tandem: Tandem, caller: RtpPeer, callee: RtpPeer): Promise<void> {
  let number = 0;
  await until('a figure for both parties', async () => {
    number += 1;
    caller.sendRaw(senderReport(caller.ssrc, number), 1);
    callee.sendRaw(senderReport(callee.ssrc, number), 1);
    caller.sendRaw(receiverReport(caller.ssrc, callee.ssrc, number), 1);
    callee.sendRaw(receiverReport(callee.ssrc, caller.ssrc, number), 1);
    const reply = await tandem.ng.command({ command: 'query', 'call-id': CALL.callId });
    const isRated = ({ ssrc }: RtpPeer) =>
      Number(at(reply, 'SSRC', String(ssrc), 'average MOS', 'MOS') ?? 0) > 0;
    return isRated(caller) && isRated(callee) ? true : undefined;
  });
}

function expectRated(variable: (name: string) => string | undefined): void {
  for (const name of ['Average', 'Min', 'Max', 'Average-A', 'Average-B'])
    expect(Number(variable(name)), name).toBeGreaterThan(3);
  // 8 of 256 packets, and 80 units of the clock of 8 kHz.
  expect(variable('Loss')).toBe('3');
  for (const name of ['Jitter', 'Jitter-A', 'Jitter-B']) expect(variable(name), name).toBe('10');
  for (const name of ['Roundtrip', 'Roundtrip-Leg', 'Samples'])
    expect(Number(variable(name)), name).toBeGreaterThanOrEqual(0);
  expect(variable('Min-At')).toMatch(/^\d+:\d\d$/);
}

/** With a time of which the middle 32 bits are 1; no two are equal, or they would look like one that goes in a circle. */
function senderReport(ssrc: number, number: number): Buffer {
  return rtcp(200, 0, ssrc, 0, 0x0001_0000 + number, 0, 5, 860);
}

function receiverReport(ssrc: number, about: number, highestSequence: number): Buffer {
  return rtcp(201, 1, ssrc, about, 8 << 24, highestSequence, 80, 1, 0);
}
