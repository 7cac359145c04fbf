import { expect, test } from 'vitest';
import { at, LoopbackCall } from '../support/loopback-call.js';
import { Recorder } from '../support/recorder.js';
import { Tandem } from '../support/tandem.js';

test.each([
  ['plain', {}],
  ['with keys', { 'transport-protocol': 'RTP/SAVP', DTLS: 'off' }],
])('a recorder hears both parties, %s, whichever half of the proxy dies meanwhile', async (name, flags) => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, name);
  await call.talks();
  const recorder = await Recorder.subscribe(tandem.ng, name, flags);
  const [ofCaller, ofCallee] = recorder.lines;
  await recorder.hearMore(5, () => call.talks());

  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await recorder.hearMore(5, () => call.talks());
  // The data plane's state is saved each second.
  await recorder.hearMore(75, async () => {
    call.caller.talk();
    call.callee.talk();
    await call.callee.hears(call.callee.received.length + 75);
    call.caller.stopTalking();
    call.callee.stopTalking();
  });

  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await recorder.hearMore(5, () => call.talks());
  await call.negotiate();
  await recorder.hearMore(5, () => call.talks());

  expect(new Set(ofCaller.received.map(({ ssrc }) => ssrc))).toEqual(new Set([call.caller.ssrc]));
  expect(new Set(ofCallee.received.map(({ ssrc }) => ssrc))).toEqual(new Set([call.callee.ssrc]));
  expect(ofCaller.received.every(({ payload }) => payload.equals(Buffer.alloc(160, 0xd5)))).toBe(true);
  expect(ofCaller.refused + ofCallee.refused).toBe(0);

  const query = await call.query();
  expect(at(query, 'tags', 'recorder', 'subscriptions')).toEqual([
    { tag: 'caller', type: 'pub/sub' },
    { tag: 'callee', type: 'pub/sub' },
  ]);
  const last = [call.caller.sent, call.callee.sent];
  const ended = await tandem.ng.command({ command: 'unsubscribe', 'call-id': name, 'to-tag': 'recorder' });
  expect(ended.result).toBe('ok');
  await call.talks();
  for (const [line, sent] of [
    [ofCaller, last[0]],
    [ofCallee, last[1]],
  ] as const)
    expect(line.received.every(({ sequence }) => sequence <= (sent ?? 0))).toBe(true);
});
