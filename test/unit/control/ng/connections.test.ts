import { describe, expect, test } from 'vitest';
import type { NgField } from '../../../support/ng-client.js';
import { decode } from './decoding.js';

type Fields = Record<string, NgField>;

function command(fields: Fields): unknown {
  return decode(fields).command;
}

describe('commands about parties without peers', () => {
  test('a publication is named by its client, or by nobody', () => {
    expect(command({ command: 'publish', sdp: 's' })).toMatchObject({ kind: 'publish', sdp: 's' });
    expect(command({ command: 'publish', sdp: 's' })).not.toHaveProperty('callId');
    expect(command({ command: 'publish', sdp: 's', 'call-id': 'c', 'from-tag': 'f' })).toMatchObject({
      callId: 'c',
      fromTag: 'f',
      bidirectional: false,
    });
  });

  test.each<[Fields]>([[{ interface: 'priv' }], [{ 'from-interface': 'priv' }], [{ direction: ['priv'] }]])(
    'the only party is met where %j says',
    (fields) => {
      const flags = { fromInterface: 'priv', toInterface: 'priv' };
      expect(command({ command: 'publish', sdp: 's', ...fields })).toMatchObject({ flags });
      expect(command({ command: 'create', ...fields })).toMatchObject({ flags });
    },
  );

  test('medias of an offer out of nothing have a type and codecs', () => {
    const medias = [
      { type: 'audio', codecs: ['opus/48000/2', 'PCMA'] },
      { type: 'video', codecs: 'VP8' },
    ];
    expect(command({ command: 'create', medias })).toMatchObject({
      medias: [
        { type: 'audio', codecs: [{ name: 'opus', clockRate: 48_000, channels: 2 }, { name: 'PCMA' }] },
        { type: 'video', codecs: [{ name: 'VP8' }] },
      ],
    });
  });

  test.each<[NgField]>([['audio'], [[{ codecs: ['PCMA'] }]], [[{ type: 'au dio' }]], [['audio']]])(
    'medias %j are none, and a warning',
    (medias) => {
      const { command: created, warnings } = decode({ command: 'create', medias });
      expect(created).toMatchObject({ kind: 'create', medias: [] });
      expect(warnings).toHaveLength(1);
    },
  );
});

describe('connections', () => {
  const named = { command: 'connect', 'call-id': 'c', 'from-tag': 'f', 'to-tag': 't' };

  test.each<[Fields, string]>([
    [{}, 'peers'],
    [{ flags: ['bidirectional'] }, 'peers'],
    [{ flags: ['directional'] }, 'there'],
    [{ flags: ['directional', 'bidirectional'] }, 'both'],
  ])('with %j they are %s', (fields, ways) => {
    expect(command({ ...named, ...fields })).toMatchObject({ kind: 'connect', ways });
  });

  test('the call of the to-tag may be the same', () => {
    expect(command({ ...named, 'to-call-id': 'c' })).not.toHaveProperty('toCallId');
    expect(command({ ...named, 'to-call-id': 'd' })).toMatchObject({ toCallId: 'd' });
  });

  test('a mesh has flows of calls', () => {
    const tags = [{ from: 'a', to: ['b', 'c'] }];
    expect(command({ command: 'mesh', calls: ['x', 'x'], tags, flags: ['unsubscribe'] })).toMatchObject({
      callIds: ['x'],
      flows: [{ from: 'a', to: ['b', 'c'] }],
      unsubscribes: true,
      bidirectional: false,
    });
  });

  test.each<[NgField]>([['a'], [[{ to: ['b'] }]], [['a']]])('flows %j are none, and a warning', (tags) => {
    const { command: mesh, warnings } = decode({ command: 'mesh', 'call-id': 'x', tags });
    expect(mesh).toMatchObject({ kind: 'mesh', flows: [] });
    expect(warnings).toHaveLength(1);
  });
});

describe('refusals', () => {
  test.each<[string, Fields]>([
    ['No SDP body in message', { command: 'publish', 'call-id': 'c', 'from-tag': 'f' }],
    ['No call-id in message', { command: 'create answer', 'from-tag': 'f', sdp: 's' }],
    ['No from-tag in message', { command: 'create answer', 'call-id': 'c', sdp: 's' }],
    ['No SDP body in message', { command: 'create answer', 'call-id': 'c', 'from-tag': 'f' }],
    ['No call-id in message', { command: 'connect', 'from-tag': 'f', 'to-tag': 't' }],
    ['No to-tag in message', { command: 'connect', 'call-id': 'c', 'from-tag': 'f' }],
    ['No from-tag in message', { command: 'connect', 'call-id': 'c', 'to-tag': 't' }],
    ['No call-id in message', { command: 'mesh', tags: [] }],
  ])('%s: %j', (message, fields) => {
    expect(command(fields)).toEqual({ kind: 'failure', code: 'badRequest', message });
  });
});
