import { describe, expect, test } from 'vitest';
import { type MediaView, viewMedia } from '../../../src/sdp/media-view.js';
import { parseSdp } from '../../../src/sdp/parse.js';
import { payloadFormats } from '../../../src/sdp/payloads.js';
import { serializeSdp } from '../../../src/sdp/serialize.js';
import { viewSession } from '../../../src/sdp/session-view.js';

const CODECS = [
  'a=rtpmap:96 VP8/90000',
  'a=rtcp-fb:96 nack pli',
  'a=rtpmap:97 rtx/90000',
  'a=fmtp:97 apt=96',
  'a=rtpmap:98 H264/90000',
];

describe('lines about codecs that were read before', () => {
  test('say the same when they come again', () => {
    const body = section(CODECS);
    expect(read(body)).toEqual(read(body));
    expect(serializeSdp(description(body))).toBe(body);
  });

  test('are those of the formats they come with', () => {
    read(section(CODECS, '96 97 98'));
    expect(payloadTypes(section(CODECS, '98 96'))).toEqual([98, 96]);
    expect(payloadTypes(section(CODECS, '98 96'))).toEqual([98, 96]);
  });

  test('count together with others about the same formats', () => {
    read(section(CODECS));
    const lines = [
      'a=fmtp:96 max-fr=30',
      'a=mid:1',
      ...CODECS,
      'a=sendonly',
      'a=fmtp:98 profile-level-id=42e01f',
    ];
    const formats = read(section(lines)).payloads;
    const all = lines.map((line) => ({ type: 'a', value: line.slice(2) }));
    const codecs = all.filter(({ value }) => /^(rtpmap|fmtp|rtcp-fb)/.test(value));
    expect(formats).toEqual(payloadFormats(['96', '97', '98'], codecs));
  });

  test('may be followed by more of their kind', () => {
    read(section(CODECS));
    const { payloads, direction } = read(section([...CODECS, 'a=fmtp:98 x=1', 'a=sendonly']));
    expect(payloads.map(({ fmtp }) => fmtp)).toEqual([[], ['apt=96'], ['x=1']]);
    expect(direction).toBe('sendonly');
  });

  test('are told from lines that begin in the same way', () => {
    read(section(CODECS));
    const { payloads } = read(section([...CODECS.slice(0, -1), 'a=rtpmap:98 H264/90000/2']));
    expect(payloads.at(-1)?.channels).toBe(2);
  });

  test('leave feedback for all formats to whom it concerns', () => {
    const lines = [...CODECS.slice(0, 3), 'a=rtcp-fb:* ccm fir', ...CODECS.slice(3)];
    read(section(lines));
    const { other, payloads } = read(section(lines));
    expect(other).toEqual([{ type: 'a', value: 'rtcp-fb:* ccm fir' }]);
    expect(payloads).toHaveLength(3);
  });

  test('may end in LF, or without an end', () => {
    const body = section(CODECS);
    const bare = body.replaceAll('\r\n', '\n');
    for (const text of [body, bare, bare.trimEnd(), bare, body])
      expect(read(text).payloads).toEqual(read(body).payloads);
  });

  test('mean nothing in a section that is not RTP', () => {
    read(section(CODECS));
    const body = section(CODECS).replace('RTP/AVPF', 'TCP/X');
    expect(read(body).payloads).toEqual([]);
    expect(read(body).other.map(({ value }) => `a=${value}`)).toEqual(CODECS);
  });

  test('have their numbers counted in complaints about later lines', () => {
    const broken = `${section(CODECS)}nonsense\r\n`;
    const first = parseSdp(broken);
    expect(first).toMatchObject({ ok: false, line: 12 });
    read(section(CODECS));
    expect(parseSdp(broken)).toEqual(first);
  });
});

function section(lines: readonly string[], formats = '96 97 98'): string {
  const session = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 't=0 0', `m=video 4000 RTP/AVPF ${formats}`];
  return [...session, 'c=IN IP4 192.0.2.1', ...lines].map((line) => `${line}\r\n`).join('');
}

function payloadTypes(body: string): number[] {
  return read(body).payloads.map(({ payloadType }) => payloadType);
}

function description(body: string) {
  const parsed = parseSdp(body);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.description;
}

function read(body: string): MediaView {
  const parsed = description(body);
  const [media] = parsed.medias;
  const viewed = media && viewMedia(media, viewSession(parsed));
  if (!viewed?.ok) throw new Error('not a section');
  return viewed.view;
}
