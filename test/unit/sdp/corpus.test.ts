import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { viewMedia } from '../../../src/sdp/media-view.js';
import type { SessionDescription } from '../../../src/sdp/model.js';
import { parseSdp } from '../../../src/sdp/parse.js';
import { serializeSdp } from '../../../src/sdp/serialize.js';
import { viewSession } from '../../../src/sdp/session-view.js';
import { sdpCorpus } from '../../support/sdp-corpus.js';

const CORPUS = sdpCorpus();

describe('SDP of the field', () => {
  it.each(CORPUS)('$name goes out as it came in', ({ text }) => {
    const parsed = parseSdp(text);
    expect(parsed).toMatchObject({ ok: true });
    if (parsed.ok) expect(serializeSdp(parsed.description)).toBe(text);
  });

  it.each(CORPUS)('$name is the same with bare line feeds', ({ text }) => {
    const parsed = parseSdp(text.replaceAll('\r\n', '\n'));
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(serializeSdp(parsed.description)).toBe(text);
  });

  it.each(CORPUS)('$name loses no attribute in its views', ({ text }) => {
    const parsed = parseSdp(text);
    if (!parsed.ok) throw new Error(parsed.reason);
    const session = viewSession(parsed.description);
    const unknown = parsed.description.medias.flatMap(({ lines }) => lines.filter(isUnknownAttribute));
    const kept = new Set(viewAll(parsed.description).flatMap((view) => view.other));
    const readable = parsed.description.medias.every((media) => viewMedia(media, session).ok);
    if (readable) for (const line of unknown) expect(kept).toContain(line);
  });

  it('never makes a reader throw, however mutilated', () => {
    fc.assert(
      fc.property(mutilatedBody(), (text) => readEverything(text)),
      { numRuns: 500 },
    );
  });

  it('is read back unchanged from what was written, however mutilated', () => {
    fc.assert(
      fc.property(mutilatedBody(), (text) => {
        const parsed = parseSdp(text);
        if (!parsed.ok) return;
        const written = serializeSdp(parsed.description);
        const again = parseSdp(written);
        expect(again.ok && serializeSdp(again.description)).toBe(written);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a hostile body of 64 kB', () => {
  const head = 'v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n';
  const audio = `m=audio 4000 RTP/AVP${Array.from({ length: 128 }, (_, pt) => ` ${pt}`).join('')}\n`;
  const fill = (line: string) => line.repeat(Math.floor((65_000 - head.length - audio.length) / line.length));

  it.each([
    ['of empty attributes', head + audio + fill('a=\n')],
    ['of fmtp for one payload type', head + audio + fill('a=fmtp:96 a=1\n')],
    ['of rtpmaps', head + audio + fill('a=rtpmap:96 X/8000\n')],
    [
      'of short lists of codecs, no two alike',
      `${head}m=audio 4000 RTP/AVP ${Array.from({ length: 128 }, (_, type) => type).join(' ')}\n` +
        Array.from({ length: 900 }, (_, at) => `a=rtpmap:96 X${at}/8000\n`.repeat(3) + 'a=x\n').join(''),
    ],
    ['of candidates', head + audio + fill('a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\n')],
    ['of crypto lines', head + audio + fill(`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${'A'.repeat(40)}\n`)],
    ['of addresses', head + audio + fill('c=IN IP6 1:2:3:4:5:6:7:8\n')],
    ['of m= lines', head + fill('m=audio 0 RTP/AVP 0\n')],
    ['of one attribute without end', `${head + audio}a=${'x:'.repeat(30_000)}`],
    ['of spaces', `${head + audio}a=candidate:${' '.repeat(60_000)}`],
    ['of one fmtp', `${head + audio}a=fmtp:96 ${';apt=96'.repeat(8_000)}`],
    ['of one group', `${head}a=group:BUNDLE${' 1'.repeat(30_000)}\n${audio}`],
    ['of one fingerprint', `${head + audio}a=fingerprint:sha-256 ${'00:'.repeat(20_000)}`],
    ['of one address', `${head + audio}c=IN IP6 ${'1:'.repeat(30_000)}`],
    ['of one line feed after the other', head + audio + fill('\n')],
    ['of formats', `${head}m=audio 4000 RTP/AVP${' 1'.repeat(30_000)}\n`],
  ])('%s is read in a few milliseconds', (_name, text) => {
    expect(text.length).toBeLessThanOrEqual(65_536);
    readEverything(text);
    const times = Array.from({ length: 5 }, () => {
      const before = process.cpuUsage();
      readEverything(text);
      return process.cpuUsage(before).user / 1000;
    });
    // What else the process does counts as well: the best of several tells what the code needs.
    expect(Math.min(...times)).toBeLessThan(40);
  });
});

function readEverything(text: string): void {
  const parsed = parseSdp(text);
  if (parsed.ok) viewAll(parsed.description);
}

function viewAll(description: SessionDescription) {
  const session = viewSession(description);
  return description.medias.flatMap((media) => {
    const viewed = viewMedia(media, session);
    return viewed.ok ? [viewed.view] : [];
  });
}

function isUnknownAttribute(line: { type: string; value: string }): boolean {
  return (
    line.type === 'a' &&
    /^(?:X-|x-|ssrc|msid|rid|simulcast|content|floor|conf|user|curr|des|gpmd)/.test(line.value)
  );
}

/** A body of the corpus with pieces cut out, doubled or replaced. */
function mutilatedBody(): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(40),
    insert: fc.oneof(
      fc.constantFrom(
        '',
        '\r\n',
        '\n',
        ':',
        ' ',
        '/',
        '=',
        '|',
        '0',
        '-1',
        '99999',
        'm=audio 1 RTP/AVP 0\r\n',
        'a=',
      ),
      fc.string({ maxLength: 8 }),
    ),
  });
  const edits = fc.array(edit, { minLength: 1, maxLength: 6 });
  return fc.tuple(fc.constantFrom(...CORPUS), edits).map(([{ text }, changes]) =>
    changes.reduce((body, { at, length, insert }) => {
      const start = Math.floor(at * body.length);
      return body.slice(0, start) + insert + body.slice(start + length);
    }, text),
  );
}
