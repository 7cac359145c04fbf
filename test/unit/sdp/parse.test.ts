import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionDescription } from '../../../src/sdp/model.js';
import { parseSdp } from '../../../src/sdp/parse.js';
import { serializeSdp } from '../../../src/sdp/serialize.js';

const MINIMAL = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n';
const AUDIO = 'm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n';

function parsed(text: string): SessionDescription {
  const result = parseSdp(text);
  if (!result.ok) throw new Error(`line ${result.line}: ${result.reason}`);
  return result.description;
}

describe('parsing an SDP body', () => {
  it('splits a body into the session and its medias', () => {
    expect(parsed(MINIMAL + AUDIO)).toEqual({
      lines: [
        { type: 'v', value: '0' },
        { type: 'o', value: '- 1 1 IN IP4 192.0.2.1' },
        { type: 's', value: '-' },
        { type: 'c', value: 'IN IP4 192.0.2.1' },
        { type: 't', value: '0 0' },
      ],
      medias: [
        {
          type: 'audio',
          port: 4000,
          protocol: 'RTP/AVP',
          formats: ['0', '101'],
          lines: [{ type: 'a', value: 'rtpmap:101 telephone-event/8000' }],
        },
      ],
    });
  });

  it.each([
    ['lines that end in LF only', (text: string) => text.replaceAll('\r\n', '\n')],
    ['a last line without its end', (text: string) => text.slice(0, -2)],
    ['a trailing empty line', (text: string) => `${text}\r\n`],
    ['text behind an empty line, which is lost', (text: string) => `${text}\r\nm=video 1 RTP/AVP 31\r\n`],
    ['runs of spaces in the m= line', (text: string) => text.replace('m=audio 4000', 'm=audio  4000')],
  ])('accepts %s', (_name, change) => {
    expect(serializeSdp(parsed(change(MINIMAL + AUDIO)))).toBe(MINIMAL + AUDIO);
  });

  it('keeps the number of ports', () => {
    expect(parsed(`${MINIMAL}m=audio 4000/2 RTP/AVP 0\r\n`).medias[0]).toMatchObject({
      port: 4000,
      portCount: 2,
    });
  });

  it.each([
    ['an empty body', '', 1],
    ['a leading empty line', `\r\n${MINIMAL}`, 1],
    ['an empty line before all media', 'v=0\r\ns=-\r\n\r\nm=audio 4000 RTP/AVP 0\r\n', 3],
    ['one with line feeds alone', 'v=0\n\nt=0 0\nm=audio 4000 RTP/AVP 0\n', 2],
    ['text before v=', `Content-Type: x\r\n${MINIMAL}`, 1],
    ['another version', 'v=1\r\n', 1],
    ['a leading space', 'v=0\r\n s=-\r\n', 2],
    ['an unknown letter', 'v=0\r\nx=-\r\n', 2],
    ['an upper-case letter', 'v=0\r\nS=-\r\n', 2],
    ['a line without =', 'v=0\r\ns\r\n', 2],
    ['a second v= line', 'v=0\r\nv=0\r\n', 2],
    ['a carriage return within a line', 'v=0\r\ns=a\rb=c\r\n', 2],
    ['an m= line without protocol', 'v=0\r\nm=audio 4000\r\n', 2],
    ['a port that is no number', 'v=0\r\nm=audio x RTP/AVP 0\r\n', 2],
    ['a port beyond 65535', 'v=0\r\nm=audio 65536 RTP/AVP 0\r\n', 2],
    ['a negative port', 'v=0\r\nm=audio -1 RTP/AVP 0\r\n', 2],
    ['no number behind the slash', 'v=0\r\nm=audio 4000/ RTP/AVP 0\r\n', 2],
    ['zero ports', 'v=0\r\nm=audio 4000/0 RTP/AVP 0\r\n', 2],
    ['a NUL byte', 'v=0\r\ns=\0\r\n', 0],
  ])('refuses %s and names the line', (_name, text, line) => {
    expect(parseSdp(text)).toMatchObject({ ok: false, line });
  });

  it.each([
    ['bytes', `v=0\r\ns=${'x'.repeat(65_536)}\r\n`],
    ['lines', `v=0\n${'s=\n'.repeat(5_000)}`],
    ['m= lines', `v=0\r\n${'m=audio 0 RTP/AVP 0\r\n'.repeat(65)}`],
    ['formats', `v=0\r\nm=audio 0 RTP/AVP${' 0'.repeat(257)}\r\n`],
  ])('limits the number of %s', (_name, text) => {
    expect(parseSdp(text)).toMatchObject({ ok: false });
  });

  it('gives back unchanged every body it accepts', () => {
    const value = fc.stringMatching(/^[ -~\u0080-\u00ff]{0,40}$/);
    const line = fc
      .tuple(fc.constantFrom(...'osiuepcbtrzka'), value)
      .map(([type, text]) => `${type}=${text}\r\n`);
    const token = fc.stringMatching(/^[!-.0-~]{1,12}$/);
    const media = fc
      .tuple(token, fc.integer({ min: 0, max: 65_535 }), token, fc.array(token, { maxLength: 5 }))
      .map(([type, port, protocol, formats]) => `m=${[type, port, protocol, ...formats].join(' ')}\r\n`);
    const body = fc
      .array(fc.oneof(line, media), { maxLength: 40 })
      .map((lines) => `v=0\r\n${lines.join('')}`);
    fc.assert(
      fc.property(body, (text) => {
        expect(serializeSdp(parsed(text))).toBe(text);
      }),
    );
  });

  it('never throws', () => {
    const junk = fc.array(
      fc.constantFrom('v=0', '\r\n', '\n', 'm=', 'audio ', '1 ', 'a=', ':', '/', '\r', 'x'),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          junk.map((parts) => parts.join('')),
        ),
        (text) => void parseSdp(text),
      ),
    );
  });
});
