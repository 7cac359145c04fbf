import { beforeEach, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { mediaFamilies } from '../../../src/call/families.js';
import { keyPress } from '../../../src/call/keys.js';
import { endNotice, lastPacketMsAgo } from '../../../src/call/notice.js';
import { ofParties } from '../../../src/call/subscriptions.js';
import { ListenedCall } from '../service/listened-call.js';
import { streamStats } from '../service/stream-stats.js';

let listened: ListenedCall;

beforeEach(async () => {
  listened = await ListenedCall.start();
});

function known(): Call {
  const call = listened.node.registry.find('call');
  if (call === undefined) throw new Error('there is no call');
  return call;
}

test('what is told of the end of a call names its parties, and nobody who listened', async () => {
  await listened.talk();
  await listened.listen();
  const { tags, dialogues } = endNotice(known(), 'mediaTimeout', 0, null);
  expect(tags).toEqual(['alice', 'bob']);
  expect(dialogues).toEqual([{ fromTag: 'alice', toTag: 'bob' }]);
});

test('packets of a listener are not the last ones of the call', async () => {
  await listened.talk();
  await listened.listen();
  const streams = [streamStats(listened.stream(10).id, 0), streamStats(listened.stream(30).id, 9)];
  const media = { session: 'call', revision: 1, ageMs: 0, streams, routes: [] };
  expect(lastPacketMsAgo(media)).toBe(20);
  expect(lastPacketMsAgo(ofParties(known(), media))).toBeNull();
});

test('a key that was pressed was pressed in the call of its parties', async () => {
  await listened.talk();
  await listened.listen();
  const stream = listened.stream(10).id;
  const pressed = {
    stream,
    payloadType: 101,
    source: '192.0.2.1',
    event: 1,
    durationMs: 1,
    units: 8,
    volume: 1,
  };
  expect(keyPress(known(), pressed, 0)?.tags).toEqual(['alice', 'bob']);
});

test('a call is of no address family because somebody listens to who waits for an answer', async () => {
  await listened.offer();
  await listened.listen();
  expect(mediaFamilies(known())).toBeUndefined();
});
