import { expect, onTestFinished, test } from 'vitest';
import { NOTICE_EVENTS } from '../../src/call/notice.js';
import { openChannels } from '../../src/notify/channels.js';
import { signature } from '../../src/notify/webhook.js';
import { closedPort, httpTarget } from '../support/http-target.js';
import { LoopbackCall } from '../support/loopback-call.js';
import { listenForPushes } from '../support/push-listener.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';
import { SupervisedTandem } from '../support/supervised.js';

const SHORT = ['timeouts.mediaSeconds=3', 'timeouts.silentSeconds=3', 'timeouts.firstPacketSeconds=off'];

test('a call whose media died is told to its proxy, to a web hook, over ng TCP and to listeners', async () => {
  const proxy = await httpTarget();
  const hook = await httpTarget();
  const control = loopbackAddress();
  const [ngTcp, http] = [await freePort(control), await freePort(control)];
  const tandem = await Tandem.start({
    settings: [
      ...SHORT,
      `listen.ngTcp=${control}:${ngTcp}`,
      `listen.http=${control}:${http}`,
      `notify.xmlrpc.url=http://%%:${proxy.port}/RPC2`,
      `notify.jsonrpc.url=${proxy.url}RPC`,
      `notify.webhook.url=${hook.url}`,
      'notify.ngTcp=true',
    ],
    environment: { TANDEM_NOTIFY_WEBHOOK_SECRET: 'key' },
  });
  const { pushed, events } = await listenForPushes(control, { ngTcp, http });

  const call = await LoopbackCall.setUp(tandem.ng, 'dead');
  await call.talks();
  await expect.poll(() => proxy.bodies.length).toBe(2);
  const [fromTag, toTag] = /<string>dead<\/string>.*<string>(.*?)<\/string>.*<string>(.*?)<\/string>/
    .exec(proxy.bodies.join(''))
    ?.slice(1) ?? ['', ''];
  expect([fromTag, toTag]).toEqual(['caller', 'callee']);
  expect(proxy.bodies.find((body) => body.startsWith('{'))).toContain(`["dead","${fromTag}","${toTag}"]`);

  await expect.poll(() => hook.bodies.length).toBe(1);
  const [body = ''] = hook.bodies;
  expect(hook.headers[0]?.['x-tandem-signature']).toBe(signature(Buffer.from(body), 'key'));
  const json = JSON.parse(body);
  expect(json).toMatchObject({ event: 'mediaTimeout', callId: 'dead', fromTag, toTag, media: ['audio'] });
  expect(Date.parse(json.at) - Date.parse(json.lastPacketAt)).toBeGreaterThanOrEqual(2_900);

  await expect.poll(pushed).toMatch(/^[0-9a-f]{16} d6:notify11:onCallEnded4:datad6:callid4:dead/);
  expect((await events?.read())?.value).toContain(`"fromTag":"${fromTag}","toTag":"${toTag}"`);
  await events?.cancel();
});

// How long 5,000 take is measured by `npm run bench -- notices`.
test('5,000 calls that end at once reach a healthy target while a slow one has answered nothing', {
  timeout: 120_000,
}, async () => {
  const calls = 5000;
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const healthy = await httpTarget();
  const slow = await httpTarget({ opened });
  const dead = await closedPort();
  const told = { healthy: 0, slow: 0 };
  const lost: string[] = [];
  const { channels, clientTargets } = openChannels(
    {
      xmlrpc: { url: healthy.url, format: 'dialog' },
      jsonrpc: { url: slow.url },
      webhook: { url: `http://127.0.0.1:${dead}/`, secret: 's', events: NOTICE_EVENTS, deadLetterFile: null },
      ngTcp: false,
      dtmf: { udp: null, ngTcp: false, events: false, log: false },
    },
    {
      events: {
        noticeDelivered: (target) => {
          if (healthy.url.startsWith(target)) told.healthy += 1;
          else told.slow += 1;
        },
        noticeLost: (target, { callId }) => void lost.push(`${target} ${callId}`),
        deadLetterUnwritten() {},
      },
      node: 'n1',
      now: Date.now,
    },
  );
  onTestFinished(() => {
    clientTargets.close();
    for (const channel of channels) channel.close();
  });
  const tell = (callId: string): void => {
    for (const channel of channels) {
      channel.tell({
        event: 'mediaTimeout',
        callId,
        createdMs: 0,
        atMs: 60_000,
        createdFrom: '127.0.0.1:5060',
        dialogues: [{ fromTag: 'a', toTag: 'b' }],
        tags: ['a', 'b'],
        media: ['audio'],
        lastPacketMs: null,
      });
    }
  };
  for (let call = 0; call < calls; call += 1) tell(`call-${call}`);
  await expect.poll(() => told.healthy, { timeout: 60_000, interval: 20 }).toBe(calls);
  expect(new Set(healthy.bodies).size).toBe(calls);
  expect(told.slow).toBe(0);
  // Nothing stalls afterwards, and the slow one is told as soon as it listens.
  tell('late');
  await expect.poll(() => told.healthy).toBe(calls + 1);
  open();
  await expect.poll(() => told.slow).toBeGreaterThan(0);
  expect(lost).toEqual([]);
});

test('a drained node refuses new calls, keeps the others, answers pings, and ends with the last one', async () => {
  const control = loopbackAddress();
  const http = await freePort(control);
  const tandem = await SupervisedTandem.start([`listen.http=${control}:${http}`]);
  const call = await LoopbackCall.setUp(tandem.ng, 'old');
  tandem.process.signal('SIGHUP');
  await tandem.process.printed(/draining=true|"draining":true/);

  const sdp =
    'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
  const offer = { command: 'offer', 'call-id': 'new', 'from-tag': 'a', sdp };
  expect(await tandem.ng.command(offer)).toMatchObject({
    result: 'error',
    'error-reason': 'Parallel session limit reached',
  });
  expect(await tandem.ng.command({ ...offer, supports: ['load limit'] })).toMatchObject({
    result: 'load limit',
  });
  expect(await tandem.ng.command({ command: 'ping' })).toEqual({ result: 'pong' });
  await call.negotiate();
  await call.talks();

  // It stays so after a crash.
  const pid = tandem.crash('main.js');
  await tandem.restarted('main.js', pid);
  expect(await tandem.ng.command(offer)).toMatchObject({ 'error-reason': 'Parallel session limit reached' });

  // And takes calls again when the operator thinks better of it.
  await fetch(`http://${control}:${http}/drain`, { method: 'DELETE' });
  expect((await tandem.ng.command({ ...offer, 'call-id': 'between' })).result).toBe('ok');
  expect(
    (await tandem.ng.command({ command: 'delete', 'call-id': 'between', 'delete delay': 0 })).result,
  ).toBe('ok');
  const drain = await fetch(`http://${control}:${http}/drain`, { method: 'POST' });
  expect(await drain.json()).toEqual({ draining: true, calls: 1 });
  expect(tandem.process.running).toBe(true);
  await call.delete();
  expect(await tandem.process.exited()).toEqual({ code: 0, signal: null });
});
