import { describe, expect, test } from 'vitest';
import { mediaAddress } from '../../../src/demo/endpoint.js';
import { Receiver } from '../../../src/demo/receiver.js';
import { ntpMiddleOf, writeReport } from '../../../src/demo/rtcp-report.js';
import { muLaw, toneFrames } from '../../../src/demo/tone.js';

describe('the tone', () => {
  test.each([
    [0, 0xff],
    [-1, 0x7f],
    [8059, 0xa0],
    [8060, 0x9f],
    [32_767, 0x80],
    [-32_768, 0x00],
  ])('µ-law of %i', (sample, code) => {
    expect(muLaw(sample)).toBe(code);
  });

  test('a second is fifty frames of 160 samples', () => {
    expect(toneFrames(440).map(({ length }) => length)).toEqual(Array.from({ length: 50 }, () => 160));
  });
});

describe('a receiver', () => {
  const packet = (sequence: number) => {
    const bytes = Buffer.alloc(172);
    bytes.writeUInt16BE(sequence & 0xffff, 2);
    bytes.writeUInt32BE(sequence * 160, 4);
    bytes.writeUInt32BE(0xabcd, 8);
    return bytes;
  };

  test('reports loss since the report before, across a wrap of the sequence numbers', () => {
    const receiver = new Receiver();
    for (const sequence of [65_533, 65_534, 65_536, 65_537]) receiver.count(packet(sequence), sequence * 20);
    expect(receiver.report()).toEqual({
      ssrc: 0xabcd,
      fractionLost: Math.floor(256 / 5),
      lost: 1,
      highestSequence: 65_537,
      jitter: 0,
    });
    receiver.count(packet(65_538), 65_538 * 20);
    expect(receiver.report()).toMatchObject({ fractionLost: 0, lost: 1 });
  });

  test('has nothing to report before the first packet', () => {
    expect(new Receiver().report()).toBeUndefined();
  });
});

describe('an RTCP report', () => {
  const block = { ssrc: 2, fractionLost: 3, lost: 4, highestSequence: 5, jitter: 6 };
  const sender = { ssrc: 1, cname: 'Alice@demo', nowMs: 1500, rtpTimestamp: 160, packets: 10, octets: 1600 };
  const report = writeReport({ ...sender, block, lastReport: { ntpMiddle: 0x12345678, delayMs: 500 } });

  test('is a sender report with one block and a CNAME, each as long as it says', () => {
    const length = 4 * (report.readUInt16BE(2) + 1);
    expect([report[0], report[1], length]).toEqual([0x81, 200, 52]);
    expect([report[length], report[length + 1]]).toEqual([0x81, 202]);
    expect(report.length).toBe(length + 4 * (report.readUInt16BE(length + 2) + 1));
    expect(report.toString('latin1', length + 10, length + 20)).toBe('Alice@demo');
  });

  test('carries what the other side needs for the round trip', () => {
    expect(report.readUInt32BE(44)).toBe(0x12345678);
    expect(report.readUInt32BE(48)).toBe(0x8000);
    expect(ntpMiddleOf(report)).toBe((((2_208_988_801 & 0xffff) << 16) | 0x8000) >>> 0);
  });

  test('has no block before anything was heard', () => {
    const first = writeReport(sender);
    expect([first[0], first.readUInt16BE(2)]).toEqual([0x80, 6]);
  });
});

test('the media address of an SDP body', () => {
  expect(mediaAddress('c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n')).toEqual({
    address: '192.0.2.1',
    port: 4000,
  });
  expect(() => mediaAddress('')).toThrow('no media address');
});
