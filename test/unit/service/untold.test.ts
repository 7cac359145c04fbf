import { expect, test } from 'vitest';
import type { Event } from '../../../src/dataplane/protocol.gen.js';
import { Untold } from '../../../src/service/untold.js';

let full = 0;

function ended(session: string): Event {
  return { kind: 'mediaTimeout', session, revision: 1, reason: 'media', lastPacketMsAgo: null };
}

function stranger(session: string): Event {
  return {
    kind: 'suspectPackets',
    session,
    revision: 1,
    stream: 1,
    component: 'rtp',
    cause: 'foreign',
    source: '192.0.2.1:9',
    packets: 1,
  };
}

function sessionsOf(untold: Untold): readonly string[] {
  return untold.take().map((event) => ('session' in event ? event.session : ''));
}

test('strangers make room for what ends calls, and the loss is told once', () => {
  full = 0;
  const untold = new Untold(3, () => (full += 1));
  for (const event of [ended('a'), stranger('b'), stranger('c')]) untold.add(event);
  expect(full).toBe(0);
  for (const event of [ended('d'), stranger('e'), ended('f'), ended('g')]) untold.add(event);
  expect(sessionsOf(untold)).toEqual(['a', 'd', 'f']);
  expect(full).toBe(1);
});

test('has room again when it has been taken', () => {
  const untold = new Untold(1, () => {});
  untold.add(ended('a'));
  expect(sessionsOf(untold)).toEqual(['a']);
  untold.add(ended('b'));
  expect(sessionsOf(untold)).toEqual(['b']);
});
