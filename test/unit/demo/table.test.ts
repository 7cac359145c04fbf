import { describe, expect, test } from 'vitest';
import type { Party } from '../../../src/demo/party.js';
import { line, table } from '../../../src/demo/table.js';

const ALICE: Party = {
  name: 'Alice',
  signalled: '192.168.77.20:4000',
  learned: '127.0.0.1:4000',
  confirmed: true,
  codec: 'PCMU/8000',
  packetsIn: 396,
  packetsOut: 400,
  lost: 4,
  lossPercent: 1,
  jitterMs: 6,
  mos: 4.2,
  roundTripMs: 1.25,
};

const SILENT: Party = {
  name: 'Bob',
  signalled: undefined,
  learned: undefined,
  confirmed: false,
  codec: undefined,
  packetsIn: 0,
  packetsOut: 0,
  lost: 0,
  lossPercent: 0,
  jitterMs: undefined,
  mos: undefined,
  roundTripMs: undefined,
};

describe('the table of a call', () => {
  test('columns line up, numbers to the right, dashes for what is not known', () => {
    expect(table([ALICE, SILENT])).toEqual([
      'party  signalled           packets go to             codec   in  out       lost  jitter     RTT  MOS',
      'Alice  192.168.77.20:4000  127.0.0.1:4000 (learned)  PCMU   396  400  4 (1.0 %)    6 ms  1.3 ms  4.2',
      'Bob    -                   -                         -        0    0  0 (0.0 %)       -       -    -',
    ]);
  });

  test.each([
    [{ confirmed: false }, '127.0.0.1:4000 (learning)'],
    [{ learned: '192.168.77.20:4000' }, '192.168.77.20:4000 (confirmed)'],
    [{ learned: '192.168.77.20:4000', confirmed: false }, '192.168.77.20:4000 '],
  ])('says how sure the address is: %j', (changes, shown) => {
    expect(table([{ ...ALICE, ...changes }])[1]).toContain(shown);
  });

  test('a line for logs names each fact', () => {
    expect(line(ALICE)).toContain('in 396  out 400  lost 4 (1.0 %)  jitter 6 ms');
  });
});
