import type { CallStatistics, MediaStatistics, PartyLink, PartyStatistics } from '../../command/reply.js';
import type { ComponentStats, MosSample, SsrcStats, StreamStats } from '../../dataplane/protocol.gen.js';
import type { Dictionary, Value } from './value.js';

type Entry = readonly [key: string, value: Value];

/** A call's entries in the reply to `query` and `delete`. All numbers are integers. */
export function encodeCall(call: CallStatistics): readonly Entry[] {
  const streams = new Map(call.media?.streams.map((stats) => [stats.stream, stats]));
  const listed = call.parties
    .flatMap(({ medias }) => medias)
    .map(({ stream }) => (stream === undefined ? undefined : streams.get(stream)))
    .filter((stats) => stats !== undefined);
  return [
    ['created', seconds(call.createdMs)],
    ['created_us', Math.trunc(call.createdMs % 1000) * 1000],
    ['created_ts', Math.trunc(call.createdMs) * 1000],
    ['last signal', seconds(call.lastSignalMs)],
    ['last redis update', 0],
    ...present('metadata', call.metadata),
    ['SSRC', ssrcs(listed, call.atMs)],
    ['tags', tags(call, streams)],
    ['totals', totals(listed)],
  ];
}

function ssrcs(streams: readonly StreamStats[], atMs: number): Dictionary {
  const sources = new Map<string, Value>();
  for (const { ingress } of streams) {
    for (const source of ingress) sources.set(String(source.ssrc), new Map(ssrcRecord(source, atMs)));
  }
  return sources;
}

function tags(call: CallStatistics, streams: ReadonlyMap<number, StreamStats>): Dictionary {
  const parties = new Map<string, Value>();
  let untagged = 0;
  for (const party of call.parties) {
    if (party.tag === undefined) untagged += 1;
    parties.set(party.tag ?? `<untagged ${untagged}>`, partyRecord(party, streams, call.atMs));
  }
  return parties;
}

function partyRecord(
  party: PartyStatistics,
  streams: ReadonlyMap<number, StreamStats>,
  atMs: number,
): Dictionary {
  return new Map<string, Value>([
    ['tag', party.tag ?? ''],
    ...present('via-branch', party.viaBranch),
    ...(party.tagAliases.length > 0 ? [['tag-aliases', party.tagAliases] as const] : []),
    ...present('label', party.label),
    ['created', seconds(party.createdMs)],
    ...present('metadata', party.metadata),
    ['subscriptions', party.subscriptions.map(linkRecord)],
    ['subscribers', party.subscribers.map(linkRecord)],
    [
      'medias',
      party.medias.map((media) =>
        mediaRecord(media, media.stream === undefined ? undefined : streams.get(media.stream), atMs),
      ),
    ],
  ]);
}

function linkRecord({ tag, type }: PartyLink): Dictionary {
  return new Map([
    ['tag', tag],
    ['type', type],
  ]);
}

function mediaRecord(media: MediaStatistics, stats: StreamStats | undefined, atMs: number): Dictionary {
  const withSsrc = (source: SsrcStats) =>
    new Map<string, Value>([['SSRC', source.ssrc], ...ssrcRecord(source, atMs)]);
  return new Map<string, Value>([
    ['index', media.index],
    ['type', media.type],
    ['protocol', media.protocol],
    ...present('codec', codecInUse(media, stats)),
    ['streams', media.stream === undefined ? [] : streamRecords(media, stats, atMs)],
    ['flags', media.flags],
    ['ingress SSRCs', stats?.ingress.map(withSsrc) ?? []],
    ['egress SSRCs', stats?.egress.map(withSsrc) ?? []],
  ]);
}

/** What arrives wins over what was negotiated first. */
function codecInUse(media: MediaStatistics, stats: StreamStats | undefined): string | undefined {
  const codec = stats?.codecIn ?? undefined;
  if (codec === undefined || media.codec?.split('/')[0] === codec) return media.codec;
  return codec;
}

function streamRecords(
  { local, advertised, flags }: MediaStatistics,
  stats: StreamStats | undefined,
  atMs: number,
): readonly Dictionary[] {
  const rtpSsrc = busiest(stats?.ingress ?? [])?.ssrc;
  const muxed = flags.includes('rtcp-mux');
  return [
    new Map<string, Value>([
      ...localRecord(local?.address, local?.rtpPort),
      ...endpoints(stats?.rtp, advertised?.rtp),
      ...streamCounters('RTP', stats?.rtp, advertised?.rtp, atMs),
      ...(rtpSsrc === undefined ? [] : [['SSRC', rtpSsrc] as const]),
    ]),
    new Map<string, Value>([
      ...localRecord(local?.address, muxed ? local?.rtpPort : local?.rtcpPort),
      ...endpoints(stats?.rtcp, muxed ? advertised?.rtp : advertised?.rtcp),
      ...streamCounters('RTCP', stats?.rtcp, muxed ? advertised?.rtp : advertised?.rtcp, atMs),
    ]),
  ];
}

function localRecord(address: string | undefined, port: number | undefined): readonly Entry[] {
  if (address === undefined || port === undefined) return [];
  return [
    ['local port', port],
    ['local address', address],
    ['family', family(address)],
  ];
}

function endpoints(stats: ComponentStats | undefined, advertised: string | undefined): readonly Entry[] {
  return [
    ['endpoint', endpoint(stats?.remote ?? advertised)],
    ['advertised endpoint', endpoint(advertised)],
  ];
}

/** Empty while the address is not known. */
function endpoint(transportAddress: string | undefined): Dictionary {
  const match = TRANSPORT_ADDRESS.exec(transportAddress ?? '');
  const address = match?.[1] ?? match?.[2];
  if (address === undefined) return new Map();
  return new Map<string, Value>([
    ['family', family(address)],
    ['address', address],
    ['port', Number(match?.[3])],
  ]);
}

function streamCounters(
  component: 'RTP' | 'RTCP',
  stats: ComponentStats | undefined,
  advertised: string | undefined,
  atMs: number,
): readonly Entry[] {
  const age = stats?.lastPacketMsAgo ?? undefined;
  const lastPacket = age === undefined ? 0 : seconds(atMs - age);
  const flags = [
    component,
    ...(advertised === undefined ? [] : ['filled']),
    ...(stats?.remoteState === 'confirmed' ? ['confirmed'] : []),
  ];
  return [
    ['last packet', lastPacket],
    ['last kernel packet', 0],
    ['last user packet', lastPacket],
    ['flags', flags],
    ['stats', counters(stats?.receivedPackets, stats?.receivedBytes, errors(stats))],
    ['stats_out', counters(stats?.sentPackets, stats?.sentBytes, 0)],
  ];
}

function totals(streams: readonly StreamStats[]): Dictionary {
  const sum = (components: readonly ComponentStats[]) =>
    counters(
      components.reduce((total, { receivedPackets }) => total + receivedPackets, 0),
      components.reduce((total, { receivedBytes }) => total + receivedBytes, 0),
      components.reduce((total, component) => total + errors(component), 0),
    );
  return new Map([
    ['RTP', sum(streams.map(({ rtp }) => rtp))],
    ['RTCP', sum(streams.map(({ rtcp }) => rtcp))],
  ]);
}

function counters(packets = 0, bytes = 0, failed = 0): Dictionary {
  return new Map([
    ['packets', packets],
    ['bytes', bytes],
    ['errors', failed],
  ]);
}

function errors(stats: ComponentStats | undefined): number {
  return stats === undefined ? 0 : stats.malformed + stats.foreign + stats.unknownPayloadType;
}

/** What its receiver reports of a source stands under the known keys, what was measured here under its own. */
function ssrcRecord(source: SsrcStats, atMs: number): readonly Entry[] {
  const { measured, reported } = source;
  return [
    ['bytes', source.bytes],
    ['packets', source.packets],
    ['last RTP timestamp', source.lastTimestamp],
    ['last RTP seq', source.lastSequence],
    ['cumulative loss', reported?.lost ?? measured.lost],
    ...mosRecord('average MOS', reported?.average, [['samples', reported?.samples ?? 0]]),
    ...mosRecord('lowest MOS', reported?.lowest, reportedAt(reported?.lowest, atMs)),
    ...mosRecord('highest MOS', reported?.highest, reportedAt(reported?.highest, atMs)),
    [
      'measured',
      new Map<string, Value>([
        ['packets lost', measured.lost],
        ['duplicates', measured.duplicates],
        ['reordered', measured.reordered],
        ['jitter', whole(measured.jitterMs)],
        ...(measured.mos === null ? [] : [['MOS', whole(measured.mos * 10)] as const]),
      ]),
    ],
  ];
}

function mosRecord(
  key: string,
  sample: MosSample | null | undefined,
  more: readonly Entry[],
): readonly Entry[] {
  if (sample === null || sample === undefined) return [];
  const record = new Map<string, Value>([
    ['MOS', whole(sample.mos * 10)],
    ['round-trip time', roundTrip(sample.roundTripUs)],
    ['round-trip time leg', roundTrip(sample.roundTripLegUs)],
    ['jitter', whole(sample.jitterMs)],
    ['packet loss', whole(sample.lossPercent)],
    ...more,
  ]);
  return [[key, record]];
}

function reportedAt(sample: MosSample | null | undefined, atMs: number): readonly Entry[] {
  return sample === null || sample === undefined ? [] : [['reported at', seconds(atMs - sample.msAgo)]];
}

function busiest(sources: readonly SsrcStats[]): SsrcStats | undefined {
  return sources.reduce<SsrcStats | undefined>(
    (best, source) => (best === undefined || source.packets > best.packets ? source : best),
    undefined,
  );
}

function present(key: string, value: string | undefined): readonly Entry[] {
  return value === undefined ? [] : [[key, value]];
}

function family(address: string): string {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}

function whole(number: number): number {
  return Number.isFinite(number) ? Math.round(number) : 0;
}

/** Kamailio 5.6 prints it into eight bytes: a number of eight digits would cut its log line. */
function roundTrip(microseconds: number): number {
  return Math.min(whole(microseconds), 9_999_999);
}

/** `192.0.2.1:4000` or `[2001:db8::1]:4000`. */
const TRANSPORT_ADDRESS = /^(?:\[(.+)\]|([^:]+)):(\d+)$/;
