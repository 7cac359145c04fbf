import { expect, test } from 'vitest';
import { at, LoopbackCall } from '../support/loopback-call.js';
import { Recorder } from '../support/recorder.js';
import { Tandem } from '../support/tandem.js';

test('recorders, one with keys and one without, hear both parties, whichever half of the proxy dies meanwhile', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'listened');
  await call.talks();
  const secured = { 'transport-protocol': 'RTP/SAVP', DTLS: 'off' };
  const recorders = [
    await Recorder.subscribe(tandem.ng, { 'call-id': 'listened', 'to-tag': 'plain' }, {}),
    await Recorder.subscribe(tandem.ng, { 'call-id': 'listened', 'to-tag': 'secured' }, secured),
  ];
  const heardByAll = async (packets: number, during: () => Promise<void>) => {
    const counts = recorders.map(({ lines }) => lines.map(({ received }) => received.length));
    await during();
    const lines = recorders.flatMap((recorder, which) =>
      recorder.lines.map((line, at) => line.hears((counts[which]?.[at] ?? 0) + packets)),
    );
    await Promise.all(lines);
  };
  await heardByAll(5, () => call.talks());

  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await heardByAll(5, async () => {
    const heard = call.callee.received.length - call.caller.sent;
    call.caller.talk();
    call.callee.talk();
    await tandem.saved();
    call.caller.stopTalking();
    call.callee.stopTalking();
    await call.callee.hears(heard + call.caller.sent);
  });

  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await heardByAll(5, () => call.talks());
  await call.negotiate();
  await heardByAll(5, () => call.talks());

  for (const { lines } of recorders) {
    const [ofCaller, ofCallee] = lines;
    expect(new Set(ofCaller.received.map(({ ssrc }) => ssrc))).toEqual(new Set([call.caller.ssrc]));
    expect(new Set(ofCallee.received.map(({ ssrc }) => ssrc))).toEqual(new Set([call.callee.ssrc]));
    expect(ofCaller.received.every(({ payload }) => payload.equals(Buffer.alloc(160, 0xd5)))).toBe(true);
    expect(ofCaller.refused + ofCallee.refused).toBe(0);
  }
  expect(at(await call.query(), 'tags', 'secured', 'subscriptions')).toEqual([
    { tag: 'caller', type: 'pub/sub' },
    { tag: 'callee', type: 'pub/sub' },
  ]);

  const last = call.caller.sent;
  const ended = await tandem.ng.command({
    command: 'unsubscribe',
    'call-id': 'listened',
    'to-tag': 'plain',
  });
  expect(ended.result).toBe('ok');
  await call.talks();
  const sequences = recorders[0]?.lines[0].received.map(({ sequence }) => sequence) ?? [];
  expect(Math.max(...sequences)).toBeLessThanOrEqual(last);
});
