import { describe, expect, it } from 'vitest';
import { type CodecFlags, type CodecSpec, DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { CodecIdentity } from '../../../src/negotiation/codec-match.js';
import {
  acceptableCodecs,
  type CodecOutcome,
  codecsOfAnswer,
  codecsOfOffer,
} from '../../../src/negotiation/codecs.js';
import { type PayloadFormat, payloadFormats } from '../../../src/sdp/payloads.js';

const PHONE = payloads('8 0 9 13 101', 'rtpmap:101 telephone-event/8000', 'fmtp:101 0-15');
const CHROMIUM = payloads(
  '111 63 9 110 126 13',
  'rtpmap:111 opus/48000/2',
  'rtpmap:63 red/48000/2',
  'fmtp:63 111/111',
  'rtpmap:110 telephone-event/48000',
  'rtpmap:126 telephone-event/8000',
);
const VIDEO = payloads(
  '96 97 98 99 100',
  'rtpmap:96 VP8/90000',
  'rtpmap:97 rtx/90000',
  'fmtp:97 apt=96',
  'rtpmap:98 H264/90000',
  'rtpmap:99 rtx/90000',
  'fmtp:99 apt=98',
  'rtpmap:100 red/90000',
);

describe('codecs of an offer', () => {
  it.each([
    ['no flag', PHONE, {}, '8 0 9 13 101'],
    ['a codec stripped', PHONE, { strip: 'PCMA' }, '0 9 13 101'],
    ['a codec stripped in another case', PHONE, { strip: 'pcma' }, '0 9 13 101'],
    ['a codec stripped by its payload type', PHONE, { strip: '8' }, '0 9 13 101'],
    ['a codec masked', PHONE, { mask: 'PCMA' }, '0 9 13 101'],
    ['a codec consumed', PHONE, { consume: 'PCMA' }, '0 9 13 101'],
    ['everything stripped but an exception', PHONE, { strip: 'all', except: 'PCMU' }, '0'],
    ['exceptions, which keep their order', PHONE, { strip: 'all', except: 'PCMU PCMA' }, '8 0'],
    ['everything stripped but what is offered', PHONE, { strip: 'all', offer: 'PCMU' }, '0'],
    ['offered codecs, in the order named', PHONE, { strip: 'all', offer: 'PCMU PCMA' }, '0 8'],
    ['full, which means all', PHONE, { strip: 'full', offer: 'PCMU' }, '0'],
    [
      'exceptions before offered codecs',
      PHONE,
      { strip: 'all', except: 'G722', offer: 'PCMU PCMA' },
      '9 0 8',
    ],
    ['offer alone, which does not reorder', PHONE, { offer: 'PCMU PCMA' }, '8 0 9 13 101'],
    ['a codec stripped and offered, which moves', PHONE, { strip: 'PCMU', offer: 'PCMU' }, '8 9 0 13 101'],
    [
      'a codec stripped by name, which except does not save',
      PHONE,
      { strip: 'PCMU', except: 'PCMU' },
      '8 9 13 101',
    ],
    ['everything masked but what may be transcoded to', PHONE, { mask: 'all', transcode: 'PCMU' }, '0'],
    ['transcoding to a codec that is there', PHONE, { transcode: 'PCMU' }, '8 0 9 13 101'],
    ['transcoding that would only be possible', PHONE, { transcode: 'opus' }, '8 0 9 13 101'],
    ['an ignored codec', PHONE, { ignore: 'PCMA' }, '0 9 13 101'],
    ['accept, which needs no transcoder to be kept', PHONE, { accept: 'PCMA' }, '8 0 9 13 101'],
    ['a stripped codec with its redundancy and clock rate', CHROMIUM, { strip: 'opus' }, '9 126 13'],
    ['another clock rate, which does not match', CHROMIUM, { strip: 'opus/8000' }, '111 63 9 110 126 13'],
    ['another number of channels', CHROMIUM, { strip: 'opus/48000/1' }, '111 63 9 110 126 13'],
    ['telephone-event of one clock rate', CHROMIUM, { strip: 'telephone-event/48000' }, '111 63 9 126 13'],
    ['redundancy alone', CHROMIUM, { strip: 'red' }, '111 9 110 126 13'],
    ['a video codec with its retransmission', VIDEO, { strip: 'VP8' }, '98 99 100'],
    ['a video codec kept with its retransmission', VIDEO, { strip: 'all', offer: 'H264' }, '98 99'],
    ['retransmission alone', VIDEO, { strip: 'rtx' }, '96 98 100'],
  ])('%s', (_name, source, flags, expected) => {
    expect(numbers(codecsOfOffer(source, offerRules(flags)))).toBe(expected);
  });

  it.each([
    ['everything is stripped', { strip: 'all' }],
    ['only telephone-event and comfort noise would be left', { strip: 'PCMA PCMU G722' }],
    ['everything is masked and nothing transcoded', { mask: 'all' }],
    ['only an exception for telephone-event is made', { strip: 'all', except: 'telephone-event' }],
  ])('are restored when %s', (_name, flags) => {
    const outcome = codecsOfOffer(PHONE, offerRules(flags));
    expect(outcome).toMatchObject({ kind: 'payloads', restored: true });
    expect(numbers(outcome)).toBe('8 0 9 13 101');
  });

  it('may be none if the client accepts that', () => {
    const rules = { ...offerRules({ strip: 'all' }), allowNoCodecMedia: true };
    expect(codecsOfOffer(PHONE, rules)).toEqual({ kind: 'noCodec' });
  });

  it('cannot be only codecs that the sender does not speak', () => {
    const outcome = codecsOfOffer(PHONE, offerRules({ strip: 'all', transcode: 'opus G729' }));
    expect(outcome).toEqual({ kind: 'needsTranscoding', codecs: ['opus', 'G729'] });
  });

  it('pass unchanged if there was nothing but telephone-event', () => {
    const source = payloads('101', 'rtpmap:101 telephone-event/8000');
    expect(codecsOfOffer(source, offerRules({ strip: 'PCMU' }))).toMatchObject({
      restored: false,
      payloads: source,
    });
  });

  it('keep payload types nobody knows', () => {
    expect(numbers(codecsOfOffer(payloads('8 77'), offerRules({ strip: 'PCMU' })))).toBe('8 77');
  });

  it('come in the order agreed before, on request', () => {
    const reuse = codecs('G722/8000', 'PCMA/8000');
    expect(numbers(codecsOfOffer(PHONE, { ...offerRules({}), reuse }))).toBe('9 8 0 13 101');
  });
});

describe('codecs of an answer', () => {
  it.each([
    ['the answerer’s order', payloads('9 8 101', 'rtpmap:101 telephone-event/8000'), {}, '9 8 101'],
    ['a codec that was not offered', payloads('18 8'), {}, '8'],
    ['a codec stripped from the answer', payloads('9 8'), { strip: 'G722' }, '8'],
    ['everything stripped but one', payloads('9 8'), { strip: 'all', offer: 'PCMA' }, '8'],
    ['mask, which is of no effect', payloads('9 8'), { mask: 'G722' }, '9 8'],
    ['telephone-event under another number', payloads('0 96', 'rtpmap:96 telephone-event/8000'), {}, '0 96'],
    ['an encoding name in another case', payloads('0 96', 'rtpmap:96 Telephone-Event/8000'), {}, '0 96'],
  ])('%s', (_name, answered, flags, expected) => {
    expect(numbers(codecsOfAnswer(answered, PHONE, answerRules(flags)))).toBe(expected);
  });

  it('are passed on if nothing was offered of them', () => {
    const answered = payloads('18 101', 'rtpmap:101 telephone-event/8000');
    const outcome = codecsOfAnswer(answered, PHONE, answerRules({}));
    expect(outcome).toMatchObject({ kind: 'payloads', restored: true });
    expect(numbers(outcome)).toBe('18 101');
  });

  it('are restored if only telephone-event would be left', () => {
    const answered = payloads('9 101', 'rtpmap:101 telephone-event/8000');
    expect(numbers(codecsOfAnswer(answered, PHONE, answerRules({ strip: 'G722' })))).toBe('9 101');
  });

  it('are the first one and telephone-event with single-codec', () => {
    const answered = payloads('9 8 101', 'rtpmap:101 telephone-event/8000');
    const rules = { ...answerRules({}), singleCodec: true };
    expect(numbers(codecsOfAnswer(answered, PHONE, rules))).toBe('9 101');
  });

  it('leave the telephone-event of another clock rate out with single-codec', () => {
    const rules = { ...answerRules({}), singleCodec: true };
    expect(numbers(codecsOfAnswer(CHROMIUM, CHROMIUM, rules))).toBe('111 63 110');
  });

  it('do not include what was ignored in the offer', () => {
    const flags = codecFlags({ ignore: 'PCMA' });
    const outcome = codecsOfAnswer(payloads('8 0'), acceptableCodecs(PHONE, flags), answerRules({}));
    expect(numbers(outcome)).toBe('0');
  });
});

type Lists = Partial<Record<keyof CodecFlags, string>>;

function codecFlags(lists: Lists): CodecFlags {
  const named = Object.entries(lists).map(([key, names]) => [key, names.split(' ').map(spec)] as const);
  return { ...DEFAULT_FLAGS.codec, ...Object.fromEntries(named) };
}

function spec(text: string): CodecSpec {
  const [name = '', clockRate, channels] = text.split('/');
  return {
    name,
    ...(clockRate !== undefined && { clockRate: Number(clockRate) }),
    ...(channels !== undefined && { channels: Number(channels) }),
  };
}

function offerRules(lists: Lists) {
  return { codec: codecFlags(lists), allowNoCodecMedia: false };
}

function answerRules(lists: Lists) {
  return { codec: codecFlags(lists), singleCodec: false, allowNoCodecMedia: false };
}

function payloads(formats: string, ...attributes: string[]): PayloadFormat[] {
  const lines = attributes.map((value) => ({ type: 'a', value }));
  const result = payloadFormats(formats.split(' '), lines);
  if (result === undefined) throw new Error(`not payload types: ${formats}`);
  return result;
}

function codecs(...names: string[]): CodecIdentity[] {
  return names.map((name) => {
    const [encoding = '', clockRate = '0', channels = '1'] = name.split('/');
    return { encoding, clockRate: Number(clockRate), channels: Number(channels) };
  });
}

function numbers(outcome: CodecOutcome): string {
  if (outcome.kind !== 'payloads') return outcome.kind;
  return outcome.payloads.map((format) => format.payloadType).join(' ');
}
