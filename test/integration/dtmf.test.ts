import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { sdpOf } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { RtpproxyClient } from '../support/rtpproxy-client.js';
import { listenForPushes } from '../support/push-listener.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

/** Kamailio's `dtmf_events_sock`. */
async function eventSocket(): Promise<{
  readonly address: string;
  readonly heard: Record<string, unknown>[];
}> {
  const socket = createSocket('udp4');
  const heard: Record<string, unknown>[] = [];
  socket.on('message', (datagram) => void heard.push(JSON.parse(datagram.toString())));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, heard };
}

/** The packets of a key (RFC 4733): begins, goes on, and ends three times. */
function press(peer: RtpPeer, event: number, timestamp: number): void {
  const packet = (sequence: number, duration: number, flags: number): Buffer => {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16BE(sequence === 0 ? 0x80e5 : 0x8065, 0);
    bytes.writeUInt16BE(sequence, 2);
    bytes.writeUInt32BE(timestamp, 4);
    bytes.writeUInt32BE(peer.ssrc, 8);
    bytes.writeUInt8(event, 12);
    bytes.writeUInt8(flags | 10, 13);
    bytes.writeUInt16BE(duration, 14);
    return bytes;
  };
  peer.sendRaw(packet(0, 160, 0));
  peer.sendRaw(packet(1, 480, 0));
  for (const sequence of [2, 3, 4]) peer.sendRaw(packet(sequence, 800, 0x80));
}

function offerOf(peer: RtpPeer): string {
  return peer.sdp({ lines: ['a=rtpmap:101 telephone-event/8000'] }).replace('RTP/AVP 0', 'RTP/AVP 0 101');
}

async function setUp(
  tandem: Tandem,
  callId: string,
  flags = {},
): Promise<{ caller: RtpPeer; callee: RtpPeer }> {
  const [caller, callee] = [await RtpPeer.open(), await RtpPeer.open()];
  const dialogue = { 'call-id': callId, 'from-tag': 'a', ...flags };
  callee.aim(await sdpOf(tandem.ng, { command: 'offer', ...dialogue, sdp: offerOf(caller) }));
  caller.aim(await sdpOf(tandem.ng, { command: 'answer', ...dialogue, 'to-tag': 'b', sdp: offerOf(callee) }));
  return { caller, callee };
}

test('a key is told over UDP, over ng TCP and to listeners, each once', async () => {
  const kamailio = await eventSocket();
  const control = loopbackAddress();
  const [ngTcp, http] = [await freePort(control), await freePort(control)];
  const tandem = await Tandem.start({
    settings: [
      `listen.ngTcp=${control}:${ngTcp}`,
      `listen.http=${control}:${http}`,
      `notify.dtmf.udp=${kamailio.address}`,
      'notify.dtmf.ngTcp=true',
      'notify.dtmf.events=true',
    ],
  });
  const { pushed, events } = await listenForPushes(control, { ngTcp, http });

  const { caller, callee } = await setUp(tandem, 'keys');
  press(caller, 5, 1000);
  await expect.poll(() => kamailio.heard.length).toBe(1);
  press(callee, 11, 9000);
  await expect.poll(() => kamailio.heard.length).toBe(2);
  expect(kamailio.heard[0]).toEqual({
    callid: 'keys',
    source_tag: 'a',
    tags: ['a', 'b'],
    type: 'DTMF',
    timestamp: expect.any(Number),
    source_ip: '127.0.0.1',
    event: 5,
    duration: 100,
    volume: 10,
  });
  expect(kamailio.heard[1]).toMatchObject({ source_tag: 'b', event: 11 });
  await expect.poll(pushed).toMatch(/^[0-9a-f]{16} d6:notify6:onDTMF4:datad4:tagsl1:a1:be/);
  expect((await events?.read())?.value).toMatch(/^event: dtmf\ndata: \{"callid":"keys"/);
  await events?.cancel();
  // The keys have reached the other parties as well.
  await Promise.all([caller.hears(5), callee.hears(5)]);
});

test('a call names its own target, and a key that is blocked is told all the same', async () => {
  const [configured, own] = [await eventSocket(), await eventSocket()];
  const tandem = await Tandem.start({ settings: [`notify.dtmf.udp=${configured.address}`] });
  const { caller, callee } = await setUp(tandem, 'blocked', {
    'DTMF-log-dest': own.address,
    flags: ['block-DTMF'],
  });
  press(caller, 1, 1000);
  await expect.poll(() => own.heard.map(({ event }) => event)).toEqual([1]);
  caller.send();
  await callee.hears(1);
  expect(callee.received.map(({ payload }) => payload.length)).toEqual([160]);
  expect(configured.heard).toEqual([]);
});

test('keys go on being told, and hidden after a trigger, when either half has died', async () => {
  const kamailio = await eventSocket();
  const tandem = await Tandem.start({ settings: [`notify.dtmf.udp=${kamailio.address}`] });
  const { caller, callee } = await setUp(tandem, 'survivor', {
    flags: ['block-DTMF'],
    trigger: '5',
    'DTMF-security-trigger': 'zero',
  });
  const heard = () => callee.received.map(({ payload }) => payload[0]);
  const told = () => kamailio.heard.map(({ event }) => event).filter((event) => event !== 7);

  press(caller, 5, 1000);
  await callee.hears(5);
  let timestamp = 1000;
  await until('another key in place of 7', () => {
    if (heard().includes(0)) return true;
    timestamp += 8000;
    press(caller, 7, timestamp);
    return undefined;
  });
  // Each press is one key, and once they are hidden they stay so.
  expect(heard().join('')).toMatch(/^5{5}(?:7{5})*0+$/);
  await expect.poll(told).toEqual([5]);

  tandem.control.signal('SIGKILL');
  await tandem.control.exited();
  tandem.startControl();
  await tandem.ready();
  press(caller, 2, timestamp + 8000);
  await expect.poll(told).toEqual([5, 2]);
  tandem.dataPlane.signal('SIGKILL');
  await tandem.dataPlane.exited();
  tandem.startDataPlane();
  await tandem.control.printed(/reapplied=1/);
  const before = callee.received.length;
  press(caller, 3, timestamp + 16_000);
  await expect.poll(told).toEqual([5, 2, 3]);
  await callee.hears(before + 5);
  expect(heard().join('')).toMatch(/^5{5}(?:7{5})*0+$/);
});

test('clients of the rtpproxy protocol have keys told to their notification target', async () => {
  let heard = '';
  const target = createServer((connection) => {
    connection.on('data', (chunk) => {
      heard += chunk.toString('latin1');
    });
    onTestFinished(() => void connection.destroy());
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  onTestFinished(() => void target.close());
  const bound = target.address();
  const notify = `tcp:127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}`;
  const address = loopbackAddress();
  const port = await freePort(address);
  const tandem = await Tandem.start({
    settings: [`listen.rtpproxy=udp:${address}:${port}`, `rtpproxy.notify=${notify}`],
  });
  const client = new RtpproxyClient(address, port);
  const [caller, callee] = [await RtpPeer.open(), await RtpPeer.open()];
  const aim = (peer: RtpPeer, reply: string): void => {
    const [told, host] = reply.split(' ');
    peer.aim(`c=IN IP4 ${host}\r\nm=audio ${told} RTP/AVP 0\r\n`);
  };
  expect(await client.command('VF 20191015')).toBe('1');
  const offered = await client.command(`U k 127.0.0.1 ${caller.port} f;1 ${notify} T7 && M3:1 Dd7 101 h`);
  aim(callee, offered);
  aim(caller, await client.command(`L k 127.0.0.1 ${callee.port} f;1 t;1 && M3:1 Dd8 96`));
  press(caller, 10, 1000);
  await expect.poll(() => heard).toBe('Dd7 * 10 800 0\n');
  // Not the payload type that was asked for.
  press(callee, 1, 1000);
  await caller.hears(5);
  expect(await client.command('Q k t;1 f;1 && M3:1 Dd9')).toMatch(/^\d+ \d+ \d+ \d+ \d+$/);
  press(callee, 2, 9000);
  await expect.poll(() => heard).toBe('Dd7 * 10 800 0\nDd9 2 10 800 1\n');
  // Hidden from the other party.
  caller.send();
  await callee.hears(1);
  expect(callee.received.map(({ payload }) => payload.length)).toEqual([160]);
  expect(await client.command(`U silent 127.0.0.1 ${caller.port} f;1 && M3:1 tag && S ttl=9`)).toMatch(
    / && -1$/,
  );
  expect(tandem.control.running).toBe(true);
});
