import type { TrafficRates } from '../command/reply.js';
import type { NodeCounters } from '../dataplane/protocol.gen.js';

/** Packets, bytes and errors a second, since `statistics` were asked for before, or since the start. */
export class TrafficMeter {
  #last: Reading;
  #rates: TrafficRates = { userspace: NOTHING, kernel: NOTHING };

  constructor(nowMs: number) {
    this.#last = { atMs: nowMs, userspace: NOTHING, kernel: NOTHING };
  }

  /** Readings that follow each other within a second say the same. */
  read(counters: NodeCounters | undefined, nowMs: number): TrafficRates {
    const elapsedMs = nowMs - this.#last.atMs;
    if (counters === undefined || elapsedMs < SHORTEST_MS) return this.#rates;
    const now = readingOf(counters, nowMs);
    const { userspace, kernel } = this.#last;
    this.#rates = {
      userspace: perSecond(userspace, now.userspace, elapsedMs),
      kernel: perSecond(kernel, now.kernel, elapsedMs),
    };
    this.#last = now;
    return this.#rates;
  }
}

type Traffic = TrafficRates['kernel'];
type Reading = { readonly atMs: number; readonly userspace: Traffic; readonly kernel: Traffic };

function readingOf(counters: NodeCounters, atMs: number): Reading {
  const { sentPackets, sentBytes, fastPathPackets, fastPathBytes } = counters;
  return {
    atMs,
    userspace: {
      packets: sentPackets - fastPathPackets,
      bytes: sentBytes - fastPathBytes,
      errors: counters.droppedPackets + counters.sendFailures,
    },
    kernel: { packets: fastPathPackets, bytes: fastPathBytes, errors: 0 },
  };
}

/** A data plane that has started again counts from zero. */
function perSecond(before: Traffic, now: Traffic, elapsedMs: number): Traffic {
  const rate = (from: number, to: number) =>
    Math.round((Math.max(0, to < from ? to : to - from) * 1000) / elapsedMs);
  return {
    packets: rate(before.packets, now.packets),
    bytes: rate(before.bytes, now.bytes),
    errors: rate(before.errors, now.errors),
  };
}

const NOTHING: Traffic = { packets: 0, bytes: 0, errors: 0 };
const SHORTEST_MS = 1_000;
