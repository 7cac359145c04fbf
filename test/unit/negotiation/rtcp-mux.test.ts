import { describe, expect, test } from 'vitest';
import type { RtcpMuxItem } from '../../../src/command/flags.js';
import { decideMux } from '../../../src/negotiation/rtcp-mux.js';

const ITEMS: readonly RtcpMuxItem[] = ['offer', 'require', 'demux', 'accept', 'reject'];

type Row = readonly [
  offered: 'mux' | 'plain',
  flags: readonly RtcpMuxItem[],
  toReceiver: 'none' | 'optional' | 'required',
  ifReceiverMuxes: boolean,
  ifNot: boolean,
];

const TABLE: readonly Row[] = [
  ['plain', [], 'none', false, false],
  ['plain', ['demux'], 'none', false, false],
  ['plain', ['accept'], 'none', false, false],
  ['plain', ['reject'], 'none', false, false],
  ['plain', ['offer'], 'optional', false, false],
  ['plain', ['require'], 'required', false, false],
  ['mux', [], 'optional', true, false],
  ['mux', ['offer'], 'optional', true, false],
  ['mux', ['require'], 'required', true, false],
  ['mux', ['demux'], 'none', true, true],
  ['mux', ['accept'], 'optional', true, true],
  ['mux', ['reject'], 'optional', false, false],
  ['mux', ['offer', 'demux'], 'optional', true, false],
];

describe('what becomes of rtcp-mux', () => {
  test.each(TABLE)('an offer with %s and flags %j', (offered, flags, toReceiver, ifReceiverMuxes, ifNot) => {
    const decision = decideMux(offered === 'mux', false, new Set(flags));
    expect(decision.offer).toBe(toReceiver);
    expect(decision.answer ?? true).toBe(ifReceiverMuxes);
    expect(decision.answer ?? false).toBe(ifNot);
  });

  const combinations = Array.from({ length: 64 }, (_, bits) => ({
    offered: (bits & 32) !== 0,
    flags: ITEMS.filter((_item, index) => (bits & (1 << index)) !== 0),
  }));

  test.each(combinations)('never accepts what was not offered: $offered, $flags', ({ offered, flags }) => {
    const { offer, answer } = decideMux(offered, false, new Set(flags));
    if (!offered) expect(answer).toBe(false);
    if (flags.includes('require')) expect(offer).toBe('required');
    else if (flags.includes('offer')) expect(offer).toBe('optional');
    else expect(offer).toBe(offered && !flags.includes('demux') ? 'optional' : 'none');
    if (offered && offer !== 'none' && flags.includes('accept')) expect(answer).toBe(true);
    if (offered && flags.includes('reject') && !flags.includes('accept')) expect(answer).toBe(false);
  });

  test('a leg that multiplexes already is asked for nothing less', () => {
    for (const { offered, flags } of combinations) {
      expect(decideMux(offered, true, new Set(flags)).offer).toBe('required');
    }
  });
});
