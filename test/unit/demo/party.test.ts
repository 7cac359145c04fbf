import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../../src/demo/options.js';
import { partyOf } from '../../../src/demo/party.js';
import { toDictionary } from '../../support/ng-client.js';

describe('a party in a reply', () => {
  const media = {
    codec: 'PCMU/8000',
    streams: [
      {
        endpoint: { address: '2001:db8::1', port: 4000 },
        'advertised endpoint': { address: '192.168.1.2', port: 4000 },
        flags: ['RTP', 'confirmed'],
        stats: { packets: 99 },
        stats_out: { packets: 100 },
      },
    ],
    'ingress SSRCs': [
      {
        packets: 99,
        measured: { 'packets lost': 1, jitter: 5, MOS: 43 },
        'average MOS': { MOS: 42, 'round-trip time': 1500 },
      },
    ],
  };

  test('is found by its label', () => {
    const reply = toDictionary({ tags: { x: { label: 'Bob' }, y: { label: 'Alice', medias: [media] } } });
    expect(partyOf(reply, 'Alice')).toEqual({
      name: 'Alice',
      signalled: '192.168.1.2:4000',
      learned: '[2001:db8::1]:4000',
      confirmed: true,
      codec: 'PCMU/8000',
      packetsIn: 99,
      packetsOut: 100,
      lost: 1,
      lossPercent: 1,
      jitterMs: 5,
      mos: 4.2,
      roundTripMs: 1.5,
    });
  });

  test('without reports the measured quality counts', () => {
    const [source] = media['ingress SSRCs'];
    const early = { ...media, 'ingress SSRCs': [{ ...source, 'average MOS': undefined }] };
    const reply = toDictionary({ tags: { y: { label: 'Alice', medias: [early] } } });
    expect(partyOf(reply, 'Alice')).toMatchObject({ mos: 4.3, roundTripMs: undefined });
  });

  test('is undefined where there is none', () => {
    expect(partyOf(new Map(), 'Alice')).toBeUndefined();
  });
});

describe('arguments', () => {
  test.each<[string[], object | undefined]>([
    [[], { seconds: 8 }],
    [['--ng', '192.0.2.1:2223', '--seconds', '3'], { ng: { address: '192.0.2.1', port: 2223 }, seconds: 3 }],
    [['--ng', '[::1]:2223'], { ng: { address: '::1', port: 2223 }, seconds: 8 }],
    [['--ng'], undefined],
    [['--ng', 'host'], undefined],
    [['--seconds', '0'], undefined],
    [['--help'], undefined],
  ])('%j', (words, options) => {
    expect(parseOptions(words)).toEqual(options);
  });
});
