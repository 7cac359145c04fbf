import { expect, test } from 'vitest';
import { at, LoopbackCall } from '../support/loopback-call.js';
import { mediaAddress } from '../support/rtp-peer.js';
import { Tandem } from '../support/tandem.js';

test('the control plane is killed: no packet is lost, and every command of the call works on', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'control-crash');
  await call.talks();
  const { offered, answered } = call;
  call.caller.talk();
  call.callee.talk();

  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  expect(tandem.control.stdout).toContain('1 call found in the data plane');

  expect((await call.query()).result).toBe('ok');
  await call.negotiate();
  expect(mediaAddress(call.offered)).toEqual(mediaAddress(offered));
  expect(mediaAddress(call.answered)).toEqual(mediaAddress(answered));
  call.caller.stopTalking();
  call.callee.stopTalking();
  await call.callee.hears(call.caller.sent);
  await call.caller.hears(call.callee.sent);
  for (const { received } of [call.caller, call.callee]) {
    expect(received.map(({ sequence }) => sequence)).toEqual(received.map((_, index) => index + 1));
  }
  const deleted = await call.delete();
  expect(at(deleted, 'totals', 'RTP', 'packets')).toBe(call.caller.sent + call.callee.sent);
});

test('a deletion scheduled before the control plane was killed comes all the same', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'scheduled');
  const asked = Date.now();
  await call.delete({ 'delete-delay': 6 });
  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await expect.poll(async () => (await call.query()).result).toBe('error');
  // It was there before that, however long the start has taken.
  expect(tandem.control.stdout).toContain('1 call found in the data plane');
  expect(Date.now() - asked).toBeGreaterThanOrEqual(6_000);
});

test('a call that fell silent while the control plane was away is ended when it is back', async () => {
  const tandem = await Tandem.start({ settings: ['timeouts.mediaSeconds=3'] });
  const call = await LoopbackCall.setUp(tandem.ng, 'silent');
  const other = await LoopbackCall.setUp(tandem.ng, 'talking');
  other.caller.talk();
  await call.talks();
  await tandem.control.kill('SIGKILL');
  await other.callee.hears(220);
  tandem.startControl();
  await tandem.ready();
  await expect.poll(async () => (await call.query()).result).toBe('error');
  expect((await other.query()).result).toBe('ok');
});

test('addresses learned while the control plane was away survive the data plane, too', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'learned');
  await learnCallee(tandem, call);
  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  const heard = call.callee.received.length;
  call.caller.send(5);
  await call.callee.hears(heard + 5);
});

test('the data plane is killed: the same ports, and media flows again', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'data-crash');
  await call.talks();
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  await call.talks();
  const { offered } = call;
  await call.negotiate();
  expect(mediaAddress(call.offered)).toEqual(mediaAddress(offered));
  await call.talks();
  expect((await call.delete()).result).toBe('ok');
});

test('addresses learned from packets survive the data plane', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'learned');
  await learnCallee(tandem, call);
  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
  const heard = call.callee.received.length;
  call.caller.send(5);
  await call.callee.hears(heard + 5);
});

test('a command that comes while the data plane is away waits for it', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'patient');
  await tandem.dataPlane.kill('SIGKILL');
  const negotiated = call.negotiate();
  const another = LoopbackCall.setUp(tandem.ng, 'newcomer');
  tandem.startDataPlane();
  await negotiated;
  await call.talks();
  await (await another).talks();
});

test('without a data plane a command is refused before its client gives up', async () => {
  const tandem = await Tandem.start();
  await tandem.dataPlane.kill('SIGKILL');
  const sdp =
    'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
  const reply = await tandem.ng.command({
    command: 'offer',
    'call-id': 'none',
    'from-tag': 'a',
    sdp,
    flags: [],
  });
  expect(reply).toMatchObject({ result: 'error', 'error-reason': 'Media relay is not available' });
  expect(await tandem.ng.command({ command: 'ping' })).toEqual({ result: 'pong' });
});

test('a control plane that finds no data plane says that it is there, and refuses calls in time', async () => {
  const tandem = await Tandem.start();
  await Promise.all([tandem.control.kill('SIGKILL'), tandem.dataPlane.kill('SIGKILL')]);
  tandem.startControl();
  expect(await tandem.ng.command({ command: 'ping' })).toEqual({ result: 'pong' });
  const query = await tandem.ng.command({ command: 'query', 'call-id': 'none' });
  expect(query).toMatchObject({ result: 'error', 'error-reason': 'Media relay is not available' });
});

test('both halves are killed: what was not known to the other half is gone, and new calls work', async () => {
  const tandem = await Tandem.start();
  await LoopbackCall.setUp(tandem.ng, 'gone');
  await Promise.all([tandem.control.kill('SIGKILL'), tandem.dataPlane.kill('SIGKILL')]);
  tandem.startDataPlane();
  tandem.startControl();
  await tandem.ready();
  const call = await LoopbackCall.setUp(tandem.ng, 'fresh');
  await call.talks();
});

test('many calls are back after either crash, on their ports', async () => {
  const tandem = await Tandem.start({ settings: ['log.level=warn'] });
  const calls = 300;
  const sdp = (port: number) =>
    `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;
  const ports = new Map<number, string>();
  for (let index = 0; index < calls; index++) {
    const keys = { 'call-id': `many-${index}`, 'from-tag': 'a', flags: [] };
    const reply = await tandem.ng.command({ command: 'offer', ...keys, sdp: sdp(4000 + 2 * index) });
    await tandem.ng.command({ command: 'answer', ...keys, 'to-tag': 'b', sdp: sdp(20000 + 2 * index) });
    ports.set(index, String(reply.sdp));
  }

  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await tandem.ready();
  expect(tandem.control.stdout).toContain(`${calls} calls found in the data plane`);

  await tandem.dataPlane.kill('SIGKILL');
  tandem.startDataPlane();
  await expect
    .poll(async () =>
      at(await tandem.ng.command({ command: 'query', 'call-id': 'many-0' }), 'totals', 'RTP', 'packets'),
    )
    .toBe(0);
  for (const index of [0, calls - 1]) {
    const again = await tandem.ng.command({
      command: 'offer',
      'call-id': `many-${index}`,
      'from-tag': 'a',
      'to-tag': 'b',
      flags: [],
      sdp: sdp(4000 + 2 * index),
    });
    expect(mediaAddress(String(again.sdp))).toEqual(mediaAddress(ports.get(index) ?? ''));
  }
});

/** The callee's SDP names an address where nobody is; only its packets show where it is. */
async function learnCallee(tandem: Tandem, call: LoopbackCall): Promise<void> {
  const sdp = call.callee.sdp({ version: 2 }).replace(/^c=.*$/m, 'c=IN IP4 127.0.0.99');
  const keys = { 'call-id': call.callId, 'from-tag': 'caller', 'to-tag': 'callee', flags: [] };
  await tandem.ng.command({ command: 'offer', ...keys, sdp: call.caller.sdp({ version: 2 }) });
  await tandem.ng.command({ command: 'answer', ...keys, sdp });
  call.callee.talk();
  await tandem.control.printed(/peer found callId=learned .*component=rtp/);
  await call.talks();
  call.callee.stopTalking();
}
