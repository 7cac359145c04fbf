import { describe, expect, it } from 'vitest';
import { parseCase } from '../../support/case/case-file.js';
import { Placeholders, resolveExpected } from '../../support/case/expected-sdp.js';
import { fullBody } from '../../support/case/sdp-body.js';

const CASE = `A hold with sendonly stays a hold
# The attribute says what its writer does.
config: sip-source=yes

offer replace=origin via-branch=br1
--- in
m=audio 4000 RTP/AVP 8

a=sendonly
--- out
m=audio {port:b} RTP/AVP 8
--- plan
tos = 184

delete from-tag=alice
--- result
call
`;

describe('a case file', () => {
  it('is read into its title, notes, configuration and steps', () => {
    const file = parseCase(CASE);
    expect(file).toMatchObject({
      title: 'A hold with sendonly stays a hold',
      notes: ['The attribute says what its writer does.'],
      config: 'sip-source=yes',
    });
    expect(file.steps.map(({ command, flags, line }) => [command, flags, line])).toEqual([
      ['offer', 'replace=origin via-branch=br1', 5],
      ['delete', 'from-tag=alice', 15],
    ]);
    expect(file.steps[0]?.sections.get('in')).toEqual({
      lines: ['m=audio 4000 RTP/AVP 8', 'a=sendonly'],
      line: 7,
    });
  });

  it.each([
    ['no title', '--- in\n', 'line 1'],
    ['no command', 'Title\n# note\n', 'no command'],
    ['an unknown section', 'Title\noffer\n--- input\n', 'line 3: unknown section'],
    ['an offer without SDP', 'Title\noffer\n--- out\nm=\n', 'line 2'],
    ['an offer without outcome', 'Title\noffer\n--- in\nm=\n', 'line 2'],
    ['text between sections', 'Title\noffer\nm=audio\n', 'line 3'],
    ['a section twice', 'Title\noffer\n--- in\n--- in\n', 'line 4'],
  ])('is refused with %s', (_name, text, message) => {
    expect(() => parseCase(text)).toThrow(message);
  });
});

describe('the short form of SDP', () => {
  it('has the session part of the party', () => {
    expect(fullBody(['m=audio 4000 RTP/AVP 8'], 'bob').split('\r\n')).toEqual([
      'v=0',
      'o=bob 1 1 IN IP4 198.51.100.20',
      's=-',
      'c=IN IP4 198.51.100.20',
      't=0 0',
      'm=audio 4000 RTP/AVP 8',
      '',
    ]);
  });

  it('takes session lines in place of those of the party', () => {
    const lines = fullBody(['a=sendonly', 'c=IN IP4 0.0.0.0', 'm=audio 4000 RTP/AVP 8'], 'bob').split('\r\n');
    expect(lines.slice(2, 6)).toEqual(['s=-', 'c=IN IP4 0.0.0.0', 't=0 0', 'a=sendonly']);
  });

  it('leaves a whole body alone', () => {
    expect(fullBody(['v=0', 's=x'], 'nobody')).toBe('v=0\r\ns=x\r\n');
  });
});

describe('expected SDP', () => {
  it('names ports at their first appearance and knows them afterwards', () => {
    const placeholders = new Placeholders();
    expect(placeholders.match('m=audio {port:b} RTP/AVP 0', 'm=audio 30000 RTP/AVP 0')).toBe(true);
    expect(placeholders.match('a=rtcp:{port:b+1}', 'a=rtcp:30001')).toBe(true);
    expect(placeholders.match('a=rtcp:{port:b+1}', 'a=rtcp:30003')).toBe(false);
    expect(placeholders.match('m=audio {port:a} RTP/AVP 0', 'm=audio 30000 RTP/AVP 0')).toBe(false);
  });

  it('has words that are the same everywhere, and parts that are anything', () => {
    const placeholders = new Placeholders();
    expect(placeholders.match('a=ice-ufrag:{text:u}', 'a=ice-ufrag:abcd')).toBe(true);
    expect(placeholders.match('a=x:{text:u}', 'a=x:efgh')).toBe(false);
    expect(placeholders.match('a=y:{any} 1', 'a=y:some thing 1')).toBe(true);
  });

  it('compares all medias, but of the session only what is named', () => {
    const actual = [
      'v=0',
      'o=- 1 1 IN IP4 192.0.2.1',
      's=-',
      't=0 0',
      'a=x',
      'm=audio 30000 RTP/AVP 0',
      'a=y',
    ];
    const resolved = resolveExpected(['s=-', 'm=audio {port:b} RTP/AVP 0'], actual, new Placeholders());
    expect(resolved.expected).toEqual(['s=-', 'm=audio 30000 RTP/AVP 0']);
    expect(resolved.actual).toEqual(['s=-', 'm=audio 30000 RTP/AVP 0', 'a=y']);
  });

  it('compares everything of a whole body', () => {
    const actual = ['v=0', 's=-', 't=0 0'];
    expect(resolveExpected(['v=0', 's=-'], actual, new Placeholders()).actual).toEqual(actual);
  });
});
