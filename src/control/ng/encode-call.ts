import { codecInUse, errorsOf } from '../../command/counted.js';
import type { CallStatistics, MediaStatistics, PartyLink, PartyStatistics } from '../../command/reply.js';
import type {
  ComponentStats,
  MosProgression,
  MosSample,
  SsrcStats,
  StreamPath,
  StreamStats,
  UserspaceReason,
} from '../../dataplane/protocol.gen.js';
import { dictionaryAt, dictionaryOf, integerAt, listAt, listOf, textAt, textOf } from './bencode-text.js';

/**
 * A call's entries in the reply to `query` and `delete`, as bencode: a busy proxy deletes calls all the time, and
 * there are some two hundred entries. All numbers are integers.
 */
export function encodeCall(call: CallStatistics): string {
  const streams = call.media?.streams ?? [];
  const statsOf = (media: MediaStatistics) =>
    media.stream === undefined ? undefined : streams.find(({ stream }) => stream === media.stream);
  const listed: StreamStats[] = [];
  for (const { medias } of call.parties) {
    for (const media of medias) {
      const stats = statsOf(media);
      if (stats !== undefined) listed.push(stats);
    }
  }
  return (
    integerAt('created', seconds(call.createdMs)) +
    integerAt('created_us', Math.trunc(call.createdMs % 1000) * 1000) +
    integerAt('created_ts', Math.trunc(call.createdMs) * 1000) +
    integerAt('last signal', seconds(call.lastSignalMs)) +
    integerAt('last redis update', 0) +
    present('metadata', call.metadata) +
    dictionaryAt('SSRC', ssrcs(listed, call.atMs)) +
    dictionaryAt('tags', tags(call, statsOf)) +
    dictionaryAt('totals', totals(listed)) +
    recordingRecord('call recording', call.recording, call.forwarding)
  );
}

/** Now, and when the party came. */
type Times = { readonly atMs: number; readonly createdMs: number };

type StatsOf = (media: MediaStatistics) => StreamStats | undefined;

function ssrcs(streams: readonly StreamStats[], atMs: number): string {
  // A source heard on two streams is listed once.
  const sources = new Map<number, SsrcStats>();
  for (const { ingress } of streams) for (const source of ingress) sources.set(source.ssrc, source);
  let text = '';
  for (const [ssrc, source] of sources) {
    const progression = source.reported?.progression;
    text += dictionaryAt(String(ssrc), ssrcRecord(source, atMs) + progressionRecord(progression, atMs));
  }
  return text;
}

function tags(call: CallStatistics, statsOf: StatsOf): string {
  const parties = new Map<string, PartyStatistics>();
  let untagged = 0;
  for (const party of call.parties) {
    if (party.tag === undefined) untagged += 1;
    parties.set(party.tag ?? `<untagged ${untagged}>`, party);
  }
  let text = '';
  for (const [tag, party] of parties) text += dictionaryAt(tag, partyRecord(party, statsOf, call.atMs));
  return text;
}

function partyRecord(party: PartyStatistics, statsOf: StatsOf, atMs: number): string {
  return (
    textAt('tag', party.tag ?? '') +
    present('via-branch', party.viaBranch) +
    (party.tagAliases.length > 0 ? listAt('tag-aliases', party.tagAliases, textOf) : '') +
    present('label', party.label) +
    integerAt('created', seconds(party.createdMs)) +
    present('metadata', party.metadata) +
    listAt('subscriptions', party.subscriptions, linkRecord) +
    listAt('subscribers', party.subscribers, linkRecord) +
    recordingRecord('excluded', party.unrecorded, party.forwarding) +
    listAt('medias', party.medias, (media) =>
      mediaRecord(media, statsOf(media), { atMs, createdMs: party.createdMs }),
    )
  );
}

function recordingRecord(
  name: 'call recording' | 'excluded',
  isSo: boolean | undefined,
  isForwarded: boolean | undefined,
): string {
  if (isSo !== true && isForwarded !== true) return '';
  const forwarding = integerAt('forwarding', isForwarded === true ? 1 : 0);
  return dictionaryAt('recording', integerAt(name, isSo === true ? 1 : 0) + forwarding);
}

function linkRecord({ tag, type }: PartyLink): string {
  return dictionaryOf(textAt('tag', tag) + textAt('type', type));
}

function mediaRecord(media: MediaStatistics, stats: StreamStats | undefined, times: Times): string {
  const withSsrc = (source: SsrcStats) =>
    dictionaryOf(integerAt('SSRC', source.ssrc) + ssrcRecord(source, times.atMs));
  return dictionaryOf(
    integerAt('index', media.index) +
      textAt('type', media.type) +
      textAt('protocol', media.protocol) +
      present('codec', codecInUse(media, stats)) +
      present('codec out', stats?.codecOut ?? undefined) +
      iceRecord(stats) +
      `7:streams${listOf(media.stream === undefined ? '' : streamRecords(media, stats, times))}` +
      listAt('flags', media.flags, textOf) +
      listAt('ingress SSRCs', stats?.ingress ?? [], withSsrc) +
      listAt('egress SSRCs', stats?.egress ?? [], withSsrc),
  );
}

function iceRecord(stats: StreamStats | undefined): string {
  const ice = stats?.ice ?? undefined;
  if (stats === undefined || ice === undefined) return '';
  const { rtp, rtcp } = stats;
  return dictionaryAt(
    'ICE',
    textAt('state', ice.state) +
      textAt('role', ice.role) +
      integerAt('generation', ice.generation) +
      integerAt('checks', rtp.checks + rtcp.checks) +
      integerAt('refused checks', rtp.refusedChecks + rtcp.refusedChecks) +
      present('RTP remote', ice.rtp?.remote) +
      present('RTCP remote', ice.rtcp?.remote) +
      (ice.rtp?.relayed ? integerAt('RTP by relay', 1) : '') +
      present('relay', ice.relayed ?? undefined) +
      present('relay failure', ice.relayFailure ?? undefined),
  );
}

function streamRecords(
  { local, advertised, flags, packetFlags }: MediaStatistics,
  stats: StreamStats | undefined,
  { atMs, createdMs }: Times,
): string {
  const rtpSsrc = busiest(stats?.ingress ?? [])?.ssrc;
  const suite = present('crypto suite', stats?.suiteIn ?? stats?.suiteOut ?? undefined);
  const muxed = flags.includes('rtcp-mux');
  const rtcpAdvertised = muxed ? advertised?.rtp : advertised?.rtcp;
  const hasVerified = flags.includes('DTLS-SRTP') && typeof stats?.suiteIn === 'string';
  const said = hasVerified ? ['DTLS fingerprint verified', ...packetFlags] : packetFlags;
  return (
    dictionaryOf(
      localRecord(local?.address, local?.rtpPort) +
        endpoints(stats?.rtp, advertised?.rtp) +
        suite +
        streamCounters(muxed ? MUXED_RTP : RTP, stats?.rtp, advertised?.rtp, {
          said,
          createdMs,
          atMs,
          path: stats?.path,
        }) +
        pathRecord(stats?.path) +
        (rtpSsrc === undefined ? '' : integerAt('SSRC', rtpSsrc)),
    ) +
    dictionaryOf(
      localRecord(local?.address, muxed ? local?.rtpPort : local?.rtcpPort) +
        endpoints(stats?.rtcp, rtcpAdvertised) +
        suite +
        streamCounters(muxed ? MUXED_RTCP : RTCP, stats?.rtcp, rtcpAdvertised, {
          said,
          createdMs,
          atMs,
          path: undefined,
        }),
    )
  );
}

/** Ours: rtpengine only has the flags `kernelized` and `no kernel support`. */
function pathRecord(path: StreamPath | undefined): string {
  switch (path?.kind) {
    case undefined:
      return '';
    case 'fastPath':
      return textAt('path', 'kernel');
    case 'userspace':
      return textAt('path', 'userspace') + textAt('path reason', path.reason);
  }
}

function localRecord(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return '';
  return integerAt('local port', port) + textAt('local address', address) + textAt('family', family(address));
}

function endpoints(stats: ComponentStats | undefined, advertised: string | undefined): string {
  return (
    dictionaryAt('endpoint', endpoint(stats?.remote ?? advertised)) +
    dictionaryAt('advertised endpoint', endpoint(advertised))
  );
}

/** `192.0.2.1:4000` or `[2001:db8::1]:4000`. Empty while the address is not known. */
function endpoint(transportAddress: string | undefined): string {
  if (transportAddress === undefined) return '';
  const colon = transportAddress.lastIndexOf(':');
  const host = transportAddress.slice(0, colon);
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  return (
    textAt('family', family(address)) +
    textAt('address', address) +
    integerAt('port', Number(transportAddress.slice(colon + 1)))
  );
}

function streamCounters(
  components: readonly string[],
  stats: ComponentStats | undefined,
  advertised: string | undefined,
  {
    said,
    createdMs,
    atMs,
    path,
  }: Times & { readonly said: readonly string[]; readonly path: StreamPath | undefined },
): string {
  const age = stats?.lastPacketMsAgo ?? undefined;
  const lastPacket = age === undefined ? 0 : seconds(atMs - age);
  const flags = [...components];
  if (advertised !== undefined) flags.push('filled');
  if (stats?.remoteState === 'confirmed') flags.push('confirmed');
  const inKernel = path?.kind === 'fastPath';
  if (inKernel) flags.push('kernelized');
  if (path?.kind === 'userspace' && NEVER_IN_KERNEL.has(path.reason)) flags.push('no kernel support');
  flags.push(...said);
  return (
    // Its creation counts as activity: who looks for idle streams must not find one that has just begun.
    integerAt('last packet', lastPacket === 0 ? seconds(createdMs) : lastPacket) +
    integerAt('last kernel packet', inKernel ? lastPacket : 0) +
    integerAt('last user packet', inKernel ? 0 : lastPacket) +
    listAt('flags', flags, textOf) +
    dictionaryAt('stats', counters(stats?.receivedPackets, stats?.receivedBytes, errorsOf(stats))) +
    dictionaryAt('stats_out', counters(stats?.sentPackets, stats?.sentBytes, 0)) +
    suspectRecord(stats)
  );
}

/** Ours: packets that were not, or not provably, the party's. Absent if there were none. */
function suspectRecord(stats: ComponentStats | undefined): string {
  const last = stats?.lastSuspect ?? undefined;
  if (stats === undefined || last === undefined) return '';
  const counted = (name: string, packets: number): string => (packets > 0 ? integerAt(name, packets) : '');
  return dictionaryAt(
    'suspect',
    counted('foreign', stats.foreign) +
      counted('tolerated', stats.tolerated) +
      counted('not authentic', stats.authenticationFailures) +
      counted('replay', stats.replays) +
      counted('unkeyed', stats.unkeyed) +
      counted('check', stats.refusedChecks) +
      counted('handshake', stats.refusedHandshakes) +
      counted('malformed', stats.malformed) +
      textAt('last cause', last.cause) +
      textAt('last source', last.source),
  );
}

function totals(streams: readonly StreamStats[]): string {
  const sum = (componentOf: (stream: StreamStats) => ComponentStats) => {
    let [packets, bytes, failed] = [0, 0, 0];
    for (const stream of streams) {
      const component = componentOf(stream);
      packets += component.receivedPackets;
      bytes += component.receivedBytes;
      failed += errorsOf(component);
    }
    return counters(packets, bytes, failed);
  };
  return (
    dictionaryAt(
      'RTP',
      sum(({ rtp }) => rtp),
    ) +
    dictionaryAt(
      'RTCP',
      sum(({ rtcp }) => rtcp),
    )
  );
}

function counters(packets = 0, bytes = 0, failed = 0): string {
  return integerAt('packets', packets) + integerAt('bytes', bytes) + integerAt('errors', failed);
}

/** What its receiver reports of a source stands under the known keys, what was measured here under its own. */
function ssrcRecord(source: SsrcStats, atMs: number): string {
  const { measured, reported } = source;
  return (
    integerAt('bytes', source.bytes) +
    integerAt('packets', source.packets) +
    integerAt('last RTP timestamp', source.lastTimestamp) +
    integerAt('last RTP seq', source.lastSequence) +
    integerAt('cumulative loss', reported?.lost ?? measured.lost) +
    mosRecord('average MOS', reported?.average, integerAt('samples', reported?.samples ?? 0)) +
    mosRecord('lowest MOS', reported?.lowest, reportedAt(reported?.lowest, atMs)) +
    mosRecord('highest MOS', reported?.highest, reportedAt(reported?.highest, atMs)) +
    dictionaryAt(
      'measured',
      integerAt('packets lost', measured.lost) +
        integerAt('duplicates', measured.duplicates) +
        integerAt('reordered', measured.reordered) +
        integerAt('jitter', whole(measured.jitterMs)) +
        (measured.mos === null ? '' : integerAt('MOS', whole(measured.mos * 10))),
    )
  );
}

/** Only here, not with each stream once more: it is the longest part of a reply. */
function progressionRecord(progression: MosProgression | null | undefined, atMs: number): string {
  if (progression === null || progression === undefined) return '';
  const entry = (sample: MosSample) => dictionaryOf(mosFields(sample) + reportedAt(sample, atMs));
  return dictionaryAt(
    'MOS progression',
    integerAt('interval', seconds(progression.intervalMs)) + listAt('entries', progression.entries, entry),
  );
}

function mosRecord(key: string, sample: MosSample | null | undefined, more: string): string {
  if (sample === null || sample === undefined) return '';
  return dictionaryAt(key, mosFields(sample) + more);
}

function mosFields(sample: MosSample): string {
  return (
    integerAt('MOS', whole(sample.mos * 10)) +
    integerAt('round-trip time', roundTrip(sample.roundTripUs)) +
    integerAt('round-trip time leg', roundTrip(sample.roundTripLegUs)) +
    integerAt('jitter', whole(sample.jitterMs)) +
    integerAt('packet loss', whole(sample.lossPercent))
  );
}

function reportedAt(sample: MosSample | null | undefined, atMs: number): string {
  return sample === null || sample === undefined
    ? ''
    : integerAt('reported at', seconds(atMs - sample.msAgo));
}

function busiest(sources: readonly SsrcStats[]): SsrcStats | undefined {
  return sources.reduce<SsrcStats | undefined>(
    (best, source) => (best === undefined || source.packets > best.packets ? source : best),
    undefined,
  );
}

function present(key: string, value: string | undefined): string {
  return value === undefined ? '' : textAt(key, value);
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

const RTP = ['RTP'];
const RTCP = ['RTCP'];
/** What comes to the one port of a party that multiplexes, and the stream that is there in case it does not. */
const MUXED_RTP = ['RTP', 'RTCP'];
const MUXED_RTCP = ['RTCP', 'fallback RTCP'];

/** Of the reasons to relay here, those that stay as they are. */
const NEVER_IN_KERNEL: ReadonlySet<UserspaceReason> = new Set<UserspaceReason>([
  'noFastPath',
  'opaque',
  'protected',
  'bundled',
]);
