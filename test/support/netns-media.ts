import { expect } from 'vitest';
import { type CapturedPacket, isRtp, ssrcOf } from './capture.js';
import { LINKS, type Party } from './netns.js';
import type { Agent, PortReport, SourceReport } from './netns-agent.js';
import { until } from './netns-until.js';
import type { MediaNote } from './sipp.js';

/** One end of a call that sends and counts media. */
export type MediaEnd = { readonly agent: Agent; readonly note: MediaNote };

let lastSsrc = 0x10000;

export type Stream = { readonly ssrc: number; readonly from: MediaEnd; readonly count: number };

/** Sends a stream from one end to where its SDP says, and returns when the last packet is out. */
export async function play(from: MediaEnd, count = 50, intervalMs = 10): Promise<Stream> {
  lastSsrc += 1;
  const ssrc = lastSsrc;
  await from.agent.play({ port: from.note.ownPort, to: from.note.remote, ssrc, count, intervalMs });
  return { ssrc, from, count };
}

/** Both ends talk at once. */
export function talk(one: MediaEnd, other: MediaEnd, count = 50): Promise<[Stream, Stream]> {
  return Promise.all([play(one, count), play(other, count)]);
}

/** Every packet of the stream arrived at that end once, unchanged, and from one address: where that end sends to. */
export async function expectArrived(stream: Stream, at: MediaEnd): Promise<void> {
  const received = await until(`stream ${stream.ssrc}`, async () => {
    const found = sourceOf(await at.agent.report(at.note.ownPort), stream.ssrc);
    return found !== undefined && found.packets >= stream.count ? found : undefined;
  }).catch(async () => sourceOf(await at.agent.report(at.note.ownPort), stream.ssrc));
  const { address, port } = at.note.remote;
  expect(received).toMatchObject({
    packets: stream.count,
    distinct: stream.count,
    corrupted: 0,
    from: [`${address}:${port}`],
  });
}

/** As many RTCP reports of the stream as were sent arrived, unchanged. */
export async function expectReportsArrived(stream: Stream, at: MediaEnd): Promise<void> {
  const reports = Math.ceil(stream.count / 25);
  const look = async (): Promise<SourceReport | undefined> =>
    (await at.agent.report(at.note.ownPort)).rtcp.find((source) => source.ssrc === stream.ssrc);
  // They have a port of their own, and may be handled after media that was sent later.
  const received = await until(`reports of ${stream.ssrc}`, async () => {
    const found = await look();
    return found !== undefined && found.packets >= reports ? found : undefined;
  }).catch(look);
  expect(received).toMatchObject({ packets: reports, corrupted: 0 });
}

/** Each end heard the other one, RTP and RTCP, packet for packet. */
export async function expectExchanged(
  [fromOne, fromOther]: readonly [Stream, Stream],
  one: MediaEnd,
  other: MediaEnd,
): Promise<void> {
  await expectArrived(fromOne, other);
  await expectArrived(fromOther, one);
  await expectReportsArrived(fromOne, other);
  await expectReportsArrived(fromOther, one);
}

export async function expectNothingOf(stream: Stream, at: MediaEnd): Promise<void> {
  expect(sourceOf(await at.agent.report(at.note.ownPort), stream.ssrc)).toBeUndefined();
}

/** True once an end has received that many packets (of one SSRC, if given); undefined until then. */
export async function heard(
  end: MediaEnd | undefined,
  packets: number,
  ssrc?: number,
): Promise<true | undefined> {
  if (end === undefined) throw new Error('there is no such end');
  const { rtp } = await end.agent.report(end.note.ownPort);
  const counted = rtp.filter((source) => ssrc === undefined || source.ssrc === ssrc);
  return counted.some((source) => source.packets >= packets) ? true : undefined;
}

/** Nothing but the streams named has reached this end. */
export async function expectOnly(streams: readonly Stream[], at: MediaEnd): Promise<void> {
  const report = await at.agent.report(at.note.ownPort);
  expect(report.rtp.map((source) => source.ssrc)).toEqual(streams.map((stream) => stream.ssrc));
  expect(report.foreign).toBe(0);
}

/** In the capture, each packet of the stream goes to the proxy once and leaves it once, and never from party to party. */
export function expectRelayed(packets: readonly CapturedPacket[], stream: Stream): void {
  const own = packets.filter((packet) => isRtp(packet) && ssrcOf(packet) === stream.ssrc);
  expect(own.filter((packet) => isParty(packet.from) && isParty(packet.to))).toEqual([]);
  expect(own.filter((packet) => packet.way === 'in' && isParty(packet.from))).toHaveLength(stream.count);
  expect(own.filter((packet) => packet.way === 'out' && isParty(packet.to))).toHaveLength(stream.count);
}

/** Opens the media ports of an end, so that nothing sent early is lost. */
export async function openPorts(
  agent: Agent,
  party: Party,
  ports: readonly number[],
  family: 'IP4' | 'IP6' = 'IP4',
): Promise<void> {
  const address = family === 'IP4' ? LINKS[party].party : LINKS[party].party6;
  await Promise.all(ports.map((port) => agent.open({ address, port })));
}

function isParty(address: string): boolean {
  return Object.values(LINKS).some((link) => link.party === address || link.party6 === address);
}

function sourceOf(report: PortReport, ssrc: number): SourceReport | undefined {
  return report.rtp.find((source) => source.ssrc === ssrc);
}
