import type { Place } from '../call/places.js';
import type { SessionStats, SsrcStats } from '../dataplane/protocol.gen.js';

/** A quantity seen many times. */
export type Sum = { total: number; squares: number; samples: number };

/** The quality of the sources of all calls that have ended. */
export type QualityTotals = {
  readonly mos: Sum;
  /** Milliseconds, as receivers report it. */
  readonly jitter: Sum;
  /** Microseconds, from one party to the other. */
  readonly roundTrip: Sum;
  /** Microseconds, from here to the party. */
  readonly roundTripLeg: Sum;
  /** Percent. */
  readonly loss: Sum;
  /** Milliseconds, as measured here. */
  readonly jitterMeasured: Sum;
  packetsLost: number;
  duplicates: number;
  reordered: number;
};

export function newQualityTotals(): QualityTotals {
  const sum = (): Sum => ({ total: 0, squares: 0, samples: 0 });
  return {
    mos: sum(),
    jitter: sum(),
    roundTrip: sum(),
    roundTripLeg: sum(),
    loss: sum(),
    jitterMeasured: sum(),
    packetsLost: 0,
    duplicates: 0,
    reordered: 0,
  };
}

/** A source counts by its average, as often as it was reported of. */
export function addQuality(totals: QualityTotals, media: SessionStats | null): void {
  for (const { ingress } of media?.streams ?? []) for (const source of ingress) addSource(totals, source);
}

/** The same by the places of the streams; what is nowhere is left out. */
export function addQualityAt(
  totals: Map<string, QualityTotals>,
  places: ReadonlyMap<number, Place>,
  media: SessionStats,
): void {
  for (const { stream, ingress } of media.streams) {
    const place = places.get(stream);
    if (place === undefined || ingress.length === 0) continue;
    const key = placeKey(place);
    const sum = totals.get(key) ?? newQualityTotals();
    totals.set(key, sum);
    for (const source of ingress) addSource(sum, source);
  }
}

export function placeKey({ interface: name, address }: Place): string {
  return `${address} ${name}`;
}

export function mean({ total, samples }: Sum): number {
  return samples === 0 ? 0 : total / samples;
}

export function deviation(sum: Sum): number {
  return sum.samples === 0 ? 0 : Math.sqrt(Math.max(0, sum.squares / sum.samples - mean(sum) ** 2));
}

function addSource(totals: QualityTotals, { measured, reported }: SsrcStats): void {
  totals.packetsLost += Math.max(0, measured.lost);
  totals.duplicates += measured.duplicates;
  totals.reordered += measured.reordered;
  add(totals.jitterMeasured, measured.jitterMs, 1);
  const average = reported?.average ?? undefined;
  if (reported === null || average === undefined) return;
  add(totals.mos, average.mos, reported.samples);
  add(totals.jitter, average.jitterMs, reported.samples);
  add(totals.roundTrip, average.roundTripUs, reported.samples);
  add(totals.roundTripLeg, average.roundTripLegUs, reported.samples);
  add(totals.loss, average.lossPercent, reported.samples);
}

function add(sum: Sum, value: number, times: number): void {
  sum.total += value * times;
  sum.squares += value * value * times;
  sum.samples += times;
}
