import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  encodeFrame,
  encodeFrameText,
  encodeWrittenFrame,
  FrameDecoder,
  FrameError,
  MAX_FRAME,
} from '../../../src/dataplane/framing.js';

test('messages survive any segmentation of the stream', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 8 }),
      fc.integer({ min: 1, max: 60 }),
      (messages, cut) => {
        const wire = Buffer.concat(messages.map(encodeFrame));
        const decoder = new FrameDecoder();
        const seen: unknown[] = [];
        for (let at = 0; at < wire.length; at += cut) seen.push(...decoder.push(wire.subarray(at, at + cut)));
        // JSON has no negative zero.
        expect(seen).toEqual(messages.map((message) => JSON.parse(JSON.stringify(message))));
      },
    ),
  );
});

test('text outside ASCII is counted in bytes', () => {
  expect(new FrameDecoder().push(encodeFrame('\u00e4\u20ac\u{1f600}'))).toEqual(['\u00e4\u20ac\u{1f600}']);
});

test('a frame beyond the limit is an error, when written and when announced', () => {
  expect(() => encodeFrame('x'.repeat(MAX_FRAME))).toThrow(FrameError);
  const header = Buffer.alloc(4);
  header.writeUInt32BE(MAX_FRAME + 1);
  expect(() => new FrameDecoder().push(header)).toThrow(FrameError);
});

test('a frame that is not JSON is an error', () => {
  expect(() => new FrameDecoder().push(Buffer.from('\0\0\0\x01{', 'latin1'))).toThrow(FrameError);
});

test('garbage is an error or nothing, never something else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        new FrameDecoder().push(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }),
  );
});

test('a large frame in small pieces takes work in proportion to its size', () => {
  const frame = encodeFrame('x'.repeat(3_000_000));
  const decoder = new FrameDecoder();
  const before = process.cpuUsage();
  let messages = 0;
  for (let at = 0; at < frame.length; at += 200)
    messages += decoder.push(frame.subarray(at, at + 200)).length;
  expect(messages).toBe(1);
  // Joining on every piece would copy some 20 GB.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(2_000);
});

test('a frame as text is the same frame', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (message) => {
      expect(Buffer.from(encodeFrameText(message), 'latin1')).toEqual(encodeFrame(message));
    }),
  );
  expect(encodeFrameText('\u00e4\u20ac')).toBe(encodeFrame('\u00e4\u20ac').toString('latin1'));
  const request = { kind: 'apply', plan: { session: 'a' } };
  expect(encodeWrittenFrame(7, 3, '{"session":"a"}')).toBe(encodeFrameText({ id: 7, seen: 3, request }));
  expect(() => encodeFrameText('x'.repeat(MAX_FRAME))).toThrow(FrameError);
});
