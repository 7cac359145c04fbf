import { describe, expect, test } from 'vitest';
import type { CallStatistics } from '../../../../src/command/reply.js';
import { encodeNg } from '../../../../src/control/ng/encode.js';
import { encodeJson } from '../../../../src/control/ng/json.js';
import type {
  ComponentStats,
  IceStats,
  MosSample,
  SsrcStats,
} from '../../../../src/dataplane/protocol.gen.js';

const AT_MS = 1_700_000_010_000;

const component = (fields: Partial<ComponentStats>): ComponentStats => ({
  receivedPackets: 0,
  receivedBytes: 0,
  sentPackets: 0,
  sentBytes: 0,
  malformed: 0,
  foreign: 0,
  tolerated: 0,
  lastSuspect: null,
  blocked: 0,
  unroutable: 0,
  unassigned: 0,
  authenticationFailures: 0,
  replays: 0,
  unkeyed: 0,
  handshakePackets: 0,
  checks: 0,
  refusedChecks: 0,
  refusedHandshakes: 0,
  unknownPayloadType: 0,
  remote: null,
  remoteState: 'unknown',
  lastPacketMsAgo: null,
  ...fields,
});

const sample = (fields: Partial<MosSample>): MosSample => ({
  mos: 4.18,
  jitterMs: 3.4,
  lossPercent: 1.2,
  roundTripUs: 41_000,
  roundTripLegUs: 20_500,
  msAgo: 5_000,
  ...fields,
});

const source: SsrcStats = {
  ssrc: 3735928559,
  packets: 500,
  bytes: 86_000,
  payloadType: 0,
  codec: 'PCMU',
  lastSequence: 17,
  lastTimestamp: 8000,
  measured: { lost: 5, duplicates: 1, reordered: 2, jitterMs: 2.6, mos: 4.3 },
  reported: {
    reports: 3,
    lost: 6,
    lossPercent: 1,
    jitterMs: 3,
    roundTripLegUs: 20_500,
    roundTripUs: 41_000,
    average: sample({}),
    lowest: sample({ mos: 3.9, roundTripUs: 99_999_999_999 }),
    highest: sample({ mos: 4.3 }),
    samples: 3,
    progression: { intervalMs: 20_000, entries: [sample({ msAgo: 9000 }), sample({ mos: 3.1 })] },
  },
};

const CALL: CallStatistics = {
  callId: 'call',
  createdMs: 1_700_000_000_123,
  lastSignalMs: 1_700_000_001_999,
  metadata: 'who:me',
  atMs: AT_MS,
  parties: [
    {
      tag: 'a',
      tagAliases: ['old'],
      viaBranch: 'z9',
      label: 'caller',
      createdMs: 1_700_000_000_123,
      subscriptions: [{ tag: 'b', type: 'offer/answer' }],
      subscribers: [{ tag: 'b', type: 'offer/answer' }],
      medias: [
        {
          index: 1,
          type: 'audio',
          protocol: 'RTP/AVP',
          codecs: ['PCMU/8000', 'PCMA/8000'],
          flags: ['initialized', 'send', 'recv'],
          packetFlags: ['strict source address'],
          stream: 7,
          local: { address: '192.0.2.10', rtpPort: 30000, rtcpPort: 30001 },
          advertised: { rtp: '198.51.100.1:4000', rtcp: '198.51.100.1:4001' },
        },
        { index: 2, type: 'video', protocol: 'RTP/AVP', flags: [], packetFlags: [] },
      ],
    },
    { tagAliases: [], createdMs: 1_700_000_000_500, subscriptions: [], subscribers: [], medias: [] },
  ],
  media: {
    session: 'call',
    revision: 2,
    streams: [
      {
        stream: 7,
        path: { kind: 'fastPath' },
        rtp: component({
          receivedPackets: 500,
          receivedBytes: 86_000,
          sentPackets: 480,
          sentBytes: 82_560,
          malformed: 1,
          foreign: 2,
          unknownPayloadType: 4,
          remote: '[2001:db8::5]:4010',
          remoteState: 'confirmed',
          lastPacketMsAgo: 1_500,
        }),
        rtcp: component({ receivedPackets: 3, receivedBytes: 300, remote: '198.51.100.1:4001' }),
        ice: null,
        suiteIn: null,
        suiteOut: null,
        codecIn: 'PCMU',
        codecOut: 'PCMU',
        ingress: [source],
        egress: [],
        ssrcsForgotten: 0,
      },
    ],
  },
};

type Json = { readonly [key: string]: Json } & readonly Json[] & (string | number);

const reply = (call: CallStatistics): Json =>
  JSON.parse(encodeJson(encodeNg({ kind: 'statistics', statistics: call })));

describe('statistics of a call', () => {
  const shown = reply(CALL);

  test('times: seconds, microseconds of the second, microseconds since the epoch', () => {
    expect(shown).toMatchObject({
      created: 1_700_000_000,
      created_us: 123_000,
      created_ts: 1_700_000_000_123_000,
      'last signal': 1_700_000_001,
      'last redis update': 0,
      metadata: 'who:me',
      result: 'ok',
    });
  });

  test('parties by tag, a party without tag by its number', () => {
    expect(Object.keys(shown.tags ?? {})).toEqual(['a', '<untagged 1>']);
    expect(shown.tags?.a).toMatchObject({
      tag: 'a',
      'via-branch': 'z9',
      'tag-aliases': ['old'],
      label: 'caller',
      created: 1_700_000_000,
      subscriptions: [{ tag: 'b', type: 'offer/answer' }],
      subscribers: [{ tag: 'b', type: 'offer/answer' }],
    });
  });

  test('a media with its RTP and RTCP stream', () => {
    const media = shown.tags?.a?.medias?.[0];
    expect(media).toMatchObject({ index: 1, type: 'audio', protocol: 'RTP/AVP', codec: 'PCMU/8000' });
    expect(media?.streams).toMatchObject([
      {
        'local port': 30000,
        'local address': '192.0.2.10',
        family: 'IPv4',
        endpoint: { family: 'IPv6', address: '2001:db8::5', port: 4010 },
        'advertised endpoint': { family: 'IPv4', address: '198.51.100.1', port: 4000 },
        'last packet': 1_700_000_008,
        'last kernel packet': 1_700_000_008,
        'last user packet': 0,
        path: 'kernel',
        SSRC: 3735928559,
        flags: ['RTP', 'filled', 'confirmed', 'kernelized', 'strict source address'],
        stats: { packets: 500, bytes: 86_000, errors: 7 },
        stats_out: { packets: 480, bytes: 82_560, errors: 0 },
      },
      {
        'local port': 30001,
        flags: ['RTCP', 'filled', 'strict source address'],
        stats: { packets: 3, bytes: 300, errors: 0 },
      },
    ]);
    expect(media?.['ingress SSRCs']).toMatchObject([{ SSRC: 3735928559, packets: 500 }]);
  });

  test.each([
    ['noFastPath', ['no kernel support']],
    ['protected', ['no kernel support']],
    ['learning', []],
    ['held', []],
  ] as const)('a stream relayed by the process because of %s', (reason, expected) => {
    const [stream] = CALL.media?.streams ?? [];
    if (CALL.media === undefined || stream === undefined) throw new Error('the call has no media');
    const media = { ...CALL.media, streams: [{ ...stream, path: { kind: 'userspace', reason } as const }] };
    const [rtp] = reply({ ...CALL, media }).tags?.a?.medias?.[0]?.streams ?? [];
    expect(rtp?.flags).toEqual(['RTP', 'filled', 'confirmed', ...expected, 'strict source address']);
  });

  test('the codec in use in each direction: what the party sends with its clock, and what it gets', () => {
    const [stream] = CALL.media?.streams ?? [];
    if (CALL.media === undefined || stream === undefined) throw new Error('the call has no media');
    const media = CALL.media;
    const heard = (codecIn: string | null, codecOut: string | null) =>
      reply({ ...CALL, media: { ...media, streams: [{ ...stream, codecIn, codecOut }] } }).tags?.a
        ?.medias?.[0];
    expect(heard('PCMA', 'PCMU')).toMatchObject({ codec: 'PCMA/8000', 'codec out': 'PCMU' });
    expect(heard('G729', null)).toMatchObject({ codec: 'G729' });
    expect(heard(null, null)).toMatchObject({ codec: 'PCMU/8000' });
    expect(heard(null, null)).not.toHaveProperty('codec out');
  });

  test('a protected stream names its suite, and counts what was not authentic', () => {
    const [stream] = CALL.media?.streams ?? [];
    if (CALL.media === undefined || stream === undefined) throw new Error('the call has no media');
    const rtp = { ...stream.rtp, authenticationFailures: 10, replays: 20, unkeyed: 30 };
    const media = {
      ...CALL.media,
      streams: [{ ...stream, rtp, suiteIn: 'AEAD_AES_256_GCM', suiteOut: 'AES_CM_128_HMAC_SHA1_80' }],
    };
    const [shownRtp, shownRtcp] = reply({ ...CALL, media }).tags?.a?.medias?.[0]?.streams ?? [];
    expect(shownRtp).toMatchObject({ 'crypto suite': 'AEAD_AES_256_GCM', stats: { errors: 67 } });
    expect(shownRtcp).toMatchObject({ 'crypto suite': 'AEAD_AES_256_GCM' });
    expect(shownRtp?.flags).not.toContain('DTLS fingerprint verified');
  });

  test('a media with DTLS says whether the party has the certificate it announced: only then there are keys', () => {
    const [party] = CALL.parties;
    const [media] = party?.medias ?? [];
    const [stream] = CALL.media?.streams ?? [];
    if (party === undefined || media === undefined || CALL.media === undefined || stream === undefined)
      throw new Error('the fixture has a media');
    const parties = [{ ...party, medias: [{ ...media, flags: ['DTLS-SRTP'] }] }];
    const flagsWith = (suiteIn: string | null) => {
      const streams = [{ ...stream, suiteIn }];
      const [rtp] =
        reply({ ...CALL, parties, media: { ...CALL.media, session: 'call', revision: 1, streams } }).tags?.a
          ?.medias?.[0]?.streams ?? [];
      return rtp?.flags;
    };
    expect(flagsWith('AEAD_AES_128_GCM')).toContain('DTLS fingerprint verified');
    expect(flagsWith(null)).not.toContain('DTLS fingerprint verified');
  });

  test('a media with ICE tells how far it has come', () => {
    const [stream] = CALL.media?.streams ?? [];
    if (CALL.media === undefined || stream === undefined) throw new Error('the call has no media');
    const pair = { local: 1, remote: '198.51.100.1:4010', relayed: false };
    const relay = { relayed: null, relayFailure: null };
    const ice: IceStats = {
      state: 'completed',
      role: 'controlled',
      generation: 1,
      rtp: pair,
      rtcp: null,
      ...relay,
    };
    const rtp = component({ checks: 7, refusedChecks: 2 });
    const media = { ...CALL.media, streams: [{ ...stream, rtp, ice }] };
    const shownIce = reply({ ...CALL, media }).tags?.a?.medias?.[0]?.ICE;
    expect(shownIce).toEqual({
      state: 'completed',
      role: 'controlled',
      generation: 1,
      checks: 7,
      'refused checks': 2,
      'RTP remote': '198.51.100.1:4010',
    });
    expect(shown.tags?.a?.medias?.[0]?.ICE).toBeUndefined();
  });

  test('a rejected media has no streams', () => {
    expect(shown.tags?.a?.medias?.[1]).toMatchObject({ index: 2, streams: [], 'ingress SSRCs': [] });
  });

  test('quality of a source: MOS in tenths, times in microseconds, whole numbers', () => {
    expect(shown.SSRC?.['3735928559']).toMatchObject({
      packets: 500,
      bytes: 86_000,
      'last RTP timestamp': 8000,
      'last RTP seq': 17,
      'cumulative loss': 6,
      'average MOS': {
        MOS: 42,
        'round-trip time': 41_000,
        'round-trip time leg': 20_500,
        jitter: 3,
        'packet loss': 1,
        samples: 3,
      },
      'lowest MOS': { MOS: 39, 'reported at': 1_700_000_005 },
      'highest MOS': { MOS: 43 },
      'MOS progression': {
        interval: 20,
        entries: [
          { MOS: 42, 'reported at': 1_700_000_001 },
          { MOS: 31, 'reported at': 1_700_000_005 },
        ],
      },
      measured: { 'packets lost': 5, duplicates: 1, reordered: 2, jitter: 3, MOS: 43 },
    });
  });

  test('a round trip fits into the seven digits that Kamailio prints', () => {
    expect(shown.SSRC?.['3735928559']?.['lowest MOS']?.['round-trip time']).toBe(9_999_999);
  });

  test('what was to go to a recorder', () => {
    const [party, ...others] = CALL.parties;
    if (party === undefined) throw new Error('the fixture has a party');
    const parties = [{ ...party, forwarding: true }, ...others];
    const asked = reply({ ...CALL, forwarding: true, parties });
    expect(asked).toMatchObject({ recording: { 'call recording': 0, forwarding: 1 } });
    expect(asked.tags?.a).toMatchObject({ recording: { excluded: 0, forwarding: 1 } });
    expect(shown).not.toHaveProperty('recording');
  });

  test('totals of what came in', () => {
    expect(shown.totals).toEqual({
      RTP: { packets: 500, bytes: 86_000, errors: 7 },
      RTCP: { packets: 3, bytes: 300, errors: 0 },
    });
  });

  test('all numbers are integers', () => {
    const numbers: number[] = [];
    JSON.stringify(shown, (_key, value: unknown) => {
      if (typeof value === 'number') numbers.push(value);
      return value;
    });
    expect(numbers.filter((number) => !Number.isInteger(number))).toEqual([]);
  });

  test('a call without media counters is shown with zeros, active since its creation', () => {
    const { media: _, ...without } = CALL;
    const bare = reply(without);
    expect(bare.totals?.RTP).toEqual({ packets: 0, bytes: 0, errors: 0 });
    expect(bare.tags?.a?.medias?.[0]?.streams?.[0]).toMatchObject({
      'local port': 30000,
      endpoint: { address: '198.51.100.1', port: 4000 },
      'last packet': 1_700_000_000,
      'last user packet': 0,
    });
  });

  test('with rtcp-mux, RTCP is shown on the RTP port', () => {
    const [party] = CALL.parties;
    const [media] = party?.medias ?? [];
    if (party === undefined || media === undefined) throw new Error('the fixture has a media');
    const muxed = {
      ...media,
      flags: ['rtcp-mux'],
      local: { address: '192.0.2.10', rtpPort: 30000 },
      advertised: { rtp: '198.51.100.1:4000' },
    };
    const streams = reply({ ...CALL, parties: [{ ...party, medias: [muxed] }] }).tags?.a?.medias?.[0]
      ?.streams;
    expect(streams).toMatchObject([
      { flags: ['RTP', 'RTCP', 'filled', 'confirmed', 'kernelized', 'strict source address'] },
      { 'local port': 30000, flags: ['RTCP', 'fallback RTCP', 'filled', 'strict source address'] },
    ]);
  });
});
