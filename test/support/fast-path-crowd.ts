import { expect } from 'vitest';
import { type FastPathSite, hangUp, type PlainCall, placeCallAt } from './fast-path-site.js';
import type { Agent, SourceReport } from './netns-agent.js';
import { openPorts } from './netns-media.js';
import { until } from './netns-until.js';

/** Many calls between Alice and Bob at once, whose media flows both ways until it is told to end. */
export type Crowd = {
  readonly calls: readonly PlainCall[];
  /** Nothing was lost, repeated, damaged or overtaken on either way. */
  endAndExpectWhole(): Promise<void>;
};

/** Calls that share a port of each party: few enough that their packets fit its socket while the party is busy. */
const CALLS_A_PORT = 20;
const PLACED_AT_ONCE = 50;
let nextPort = 10_000;
let nextSource = 1;

/** Opens ports for as many calls. */
async function portsFor(site: FastPathSite, calls: number): Promise<number[]> {
  const ports = Array.from({ length: Math.ceil(calls / CALLS_A_PORT) }, (_, at) => nextPort + 2 * at);
  nextPort += 2 * ports.length;
  await openPorts(site.alice, 'alice', ports);
  await openPorts(site.bob, 'bob', ports);
  return ports;
}

export async function placeCalls(site: FastPathSite, count: number): Promise<PlainCall[]> {
  const ports = await portsFor(site, count);
  return inTurns(
    Array.from({ length: count }, (_, at) => ports[Math.floor(at / CALLS_A_PORT)] ?? 0),
    (port) => placeCallAt(site, port),
  );
}

export async function hangUpAll(site: FastPathSite, calls: readonly PlainCall[]): Promise<void> {
  await inTurns(calls, (call) => hangUp(site, call));
}

/** Begins to speak on all calls. */
export async function startCrowd(
  site: FastPathSite,
  calls: readonly PlainCall[],
  intervalMs: number,
): Promise<Crowd> {
  const ways = [way(site.alice, site.bob, calls, 'alice'), way(site.bob, site.alice, calls, 'bob')];
  for (const { ports, from } of ways) {
    for (const [port, sources] of ports) await from.stream(port, sources, intervalMs);
  }
  return {
    calls,
    async endAndExpectWhole() {
      for (const { ports, from } of ways) for (const port of ports.keys()) await from.halt(port);
      for (const { ports, from, to } of ways) {
        for (const [port, sources] of ports) {
          const { sentRtp } = await from.report(port);
          const reports = await arrived(to, port, sources.length, sentRtp);
          const flawed = sources.flatMap(({ ssrc }, at) => {
            // They took turns.
            const sent = Math.floor(sentRtp / sources.length) + (at < sentRtp % sources.length ? 1 : 0);
            const report = reports.find((each) => each.ssrc === ssrc);
            return report === undefined || isFlawed(report, sent) ? [{ sent, report }] : [];
          });
          expect(flawed.slice(0, 3)).toEqual([]);
        }
      }
    },
  };
}

type Speech = { readonly to: { readonly address: string; readonly port: number }; readonly ssrc: number };

function way(
  from: Agent,
  to: Agent,
  calls: readonly PlainCall[],
  speaker: 'alice' | 'bob',
): { from: Agent; to: Agent; ports: Map<number, Speech[]> } {
  const ports = new Map<number, Speech[]>();
  for (const call of calls) {
    const { port, to: place } = call[speaker];
    ports.set(port, [...(ports.get(port) ?? []), { to: place, ssrc: nextSource++ }]);
  }
  return { from, to, ports };
}

/** What has come of all sources once all packets are there, or no more come. */
async function arrived(
  agent: Agent,
  port: number,
  sources: number,
  packets: number,
): Promise<readonly SourceReport[]> {
  const look = async (): Promise<readonly SourceReport[]> => (await agent.report(port)).rtp;
  const isAll = (reports: readonly SourceReport[]): boolean =>
    reports.length === sources && reports.reduce((sum, each) => sum + each.packets, 0) >= packets;
  return until('all packets', async () => {
    const reports = await look();
    return isAll(reports) ? reports : undefined;
  }).catch(look);
}

function isFlawed({ packets, distinct, overtaken, corrupted }: SourceReport, sent: number): boolean {
  return packets !== sent || distinct !== sent || overtaken > 0 || corrupted > 0;
}

async function inTurns<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < all.length; at += PLACED_AT_ONCE) {
    done.push(...(await Promise.all(all.slice(at, at + PLACED_AT_ONCE).map(work))));
  }
  return done;
}
