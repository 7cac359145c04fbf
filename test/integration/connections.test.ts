import { expect, test } from 'vitest';
import { at, LoopbackCall, sdpOf } from '../support/loopback-call.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { Tandem } from '../support/tandem.js';

test('a caller and a published party that are connected hear each other alone, whichever half of the proxy dies', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'connected');
  await call.talks();
  const { caller, callee } = call;
  const carol = await RtpPeer.open();
  const publication = { command: 'publish', 'call-id': 'connected', 'from-tag': 'carol' };
  carol.aim(await sdpOf(tandem.ng, { ...publication, flags: ['bidirectional'], sdp: carol.sdp() }));
  const before = { caller: caller.received.length, callee: callee.received.length };
  const connect = { command: 'connect', 'call-id': 'connected', 'from-tag': 'caller', 'to-tag': 'carol' };
  expect((await tandem.ng.command(connect)).result).toBe('ok');

  const meet = async () => {
    const counts = [caller.received.length, carol.received.length] as const;
    callee.send(5);
    caller.send(5);
    carol.send(5);
    await Promise.all([caller.hears(counts[0] + 5), carol.hears(counts[1] + 5)]);
  };
  await meet();

  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await meet();

  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await meet();

  const heard = caller.received.slice(before.caller).map(({ ssrc }) => ssrc);
  expect(new Set(heard)).toEqual(new Set([carol.ssrc]));
  expect(new Set(carol.received.map(({ ssrc }) => ssrc))).toEqual(new Set([caller.ssrc]));
  expect(callee.received).toHaveLength(before.callee);
  expect(at(await call.query(), 'tags', 'carol', 'subscriptions')).toEqual([
    { tag: 'caller', type: 'offer/answer' },
  ]);

  await call.negotiate();
  await call.talks();
});
