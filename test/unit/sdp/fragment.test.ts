import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFragment } from '../../../src/sdp/fragment.js';

const CANDIDATE = 'a=candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host';

function read(...lines: readonly string[]) {
  return readFragment(`${lines.join('\r\n')}\r\n`);
}

describe('a fragment', () => {
  test('needs no v= line', () => {
    const [section] = read('a=ice-ufrag:abcd', 'm=audio 9 RTP/AVP 0', 'a=mid:x', CANDIDATE) ?? [];
    expect(section?.mid).toBe('x');
    expect(section?.ice.ufrag).toBe('abcd');
    expect(section?.ice.candidates).toHaveLength(1);
  });

  test('needs no m= line', () => {
    const [section] = read('a=mid:x', 'a=ice-ufrag:abcd', CANDIDATE) ?? [];
    expect(section).toMatchObject({ mid: 'x', position: 0 });
    expect(section?.ice.candidates).toHaveLength(1);
  });

  test('has the end of candidates for every section if it stands before the first', () => {
    const sections = read('a=end-of-candidates', 'm=audio 9 RTP/AVP 0', 'm=video 9 RTP/AVP 0') ?? [];
    expect(sections.map(({ ice }) => ice.endOfCandidates)).toEqual([true, true]);
  });

  test('does not give the candidates of the session part to a section', () => {
    const sections = read(CANDIDATE, 'm=audio 9 RTP/AVP 0', 'm=video 9 RTP/AVP 0') ?? [];
    expect(sections.map(({ ice }) => ice.candidates.length)).toEqual([1, 0, 0]);
  });

  test('may be anything at all', () => {
    fc.assert(fc.property(fc.string(), (text) => void readFragment(text)));
    expect(readFragment('nonsense')).toBeUndefined();
  });
});
