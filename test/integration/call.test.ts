import { expect, test } from 'vitest';
import { at, LoopbackCall } from '../support/loopback-call.js';
import { ngExchange } from '../support/loopback-ng.js';
import { bencode } from '../support/oracle-ng-client.js';
import { mediaAddress, RtpPeer } from '../support/rtp-peer.js';
import { Tandem } from '../support/tandem.js';

test('a call is relayed both ways, counted, and deleted', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'relay');
  expect(mediaAddress(call.offered).address).toBe(tandem.address);
  await call.talks(20);
  expect(call.callee.received.map(({ sequence }) => sequence)).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  expect(call.callee.received[0]?.from).toBe(`${tandem.address}:${mediaAddress(call.offered).port}`);

  const statistics = await call.query();
  expect(at(statistics, 'totals', 'RTP', 'packets')).toBe(40);
  expect(at(statistics, 'totals', 'RTP', 'bytes')).toBe(40 * 172);

  const deleted = await call.delete();
  expect(deleted.result).toBe('ok');
  expect(at(deleted, 'totals', 'RTP', 'packets')).toBe(40);
  expect(await call.query()).toMatchObject({ result: 'error', 'error-reason': 'Unknown call-id' });
});

test('a re-INVITE keeps the ports and the media', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'again');
  const { offered, answered } = call;
  await call.talks();
  await call.negotiate();
  expect(mediaAddress(call.offered)).toEqual(mediaAddress(offered));
  expect(mediaAddress(call.answered)).toEqual(mediaAddress(answered));
  await call.talks();
});

test('RTCP goes the way of its RTP', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'rtcp');
  await call.talks();
  // A receiver report without blocks (RFC 3550 section 6.4.2).
  const report = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 7]);
  call.caller.sendRaw(report, 1);
  await expect.poll(() => call.callee.rtcpReceived.length).toBe(1);
});

test('a delayed deletion lets media go on and a new offer revive the call', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'revived');
  expect((await call.delete({ 'delete-delay': 4 })).result).toBe('ok');
  await call.talks();
  await call.negotiate();
  // Packets for longer than the deletion had been put off.
  const heard = call.callee.received.length;
  call.caller.talk();
  await call.callee.hears(heard + 220);
  expect((await call.query()).result).toBe('ok');
});

test('a delayed deletion comes', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'ended');
  await call.delete({ 'delete-delay': 1 });
  await expect.poll(async () => (await call.query()).result).toBe('error');
  await tandem.control.printed(/call ended callId=ended reason=deleted/);
});

test('a repeated datagram runs its command once', async () => {
  const tandem = await Tandem.start();
  const [one, other] = [await RtpPeer.open(), await RtpPeer.open()];
  const exchange = ngExchange(tandem.address, tandem.ngPort);
  const offer = (sdp: string, tag: string) =>
    Buffer.from(
      `cookie ${bencode({ command: 'offer', 'call-id': 'twice', 'from-tag': tag, sdp })}`,
      'latin1',
    );
  const first = await exchange(offer(one.sdp(), 'a'));
  const again = await exchange(offer(one.sdp(), 'a'));
  expect(again).toEqual(first);
  // The same cookie is the same command to a server, whatever else has changed.
  expect(await exchange(offer(other.sdp(), 'b'))).toEqual(first);
  await LoopbackCall.setUp(tandem.ng, 'next');
  await tandem.control.printed(/call created callId=next/);
  expect(tandem.control.stderr.match(/call created callId=twice/g)).toHaveLength(1);
});

test('garbage on the control port harms nobody', async () => {
  const tandem = await Tandem.start();
  const peer = await RtpPeer.open();
  peer.aim(`c=IN IP4 ${tandem.address}\nm=audio ${tandem.ngPort}`);
  for (const junk of [
    '',
    ' ',
    'x',
    'c d',
    'c i1e',
    'c {',
    'c d7:command',
    '\0'.repeat(2000),
    'c d7:command5:offere',
  ]) {
    peer.sendRaw(Buffer.from(junk, 'latin1'));
  }
  expect(await tandem.ng.command({ command: 'ping' })).toEqual({ result: 'pong' });
});

test('a call in which nobody sends is ended by the media timeout', async () => {
  const tandem = await Tandem.start({ settings: ['timeouts.mediaSeconds=3'] });
  const call = await LoopbackCall.setUp(tandem.ng, 'silent');
  await call.talks();
  await expect.poll(async () => (await call.query()).result).toBe('error');
  await tandem.control.printed(/call ended callId=silent reason=mediaTimeout/);
});

test('a call ends at its final timeout whatever happens in it', async () => {
  const tandem = await Tandem.start({ settings: ['timeouts.finalSeconds=1'] });
  const call = await LoopbackCall.setUp(tandem.ng, 'long');
  call.caller.talk();
  await expect.poll(async () => (await call.query()).result).toBe('error');
  await tandem.control.printed(/call ended callId=long reason=finalTimeout/);
});
