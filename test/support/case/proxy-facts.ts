import type { CallDefaults, Capability, Facts } from '../../../src/negotiation/facts.js';
import type { Random } from '../../../src/service/ports.js';

/** The proxy of the cases: interfaces `pub` (both families), `priv` (IPv4), `six` (IPv6); `config:` changes settings. */
export function factsOf(config: string): Facts {
  const settings = new Map(
    config.split(' ').map((word): [string, string] => {
      const [key = '', value = ''] = word.split('=');
      return [key, value];
    }),
  );
  const forwardTo = settings.get('forward-to');
  const defaults: CallDefaults = {
    mediaTimeoutMs: 60_000,
    silentTimeoutMs: 3_600_000,
    offerTimeoutMs: 3_600_000,
    firstPacketTimeoutMs: null,
    finalTimeoutMs: null,
    deleteDelaySeconds: 30,
    rtcpIntervalMs: Number(settings.get('rtcp-interval') ?? 5000),
    tos: Number(settings.get('tos') ?? 184),
    endpointLearning: 'heuristic',
    strictSource: false,
    sipSource: settings.get('sip-source') === 'yes',
    tellsKeys: false,
    instanceId: 'aabbccddeeff',
    recording: settings.has('recording')
      ? { ...RECORDING, directory: settings.get('recording') ?? '' }
      : null,
    recordingCodes: {},
    longestKeyGapMs: 2500,
    forwardTo: forwardTo === undefined ? null : { kind: 'datagrams', rtp: forwardTo, rtcp: undefined },
  };
  return {
    now: Date.UTC(2026, 0, 1),
    random: repeatableRandom(),
    interfaces: [
      {
        name: 'pub',
        aliases: ['public'],
        addresses: [
          { bind: '10.0.0.5', advertise: '203.0.113.5', family: 'IP4' },
          { bind: '2001:db8::5', advertise: '2001:db8::5', family: 'IP6' },
        ],
      },
      {
        name: 'priv',
        aliases: [],
        addresses: [{ bind: '192.168.0.5', advertise: '192.168.0.5', family: 'IP4' }],
      },
      {
        name: 'six',
        aliases: [],
        addresses: [{ bind: '2001:db8:6::5', advertise: '2001:db8:6::5', family: 'IP6' }],
      },
    ],
    turn: 0,
    capabilities: new Set<Capability>(settings.get('data-plane') === 'relay-only' ? [] : ['srtp', 'ice']),
    certificate: CERTIFICATE,
    defaults,
  };
}

/** Never the same twice, and the same in every run. */
function repeatableRandom(): Random {
  let state = 1;
  const next = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    return (state >>> 16) % 256;
  };
  return { bytes: (count) => Uint8Array.from({ length: count }, next) };
}

const RECORDING = { link: 'rawIp', side: 'arriving', rtcp: true, everyCall: false } as const;

const CERTIFICATE = {
  id: 'A1A1A1A1A1A1A1A1',
  former: [],
  fingerprints: [
    { hash: 'sha-256', value: `${'A1:'.repeat(31)}A1` },
    { hash: 'sha-1', value: `${'B2:'.repeat(19)}B2` },
  ],
};
