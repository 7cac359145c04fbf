import { beforeEach, describe, expect, test } from 'vitest';
import { body, ListenedCall, reasonOf } from './listened-call.js';

let call: ListenedCall;

beforeEach(async () => {
  call = await ListenedCall.start();
});

describe('is refused', () => {
  test.each([
    [
      'a request without Call-ID',
      { command: 'subscribe request', 'call-id': '', 'from-tag': 'alice' },
      'No call-id in message',
    ],
    [
      'a request for an unknown call',
      { command: 'subscribe request', 'call-id': 'other', 'from-tag': 'alice' },
      'Unknown call-ID(s)',
    ],
    [
      'a request that names nobody',
      { command: 'subscribe request' },
      'No medias found (no monologues matched)',
    ],
    [
      'a request for an unknown party',
      { command: 'subscribe request', 'from-tag': 'x' },
      'From-tag given, but no such tag exists',
    ],
    [
      'a request for an unknown label',
      { command: 'subscribe request', label: 'x' },
      'No monologue matching the given label',
    ],
    [
      'a request for unknown parties',
      { command: 'subscribe request', 'from-tags': ['x'] },
      'No medias found (no monologues matched)',
    ],
    [
      'a party as listener',
      { command: 'subscribe request', 'from-tag': 'alice', 'to-tag': 'bob' },
      'Failed to request subscription: the to-tag is that of a party of the call',
    ],
    [
      'to mix',
      { command: 'subscribe request', flags: ['all', 'mix'] },
      'Mixing several sources is not supported: subscribe without mix',
    ],
    ['an answer without Call-ID', { command: 'subscribe answer', 'call-id': '' }, 'No call-id in message'],
    ['an answer without tag', { command: 'subscribe answer' }, 'No to-tag in message'],
    ['an answer without SDP', { command: 'subscribe answer', 'to-tag': 'rec' }, 'No SDP body in message'],
    [
      'an answer that is no SDP',
      { command: 'subscribe answer', 'to-tag': 'rec', sdp: 'x' },
      'Failed to parse SDP',
    ],
    [
      'an answer in an unknown call',
      { command: 'subscribe answer', 'call-id': 'other', 'to-tag': 'rec', sdp: 'x' },
      'Unknown call-ID',
    ],
    [
      'an answer of an unknown party',
      { command: 'subscribe answer', 'to-tag': 'x', sdp: 'x' },
      'To-tag not found',
    ],
    [
      'an answer of a party of the call',
      { command: 'subscribe answer', 'to-tag': 'bob', sdp: 'x' },
      'Failed to process subscription answer',
    ],
    ['an end without Call-ID', { command: 'unsubscribe', 'call-id': '' }, 'No call-id in message'],
    ['an end without tag', { command: 'unsubscribe' }, 'No to-tag in message'],
    [
      'an end in an unknown call',
      { command: 'unsubscribe', 'call-id': 'other', 'to-tag': 'rec' },
      'Unknown call-ID',
    ],
    ['an end of an unknown listener', { command: 'unsubscribe', 'to-tag': 'x' }, 'To-tag not found'],
    ['an end of a party', { command: 'unsubscribe', 'to-tag': 'bob' }, 'Failed to unsubscribe'],
    [
      'an end for an unknown party',
      { command: 'unsubscribe', 'to-tag': 'rec', 'from-tag': 'x', flags: ['directional'] },
      'From-tag not found',
    ],
    [
      'an offer of a listener',
      { command: 'offer', 'from-tag': 'rec', sdp: body(30, 'm=audio 4000 RTP/AVP 8') },
      'Invalid dialogue association',
    ],
    [
      'an offer to a listener',
      { command: 'offer', 'from-tag': 'alice', 'to-tag': 'rec', sdp: body(10, 'm=audio 4000 RTP/AVP 8') },
      'Invalid dialogue association',
    ],
    [
      'a listener’s answer to an offer',
      { command: 'answer', 'from-tag': 'alice', 'to-tag': 'rec', sdp: body(30, 'm=audio 4000 RTP/AVP 8') },
      'Invalid dialogue association',
    ],
  ])('%s', async (_what, message, reason) => {
    await call.talk();
    await call.listen();
    const before = call.plan;
    expect(reasonOf(await call.do(message))).toBe(reason);
    expect(call.plan).toEqual(before);
  });

  test.each([
    ['a codec is missing', 'm=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000', []],
    ['telephone events are missing', 'm=audio 4000 RTP/AVP 8', []],
    ['it has other numbers', 'm=audio 4000 RTP/AVP 8 102\na=rtpmap:102 telephone-event/8000', []],
    ['a line is missing', '', []],
    [
      'there is a line too many',
      'm=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\nm=audio 4002 RTP/AVP 8',
      [],
    ],
  ])('an answer if %s', async (_what, lines, flags) => {
    await call.talk();
    await call.subscribe({ 'from-tag': 'alice' });
    const sdp = lines === '' ? body(30) : body(30, lines);
    const reply = await call.do({ command: 'subscribe answer', 'to-tag': 'rec', sdp, flags });
    expect(reasonOf(reply)).toBe('Failed to process subscription answer');
  });

  test('what would have to be transcoded, also where that is allowed', async () => {
    await call.talk();
    await call.subscribe({ 'from-tag': 'alice' });
    const answer = (lines: string) =>
      call.do({
        command: 'subscribe answer',
        'to-tag': 'rec',
        sdp: body(30, lines),
        flags: ['allow-transcoding'],
      });
    expect(reasonOf(await answer('m=audio 4000 RTP/AVP 0'))).toBe(
      'Transcoding is not supported: PCMA is to be accepted as offered',
    );
    expect((await answer('m=audio 4000 RTP/AVP 8')).kind).toBe('done');
  });
});
