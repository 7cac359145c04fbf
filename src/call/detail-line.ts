import { errorsOf } from '../command/counted.js';
import type { MediaStatistics, PartyStatistics } from '../command/reply.js';
import type { ComponentStats, SessionStats, StreamStats } from '../dataplane/protocol.gen.js';
import type { Call } from './call.js';
import { describeCall } from './statistics.js';

/** What `detailRecord` tells, as far as rtpengine tells it and in its form: a line of `name=value, `. */
export function detailLine(call: Call, reason: string, media: SessionStats | null, endedMs: number): string {
  const { callId, createdFrom, lastSignalMs, tos } = call;
  const { parties } = describeCall(call, media, null, endedMs);
  const ending = { reason: REASONS.get(reason) ?? 'UNKNOWN', endedMs, media };
  const fields: readonly Field[] = [
    ['ci', callId],
    ['created_from', createdFrom],
    ['last_signal', wholeSeconds(lastSignalMs)],
    ['tos', tos],
    ...parties.flatMap((party, at) => partyFields(party, at, ending)),
  ];
  return fields.map(([name, value]) => `${name}=${written(value)}, `).join('');
}

type Field = readonly [name: string, value: string | number];
type Ending = {
  readonly reason: string;
  readonly endedMs: number;
  readonly media: SessionStats | null;
};

function partyFields(party: PartyStatistics, at: number, ending: Ending): readonly Field[] {
  const { tag, createdMs, subscriptions, medias } = party;
  const { reason, endedMs } = ending;
  const name = `ml${at}`;
  return [
    [`${name}_start_time`, seconds(createdMs)],
    [`${name}_end_time`, seconds(endedMs)],
    [`${name}_duration`, seconds(Math.max(0, endedMs - createdMs))],
    [`${name}_termination`, reason],
    [`${name}_local_tag`, tag ?? ''],
    [`${name}_local_tag_type`, tag === undefined ? 'UNKNOWN' : at === 0 ? 'FROM_TAG' : 'TO_TAG'],
    ...subscriptions.map((heard): Field => [`${name}_remote_tag`, heard.tag]),
    ...medias.flatMap((one) => mediaFields(`${name}_midx${one.index}`, one, ending)),
  ];
}

function mediaFields(name: string, one: MediaStatistics, { media, endedMs }: Ending): readonly Field[] {
  const { advertised, local, stream } = one;
  const counted = media?.streams.find((stats) => stats.stream === stream);
  const rtcpPort = local?.rtcpPort ?? local?.rtpPort;
  return [
    ['payload_type', payloadType(counted) ?? 'unknown'],
    ...flowFields(`${name}_rtp`, { address: local?.address, port: local?.rtpPort }, advertised?.rtp, {
      stats: counted?.rtp,
      endedMs,
    }),
    ...flowFields(`${name}_rtcp`, { address: local?.address, port: rtcpPort }, advertised?.rtcp, {
      stats: counted?.rtcp,
      endedMs,
    }),
  ];
}

function flowFields(
  name: string,
  local: { readonly address: string | undefined; readonly port: number | undefined },
  advertised: string | undefined,
  { stats, endedMs }: { readonly stats: ComponentStats | undefined; readonly endedMs: number },
): readonly Field[] {
  const [address, port] = parted(stats?.remote ?? advertised);
  const lastMsAgo = stats?.lastPacketMsAgo ?? null;
  return [
    [`${name}_endpoint_ip`, address],
    [`${name}_endpoint_port`, port],
    [`${name}_local_relay_ip`, local.address ?? ''],
    [`${name}_local_relay_port`, local.port ?? 0],
    [`${name}_relayed_packets`, stats?.receivedPackets ?? 0],
    [`${name}_relayed_bytes`, stats?.receivedBytes ?? 0],
    [`${name}_relayed_errors`, errorsOf(stats)],
    [`${name}_last_packet`, lastMsAgo === null ? 0 : wholeSeconds(endedMs - lastMsAgo)],
    // What arrives is not looked at for it.
    [`${name}_in_tos_tclass`, 0],
  ];
}

/** Of the source that has sent most. */
function payloadType(counted: StreamStats | undefined): number | undefined {
  const [most] = (counted?.ingress ?? []).toSorted((one, other) => other.packets - one.packets);
  return most?.payloadType ?? undefined;
}

/** `192.0.2.1:4000` or `[2001:db8::1]:4000`. */
function parted(address: string | undefined): readonly [address: string, port: number] {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(address ?? '') ?? [];
  return [bracketed ?? plain ?? '', Number(port ?? 0)];
}

/** No tag or Call-ID has a comma or a space in SIP; nobody is to make up fields by one. */
function written(value: string | number): string {
  return String(value).replaceAll(/[\s,]/g, (character) => encodeURIComponent(character));
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(6);
}

function wholeSeconds(ms: number): number {
  return Math.trunc(ms / 1000);
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['deleted', 'REGULAR'],
  ['forced', 'FORCED'],
  ['mediaTimeout', 'TIMEOUT'],
  ['silentTimeout', 'SILENT_TIMEOUT'],
  ['finalTimeout', 'FINAL_TIMEOUT'],
  ['offerTimeout', 'OFFER_TIMEOUT'],
]);
