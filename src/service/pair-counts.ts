import type { Call, StreamPair } from '../call/call.js';
import { heardParties } from '../call/pair-statistics.js';
import { isComplete, pairsOf } from '../call/pairs.js';
import type { PairReply } from '../command/pair.js';
import type { NodeCounters, SessionStats } from '../dataplane/protocol.gen.js';
import type { CallRegistry } from './registry.js';
import type { Clock, DataPlane } from './ports.js';

/** Counts pairs as the rtpproxy protocol reports them. */
export class PairCounts {
  readonly #parts: PairCountsParts;
  #created = 0;
  #destroyed = 0;
  #timedOut = 0;
  #complete = 0;
  #withoutRtp = 0;
  #oneWayRtp = 0;
  #withoutRtcp = 0;
  #oneWayRtcp = 0;
  #durationSeconds = 0;
  #rate: { readonly atMs: number; readonly packets: number; readonly perSecond: number } | undefined;
  #cpu = { atMs: 0, seconds: 0 };

  constructor(parts: PairCountsParts) {
    this.#parts = parts;
  }

  updated(before: Call | undefined, after: Call): void {
    const [pairsBefore, pairsAfter] = [before === undefined ? [] : pairsOf(before), pairsOf(after)];
    this.#created += Math.max(0, pairsAfter.length - pairsBefore.length);
    const completeBefore = before === undefined ? 0 : completeOf(before).length;
    this.#complete += Math.max(0, completeOf(after).length - completeBefore);
  }

  ended(call: Call, gone: readonly StreamPair[], media: SessionStats | null): void {
    this.#destroyed += gone.length;
    this.#durationSeconds += (gone.length * Math.max(0, this.#parts.clock.now() - call.createdMs)) / 1000;
    for (const pair of gone.filter((one) => isComplete(call, one))) {
      const { rtp, rtcp } = heardParties(pair, media);
      if (rtp === 0) this.#withoutRtp += 1;
      if (rtp === 1) this.#oneWayRtp += 1;
      if (rtcp === 0) this.#withoutRtcp += 1;
      if (rtcp === 1) this.#oneWayRtcp += 1;
    }
  }

  callEnded(call: Call, isTimeout: boolean, media: SessionStats | null): void {
    if (call.pairs === undefined) return;
    const gone = pairsOf(call);
    if (isTimeout) this.#timedOut += gone.length;
    this.ended(call, gone, media);
  }

  async read(): Promise<PairReply> {
    const { dataPlane, registry } = this.#parts;
    const packets = (await dataPlane.status().catch(() => undefined))?.counters;
    let active = 0;
    for (const call of registry.calls.values()) {
      if (call.pairs !== undefined) active += pairsOf(call).length;
    }
    return {
      kind: 'pair counters',
      counters: {
        created: this.#created,
        destroyed: this.#destroyed,
        timedOut: this.#timedOut,
        complete: this.#complete,
        withoutRtp: this.#withoutRtp,
        oneWayRtp: this.#oneWayRtp,
        withoutRtcp: this.#withoutRtcp,
        oneWayRtcp: this.#oneWayRtcp,
        active,
        activeStreams: 2 * active,
        durationSeconds: this.#durationSeconds,
        receivedPackets: packets?.receivedPackets ?? 0,
        relayedPackets: packets?.sentPackets ?? 0,
        droppedPackets: packets?.droppedPackets ?? 0,
        receivedPacketsPerSecond: this.#perSecond(packets),
        load: this.#load(),
      },
    };
  }

  /** Over the time since the last question, but at least a second. */
  #perSecond(packets: NodeCounters | undefined): number {
    if (packets === undefined) return 0;
    const [atMs, count] = [this.#parts.clock.now(), packets.receivedPackets];
    const last = this.#rate;
    if (last !== undefined && atMs - last.atMs < 1000) return last.perSecond;
    const elapsed = last === undefined ? 0 : (atMs - last.atMs) / 1000;
    const perSecond = last === undefined || count < last.packets ? 0 : (count - last.packets) / elapsed;
    this.#rate = { atMs, packets: count, perSecond };
    return perSecond;
  }

  #load(): number {
    const [atMs, seconds] = [this.#parts.clock.now(), this.#parts.cpuSeconds()];
    const elapsed = (atMs - this.#cpu.atMs) / 1000;
    const load = this.#cpu.atMs === 0 || elapsed <= 0 ? 0 : (seconds - this.#cpu.seconds) / elapsed;
    this.#cpu = { atMs, seconds };
    return load;
  }
}

export type PairCountsParts = {
  readonly dataPlane: DataPlane;
  readonly registry: CallRegistry;
  readonly clock: Clock;
  /** Processor time this process has used. */
  readonly cpuSeconds: () => number;
};

function completeOf(call: Call): readonly StreamPair[] {
  return pairsOf(call).filter((pair) => isComplete(call, pair));
}
