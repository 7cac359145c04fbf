import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { at, LoopbackCall, sdpOf } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { mediaAddress } from '../support/rtp-peer.js';
import { Tandem } from '../support/tandem.js';
import { Watched } from '../support/watched.js';

const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

function offer(callId: string) {
  return { command: 'offer', 'call-id': callId, 'from-tag': 'a', sdp: SDP, flags: [] };
}

test('calls beyond the limit are refused in words that make proxies try the next node', async () => {
  const tandem = await Tandem.start({ settings: ['maxSessions=1'] });
  const call = await LoopbackCall.setUp(tandem.ng, 'first');
  expect(await tandem.ng.command(offer('second'))).toMatchObject({
    result: 'error',
    'error-reason': 'Parallel session limit reached',
  });
  expect(await tandem.ng.command({ ...offer('second'), supports: ['load limit'] })).toEqual({
    result: 'load limit',
    message: 'Parallel session limit reached',
  });
  await call.negotiate();
  await call.delete();
  expect((await tandem.ng.command(offer('second'))).result).toBe('ok');
  const statistics = await tandem.ng.command({ command: 'statistics' });
  expect(at(statistics, 'statistics', 'totalstatistics', 'rejectedsessions')).toBe(2);
});

test('while media takes more than its limit new calls are refused, whoever answers, and calls go on', async () => {
  const tandem = await Watched.start(['limits.bytesPerSecond=1']);
  const { ng } = tandem.tandem;
  const call = await LoopbackCall.setUp(ng, 'talks');
  const answersByPattern = async (callId: string): Promise<boolean> => {
    const { pattern } = await tandem.requests();
    await sdpOf(ng, offer(callId));
    return (await tandem.requests()).pattern > pattern;
  };
  let calls = 0;
  const isLearned = async () => ((await answersByPattern(`early-${++calls}`)) ? true : undefined);
  await until('a pattern', isLearned);
  const refusal = await until('a refusal', async () => {
    await call.talks(1);
    const reply = await ng.command({ ...offer(`late-${++calls}`), supports: ['load limit'] });
    return reply.result === 'ok' ? undefined : reply;
  });
  expect(refusal).toEqual({ result: 'load limit', message: 'Bandwidth limit exceeded' });
  await call.negotiate();
  expect(await tandem.metric('tandem_calls_overloading_total{limit="bytesPerSecond"}')).toBeGreaterThan(0);
  await until('a second without media', async () => {
    const { result } = await ng.command(offer(`again-${++calls}`));
    return result === 'ok' ? true : undefined;
  });
  await until('a pattern', isLearned);
});

test('without a free port the words are "Ran out of ports", and calls that have theirs go on', async () => {
  const tandem = await Tandem.start({ settings: ['portMin=30000', 'portMax=30003'] });
  const call = await LoopbackCall.setUp(tandem.ng, 'first');
  expect(await tandem.ng.command(offer('second'))).toMatchObject({
    result: 'error',
    'error-reason': 'Ran out of ports',
  });
  await call.talks();
  expect(await tandem.ng.command({ command: 'list' })).toMatchObject({ calls: ['first'] });
});

test('a released port rests before it is given out again', async () => {
  const tandem = await Tandem.start({ settings: ['portMin=30000', 'portMax=30003', 'portRestSeconds=1'] });
  const call = await LoopbackCall.setUp(tandem.ng, 'first');
  const released = performance.now();
  await call.delete();
  const refusals = new Set<unknown>();
  await until('a port', async () => {
    const reply = await tandem.ng.command(offer('second'));
    if (reply.result === 'ok') return true;
    refusals.add(reply['error-reason']);
    return undefined;
  });
  expect(refusals).toEqual(new Set(['Ran out of ports']));
  expect(performance.now() - released).toBeGreaterThanOrEqual(1_000);
});

test('ports that come again carry the media of their new call, and nothing of the one before', async () => {
  const tandem = await Tandem.start({ settings: ['portMin=30000', 'portMax=30031', 'portRestSeconds=0'] });
  const seen: number[] = [];
  for (let number = 0; number < 24; number += 1) {
    const call = await LoopbackCall.setUp(tandem.ng, `call-${number}`);
    seen.push(mediaAddress(call.offered).port, mediaAddress(call.answered).port);
    await call.talks();
    await call.delete();
    // Late media of the ended call: whoever gets the port next must not hear it.
    call.caller.send(3);
  }
  expect(new Set(seen).size).toBeLessThan(seen.length);
  const descriptors = readdirSync(`/proc/${tandem.dataPlane.pid}/fd`).length;
  expect(descriptors).toBeLessThan(100);
});

test('a port somebody else holds is passed over', async () => {
  const tandem = await Tandem.start({ settings: ['portMin=30000', 'portMax=30007', 'portRestSeconds=0'] });
  const squatter = createSocket('udp4');
  onTestFinished(() => void squatter.close());
  await new Promise<void>((resolve) => squatter.bind(30002, tandem.address, resolve));
  const ports: number[] = [];
  for (const callId of ['a', 'b', 'c']) {
    ports.push(mediaAddress(await sdpOf(tandem.ng, offer(callId))).port);
    await tandem.ng.command({ command: 'delete', 'call-id': callId, 'delete-delay': 0 });
  }
  expect(ports).not.toContain(30002);
});
