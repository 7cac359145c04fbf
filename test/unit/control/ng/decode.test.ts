import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeNg } from '../../../../src/control/ng/decode.js';
import type { Value } from '../../../../src/control/ng/value.js';
import { type NgField, toDictionary } from '../../../support/ng-client.js';
import { dictionary } from './arbitrary.js';
import { changes, decode, decodeOffer, flagsOf } from './decoding.js';

describe('commands', () => {
  test('ping and statistics need nothing else', () => {
    expect(decode({ command: 'ping' }).command).toEqual({ kind: 'ping' });
    expect(decode({ command: 'statistics' }).command).toEqual({ kind: 'statistics' });
  });

  test('an offer', () => {
    const { command } = decodeOffer({ 'via-branch': 'b', 'to-tag': 't', supports: ['load limit'] });
    expect(command).toMatchObject({
      kind: 'offer',
      callId: 'call',
      fromTag: 'from',
      toTag: 't',
      viaBranch: 'b',
      sdp: 'v=0\r\n',
      supportsLoadLimit: true,
    });
  });

  test('an empty tag is no tag', () => {
    expect(decodeOffer({ 'to-tag': '' }).command).not.toHaveProperty('toTag');
  });

  test.each<[string, string, NgField[]]>([
    ['call-id', 'callId', ['call-id', 'call-ID', 'call id', 'call ID']],
    ['from-tag', 'fromTag', ['from-tag', 'from tag']],
    ['to-tag', 'toTag', ['to-tag', 'to tag', 'to_tag']],
    ['sdp', 'sdp', ['sdp', 'SDP']],
  ])('the spellings of %s', (canonical, field, spellings) => {
    for (const spelling of spellings) {
      const entries: Record<string, NgField> = { 'call-id': 'c', 'from-tag': 'f', 'to-tag': 't', sdp: 's' };
      delete entries[canonical];
      const { command } = decode({ command: 'answer', ...entries, [String(spelling)]: 'here' });
      expect(command).toMatchObject({ kind: 'answer', [field]: 'here' });
    }
  });

  test('an answer cannot add codecs, but strip them', () => {
    const answer = decode({
      command: 'answer',
      'call-id': 'c',
      'from-tag': 'f',
      'to-tag': 't',
      sdp: 's',
      flags: ['transcode-PCMA', 'codec-mask-G722', 'codec-accept-opus', 'codec-strip-PCMU'],
    });
    expect(changes(answer)).toMatchObject({
      codec: { transcode: [], mask: [], accept: [], strip: [{ name: 'PCMU' }] },
    });
  });

  test.each<[NgField | undefined, NgField | undefined, object]>([
    [undefined, undefined, {}],
    [5, undefined, { delaySeconds: 5 }],
    ['0', '0', { delaySeconds: 0 }],
    [7, '7', { delaySeconds: 7 }],
    [-1, undefined, {}],
  ])('a delete with delete delay %s and delete-delay %s', (blank, hyphen, expected) => {
    const { command, warnings } = decode({
      command: 'delete',
      'call-id': 'c',
      ...(blank !== undefined && { 'delete delay': blank }),
      ...(hyphen !== undefined && { 'delete-delay': hyphen }),
    });
    expect(command).toEqual({ kind: 'delete', callId: 'c', fatal: false, fast: false, ...expected });
    expect(warnings).toEqual([]);
  });

  test('the to-tag of a delete counts only with the flag', () => {
    const tags = { command: 'delete', 'call-id': 'c', 'from-tag': 'f', 'to-tag': 't' };
    expect(decode(tags).command).toMatchObject({ fromTag: 'f' });
    expect(decode(tags).command).not.toHaveProperty('toTag');
    expect(decode({ ...tags, flags: ['to-tag', 'fatal', 'fast'] }).command).toMatchObject({
      toTag: 't',
      fatal: true,
      fast: true,
    });
  });

  test('list', () => {
    expect(decode({ command: 'list' }).command).toEqual({ kind: 'list', limit: 32 });
    expect(decode({ command: 'list', limit: '0' }).command).toEqual({ kind: 'list', limit: 0 });
    expect(decode({ command: 'list', limit: 'many' })).toEqual({
      command: { kind: 'list', limit: 32 },
      warnings: ['unknown value "many" of "limit"'],
    });
  });

  test.each<[string, Record<string, NgField>, object]>([
    ['the whole call', {}, { from: {} }],
    [
      'the whole call, though there are tags beside flags nobody has read',
      { 'from-tag': 'f', 'to-tag': 't', 'rtpp-flags': '' },
      { from: {} },
    ],
    ['one party, though nobody says directional', { 'from-tag': 'f', 'to-tag': 't' }, { from: { tag: 'f' } }],
    [
      'one party, of flags nobody has read',
      { 'from-tag': 'f', 'rtpp-flags': 'directional' },
      { from: { tag: 'f' } },
    ],
    ['one party', { 'from-tag': 'f', flags: ['directional'] }, { from: { tag: 'f' } }],
    ['one party by label', { label: 'a', 'from-tag': 'f' }, { from: { label: 'a' } }],
    ['one party by address', { address: '192.0.2.1' }, { from: { address: '192.0.2.1' } }],
    ['everything', { flags: ['all'] }, { from: { all: 'all' } }],
    [
      'flows of offer and answer',
      { all: 'offer-answer', label: 'a' },
      { from: { all: 'offer-answer', label: 'a' } },
    ],
    ['other flows', { all: 'non-offer-answer' }, { from: { all: 'except-offer-answer' } }],
    [
      'one flow',
      { 'from-tag': 'f', 'to-tag': 't', flags: ['directional'] },
      { from: { tag: 'f' }, to: { tag: 't' } },
    ],
    ['one flow by labels', { label: 'a', 'to-label': 'b' }, { from: { label: 'a' }, to: { label: 'b' } }],
    ['a new label', { label: 'a', 'set-label': 'b' }, { from: { label: 'a' }, setLabel: 'b' }],
  ])('block media: %s', (_what, entries, expected) => {
    expect(decode({ command: 'block media', 'call-id': 'c', ...entries }).command).toEqual({
      kind: 'media control',
      action: 'block media',
      callId: 'c',
      ...expected,
    });
  });

  test.each([
    ['off', 'unblock DTMF'],
    ['drop', 'block DTMF'],
    ['zero', 'block DTMF'],
  ])('block DTMF with the mode %s means %s', (mode, action) => {
    for (const key of ['DTMF-security', 'dtmf security'])
      expect(decode({ command: 'block DTMF', 'call-id': 'c', [key]: mode }).command).toMatchObject({
        action,
      });
  });

  test('block DTMF says what is heard instead, and what a trigger changes', () => {
    const entries = {
      'DTMF security': 'off',
      'DTMF-security-trigger': 'tone',
      'dtmf-security-trigger-end': 'DTMF',
      trigger: '*98a',
      'end trigger': '#',
      'trigger-end-time': '30000',
      'end-trigger-digits': 16,
      code: '*',
      frequency: 440,
      volume: -20,
    };
    expect(decode({ command: 'block DTMF', 'call-id': 'c', ...entries }).command).toMatchObject({
      action: 'block DTMF',
      keys: {
        mode: 'off',
        triggered: 'tone',
        ended: 'DTMF',
        trigger: '*98A',
        endTrigger: '#',
        endAfterMs: 30_000,
        endAfterKeys: 16,
        replacement: 10,
        frequencies: [440],
        volume: 20,
      },
    });
  });

  test.each([
    [{ flags: ['block-DTMF'], 'DTMF-security': 'off' }, false],
    [{ 'DTMF-security': 'off', flags: ['block-DTMF'] }, false],
    [{ 'rtpp-flags': 'DTMF-security=off block-DTMF' }, false],
    [{ 'rtpp-flags': 'DTMF-security=off block-DTMF DTMF-security=drop' }, true],
    [{ 'DTMF-security': 'drop' }, false],
  ])('an offer with %j blocks digits: %j', (entries, blockDtmf) => {
    const offer = { command: 'offer', sdp: 's', 'call-id': 'c', 'from-tag': 'f', ...entries };
    expect(decode(offer).command).toMatchObject({ flags: { blockDtmf } });
  });

  test.each(['play media', 'inject start', 'inject stop', 'transform'])('%s exists, but not here', (name) => {
    expect(decode({ command: name }).command).toEqual({ kind: 'unsupported', name });
  });
});

describe('refusals', () => {
  const all = { sdp: 's', 'call-id': 'c', 'from-tag': 'f', 'to-tag': 't' };
  test.each<[string, Record<string, NgField>]>([
    ['Dictionary contains no key "command"', {}],
    ['Dictionary contains no key "command"', { command: 5 }],
    ['Unrecognized command', { command: 'Ping' }],
    ['No SDP body in message', { command: 'offer' }],
    ['No SDP body in message', { command: 'offer', ...all, sdp: '' }],
    ['No call-id in message', { command: 'offer', sdp: 's' }],
    ['No from-tag in message', { command: 'offer', sdp: 's', 'call-id': 'c' }],
    ['No SDP body in message', { command: 'answer' }],
    ['No call-id in message', { command: 'answer', sdp: 's' }],
    ['No from-tag in message', { command: 'answer', sdp: 's', 'call-id': 'c' }],
    ['No to-tag in message', { command: 'answer', sdp: 's', 'call-id': 'c', 'from-tag': 'f' }],
    ['No call-id in message', { command: 'delete' }],
    ['No call-id in message', { command: 'query' }],
    ['No call-id in message', { command: 'unblock DTMF' }],
    ['invalid limit, must be >= 0', { command: 'list', limit: -1 }],
  ])('%s', (message, entries) => {
    expect(decode(entries).command).toEqual({ kind: 'failure', code: 'badRequest', message });
  });
});

describe('Kamailio 5.6', () => {
  test('an offer as its module sends it', () => {
    const decoded = decodeOffer({
      supports: ['load limit'],
      flags: ['trust-address', 'generate-mid'],
      replace: ['origin', 'session-connection'],
      'transport-protocol': 'RTP/AVP',
      'rtcp-mux': ['demux'],
      ICE: 'remove',
      'received-from': ['IP4', '192.0.2.7'],
      'via-branch': '1',
      TOS: '184',
      'address-family': 'IP4',
    });
    expect(decoded.warnings).toEqual([]);
    expect(flagsOf(decoded)).toMatchObject({ ice: 'remove', tos: 184, receivedFrom: '192.0.2.7' });
  });
});

describe('any dictionary', () => {
  test('is decoded or refused, never thrown at', () => {
    const command = fc.constantFrom('offer', 'answer', 'delete', 'query', 'list', 'block media');
    const key = fc.constantFrom(
      ...['flags', 'replace', 'codec', 'SDES', 'sdp-attr', 'rtpp-flags', 'direction', 'received-from', 'TOS'],
      ...['extmap', 'ICE', 'ptime', 'all', 'limit', 'delete delay', 'template', 'T.38', 'label', 'call-id'],
    );
    fc.assert(
      fc.property(command, dictionary, fc.array(fc.tuple(key, dictionary)), (name, noise, known) => {
        decodeNg(new Map<string, Value>([['command', name], ...noise, ...known]));
        const lists = known.map(([k, value]): [string, Value] => [k, [...value.keys()]]);
        decodeNg(new Map<string, Value>([['command', name], ...lists]));
      }),
    );
    expect(decodeNg(toDictionary({})).command.kind).toBe('failure');
  });
});
