import { describe, expect, test } from 'vitest';
import { rtcpBandwidth } from '../../../src/sdp/bandwidth.js';

const lines = (...values: string[]) => values.map((value) => ({ type: 'b', value }));

describe('the bandwidth of RTCP', () => {
  test.each([
    [[], undefined],
    [['CT:128'], undefined],
    [['AS:64'], 3200],
    [['AS:64', 'TIAS:100000'], 5000],
    [['RS:0', 'RR:0'], 0],
    [['RS:800', 'RR:2400'], 3200],
    [['RR:0'], 800],
    [['AS:128', 'RS:0'], 4800],
    [['RS:x'], undefined],
  ] as const)('%j: %s bits a second', (values, bits) => {
    expect(rtcpBandwidth(lines(...values), [])).toBe(bits);
  });

  test('the session says RS and RR for sections that do not', () => {
    expect(rtcpBandwidth([], lines('RS:0', 'RR:0'))).toBe(0);
    expect(rtcpBandwidth(lines('RR:500'), lines('RS:0', 'RR:0', 'AS:64'))).toBe(500);
  });
});
