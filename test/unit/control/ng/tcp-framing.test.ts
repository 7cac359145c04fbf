import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeBencode } from '../../../../src/control/ng/bencode.js';
import { FrameSplitter } from '../../../../src/control/ng/tcp-framing.js';
import { dictionary } from './arbitrary.js';

const frame = (cookie: string, payload: string) => Buffer.from(`${cookie} ${payload}`, 'latin1');

describe('frames in a stream', () => {
  test('are found however the stream is chopped', () => {
    const frames = fc.array(dictionary, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (messages, sizes) => {
        const sent = messages.map((message, index) => frame(`cookie${index}`, encodeBencode(message)));
        const stream = Buffer.concat(sent);
        const splitter = new FrameSplitter();
        const received: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          received.push(...(splitter.push(stream.subarray(at, at + size)) ?? []));
          at += size;
        }
        expect(received.map(String)).toEqual(sent.map(String));
      }),
    );
  });

  test('a line end behind a frame belongs to the next cookie', () => {
    const splitter = new FrameSplitter();
    expect(splitter.push(Buffer.from('1 d1:ai1ee\n2 de'))?.map(String)).toEqual(['1 d1:ai1ee', '\n2 de']);
  });

  test.each([
    ['JSON', '1 {"command":"ping"}'],
    ['a cookie without end', 'x'.repeat(1100)],
    ['a string that is too long', '1 d99999999:'],
    ['an endless integer', `1 d1:ai${'1'.repeat(70_000)}`],
    ['an endless nesting', `1 d1:a${'l'.repeat(70_000)}`],
  ])('%s ends the connection', (_what, text) => {
    expect(new FrameSplitter().push(Buffer.from(text))).toBeUndefined();
  });

  test('an incomplete frame waits', () => {
    expect(new FrameSplitter().push(Buffer.from('1 d7:command4:pi'))).toEqual([]);
  });
});
