import type { Tap, TapPurpose } from '../call/taps.js';
import type { TapStats } from '../dataplane/protocol.gen.js';
import type { CopyCounts, CopyOutcome, Counters } from './counters.js';
import type { Lines } from './log-book.js';

/** How a recording or a fork has ended. */
export type CopyAccount = {
  readonly callId?: string;
  readonly purpose: TapPurpose;
  readonly outcome: CopyOutcome;
  /** Of a recording. */
  readonly path: string | undefined;
  readonly counted?: TapStats | undefined;
  /** Counted is only what came after the data plane's last start. */
  readonly interrupted?: boolean;
  readonly seconds?: number;
  readonly fileBytes?: number | undefined;
  /** It was never counted as running here. */
  readonly isOrphan?: boolean;
};

/** Log lines and counters of recordings and forks. */
export function copyEvents(log: Lines, counters: Counters) {
  const countsOf = (isFile: boolean): CopyCounts => (isFile ? counters.recordings : counters.forks);
  return {
    copyStarted(callId: string, { purpose, target }: Tap): void {
      const isFile = target.kind === 'pcap';
      const counts = countsOf(isFile);
      counts.started += 1;
      counts.running += 1;
      if (isFile) log.info({ callId, purpose, path: target.path }, 'recording started');
      else log.info({ callId, purpose }, 'copies to a listener started');
    },

    copyAdopted({ target }: Tap): void {
      countsOf(target.kind === 'pcap').running += 1;
    },

    /** The one account of a recording or fork. */
    copyEnded({ callId, purpose, outcome, path, counted, isOrphan, ...rest }: CopyAccount): void {
      const counts = countsOf(path !== undefined);
      if (isOrphan !== true) counts.running -= 1;
      counts.ended[outcome] += 1;
      const { packets = 0, bytes = 0, dropped = 0, failure = undefined } = counted ?? {};
      counts.packets += packets;
      counts.bytes += bytes;
      counts.dropped += dropped;
      const { seconds, interrupted, fileBytes } = rest;
      const account = {
        ...{ callId, purpose, outcome, path, packets, bytes, dropped },
        ...(failure && { failure }),
        ...(interrupted === true && { interrupted }),
        ...(seconds !== undefined && { seconds: Math.round(seconds) }),
        ...(fileBytes !== undefined && { fileBytes }),
      };
      const what = path === undefined ? 'copies to a listener ended' : 'recording ended';
      log[GOOD.has(outcome) ? 'info' : 'warn'](account, what);
    },

    recordingImpossible(callId: string, reason: string): void {
      counters.recordingsImpossible += 1;
      log.warn({ callId, reason }, 'recording was asked for and is not made');
    },

    recordingTextFailed(file: string, error: unknown): void {
      counters.recordingTextsFailed += 1;
      log.error(
        { file, error: error instanceof Error ? error.message : String(error) },
        'text of a recording not written',
      );
    },
  };
}

const GOOD: ReadonlySet<CopyOutcome> = new Set<CopyOutcome>(['complete', 'discarded']);
