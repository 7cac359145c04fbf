import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { feedbackKind, packRtcpSaid, unpackRtcpSaid } from '../../../src/call/rtcp-said.js';

const KINDS = ['nack', 'pli', 'fir', 'tmmbr', 'remb', 'transportCc', 'other'] as const;

describe('what a party says of RTCP', () => {
  test.each([
    ['nack', 'nack'],
    ['nack pli', 'pli'],
    ['ccm fir', 'fir'],
    ['CCM FIR', 'fir'],
    ['ccm tmmbr smaxpr=120', 'tmmbr'],
    ['goog-remb', 'remb'],
    ['transport-cc', 'transportCc'],
    ['nack sli', 'other'],
    ['trr-int 100', 'other'],
    ['', 'other'],
  ] as const)('%s is %s', (text, kind) => {
    expect(feedbackKind(text)).toBe(kind);
  });

  test('nothing said takes no place', () => {
    expect(packRtcpSaid({ feedback: [], reducedSize: false, numbered: false })).toBeUndefined();
    expect(
      packRtcpSaid({ feedback: ['fir', 'nack'], reducedSize: true, numbered: true, bandwidthBps: 0 }),
    ).toBe('nfsw/0');
  });

  test('is the same when it is read again', () => {
    const said = fc.record(
      {
        feedback: fc.subarray([...KINDS]),
        reducedSize: fc.boolean(),
        numbered: fc.boolean(),
        bandwidthBps: fc.nat(),
      },
      { requiredKeys: ['feedback', 'reducedSize', 'numbered'] },
    );
    fc.assert(
      fc.property(said, (all) => {
        const { bandwidthBps, ...rest } = all;
        const one = bandwidthBps === undefined ? rest : { ...rest, bandwidthBps };
        expect(unpackRtcpSaid(packRtcpSaid(one))).toEqual(one);
      }),
    );
  });
});
