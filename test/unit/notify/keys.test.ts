import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import type { KeyPress } from '../../../src/call/keys.js';
import { encodeBencode } from '../../../src/control/ng/bencode.js';
import { KeyDatagrams, parseDestination } from '../../../src/notify/key-datagrams.js';
import { keyDatagram, keyNotification } from '../../../src/notify/key-json.js';

const PRESS: KeyPress = {
  callId: 'c1@host',
  stream: 1,
  payloadType: 101,
  tag: 'a',
  tags: ['a', 'b'],
  atMs: 1_767_268_800_900,
  source: '192.0.2.7',
  event: 5,
  durationMs: 100,
  units: 800,
  volume: 10,
};

test('Kamailio gets the keys it reads, in the order rtpengine writes them', () => {
  expect(keyDatagram(PRESS).toString()).toBe(
    '{"callid":"c1@host","source_tag":"a","tags":["a","b"],"type":"DTMF","timestamp":1767268800,' +
      '"source_ip":"192.0.2.7","event":5,"duration":100,"volume":10}',
  );
  expect(keyDatagram({ ...PRESS, label: 'phone' }).toString()).toContain(
    '"source_tag":"a","source_label":"phone","tags"',
  );
});

test('bytes of a Call-ID go out as they came in, and quotes do not end its text', () => {
  const datagram = keyDatagram({ ...PRESS, callId: 'x\xc3\xa9"\\y' });
  expect(JSON.parse(datagram.toString('utf8')).callid).toBe('xé"\\y');
});

test('clients of ng over TCP get the same as a push', () => {
  expect(encodeBencode(keyNotification(PRESS))).toBe(
    'd6:notify6:onDTMF4:datad4:tagsl1:a1:be6:callid7:c1@host10:source_tag1:a4:type4:DTMF' +
      '9:timestampi1767268800e9:source_ip9:192.0.2.75:eventi5e8:durationi100e6:volumei10eee',
  );
});

test.each([
  ['192.0.2.1:3333', { address: '192.0.2.1', port: 3333 }],
  ['[2001:db8::1]:3333', { address: '2001:db8::1', port: 3333 }],
  ['example.com:3333', undefined],
  ['192.0.2.1', undefined],
  ['192.0.2.1:0', undefined],
  ['192.0.2.1:65536', undefined],
])('destination %s', (text, target) => expect(parseDestination(text)).toEqual(target));

async function listener(): Promise<{ readonly port: number; readonly heard: string[] }> {
  const socket = createSocket('udp4');
  const heard: string[] = [];
  socket.on('message', (datagram) => void heard.push(JSON.parse(datagram.toString()).callid));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, heard };
}

test('a call with a destination of its own is told there, in order, and the others where configured', async () => {
  const [configured, own] = [await listener(), await listener()];
  const lost: string[] = [];
  const events = { keyTold() {}, keyLost: (_: string, callId: string) => void lost.push(callId) };
  const keys = new KeyDatagrams({ address: '127.0.0.1', port: configured.port }, events);
  onTestFinished(() => keys.close());
  for (const callId of ['1', '2', '3']) keys.tellKey({ ...PRESS, callId });
  keys.tellKey({ ...PRESS, callId: '4', destination: `127.0.0.1:${own.port}` });
  keys.tellKey({ ...PRESS, callId: '5', destination: 'nonsense' });
  await expect.poll(() => [configured.heard, own.heard]).toEqual([['1', '2', '3'], ['4']]);
  expect(lost).toEqual(['5']);
});

test('what nobody listens for harms nobody', async () => {
  const gone = await listener();
  const keys = new KeyDatagrams(null, { keyTold() {}, keyLost() {} });
  keys.tellKey(PRESS);
  keys.tellKey({ ...PRESS, destination: '127.0.0.1:9' });
  keys.tellKey({ ...PRESS, callId: 'last', destination: `127.0.0.1:${gone.port}` });
  await expect.poll(() => gone.heard).toEqual(['last']);
  keys.close();
});
