import { codecInUse, errorsOf } from '../../command/counted.js';
import type { CallStatistics, MediaStatistics, PartyStatistics } from '../../command/reply.js';
import type { CliSession } from './node.js';

/** A call in a line. */
export function sessionLine(session: CliSession): string {
  const { callId, isDeleted, createdMs, createdFrom, isRecorded, keyspace, isForeign } = session;
  const created = Math.trunc(createdMs / 1000);
  return `ID: ${callId} | del:${yesOrNo(isDeleted)} | creat: ${created} | prx:${createdFrom} | redis:${keyspace} | frgn:${yesOrNo(isForeign)} | rec:${yesOrNo(isRecorded)}`;
}

/** A call with its parties and their media. */
export function sessionText(session: CliSession, call: CallStatistics): string {
  const lines = [
    '',
    `callid: ${session.callId}`,
    `deletionmark: ${session.isDeleted ? 'yes' : 'no'}`,
    `created: ${Math.trunc(session.createdMs / 1000)}`,
    `proxy: ${session.createdFrom}`,
    `tos: ${session.tos}`,
    `last_signal: ${Math.trunc(session.lastSignalMs / 1000)}`,
    `redis_keyspace: ${session.keyspace}`,
    `foreign: ${session.isForeign ? 'yes' : 'no'}`,
    '',
    ...call.parties.flatMap((party) => partyLines(party, call)),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

/** A party by its tag or a former one; undefined: there is none. */
export function partyText(call: CallStatistics, tag: string): string | undefined {
  const party = call.parties.find((one) => one.tag === tag || one.tagAliases.includes(tag));
  return party && `${partyLines(party, call).join('\n')}\n`;
}

function partyLines(party: PartyStatistics, call: CallStatistics): readonly string[] {
  const seconds = ((call.atMs - party.createdMs) / 1000).toFixed(6);
  const names = `label '${party.label ?? ''}', branch '${party.viaBranch ?? ''}'`;
  return [
    `--- Tag '${party.tag ?? ''}', ${names}, callduration ${seconds}`,
    ...party.subscriptions.map(({ tag }) => `---     subscribed to '${tag}'`),
    ...party.subscribers.map(({ tag }) => `---     subscription of '${tag}'`),
    ...party.medias.flatMap((media) => mediaLines(media, call)),
  ];
}

function mediaLines(media: MediaStatistics, call: CallStatistics): readonly string[] {
  const { index, type, protocol, local, advertised } = media;
  const counted = call.media?.streams.find(({ stream }) => stream === media.stream);
  const codec = codecInUse(media, counted) ?? 'unknown codec';
  const head = `------ Media #${index} (${type} over ${protocol}) using ${codec}`;
  if (local === undefined) return [head];
  const line = (port: number, remote: string | undefined, component: 'rtp' | 'rtcp'): string => {
    const stats = counted?.[component];
    const counts = `${stats?.receivedPackets ?? 0} p, ${stats?.receivedBytes ?? 0} b, ${errorsOf(stats)} e`;
    const mark = component === 'rtcp' ? '  (RTCP)' : '';
    const peer = stats?.remote ?? remote ?? 'unknown';
    return `-------- Port ${local.address}:${port} <> ${peer}${mark}, ${counts}`;
  };
  const rtp = line(local.rtpPort, advertised?.rtp, 'rtp');
  if (local.rtcpPort === undefined) return [head, rtp];
  return [head, rtp, line(local.rtcpPort, advertised?.rtcp, 'rtcp')];
}

function yesOrNo(value: boolean): string {
  return value ? 'y' : 'n';
}
