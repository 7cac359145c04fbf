import type { CopyCounts, Counters } from '../observability/counters.js';
import { labels, metric } from './metric.js';

/** Recordings and forks, for Prometheus. */
export function copyMetrics({
  recordings,
  forks,
  recordingsImpossible,
  recordingTextsFailed,
}: Counters): string {
  const lines = [
    ...countsOf('recording', 'Recordings', recordings),
    ...countsOf('fork', 'Copies to listeners', forks),
    ...metric('tandem_recordings_impossible_total', 'counter', 'Calls that were to be recorded and are not', [
      ['', recordingsImpossible],
    ]),
    ...metric(
      'tandem_recording_text_failures_total',
      'counter',
      'Failures to write texts beside recordings',
      [['', recordingTextsFailed]],
    ),
  ];
  return [...lines, ''].join('\n');
}

function countsOf(name: string, what: string, counts: CopyCounts): readonly string[] {
  const ended = Object.entries(counts.ended).map(([outcome, count]) => [labels({ outcome }), count] as const);
  return [
    ...metric(`tandem_${name}s_running`, 'gauge', `${what} that are made now`, [['', counts.running]]),
    ...metric(`tandem_${name}s_started_total`, 'counter', `${what} that were started`, [
      ['', counts.started],
    ]),
    ...metric(`tandem_${name}s_ended_total`, 'counter', `${what} that have ended, by outcome`, ended),
    ...metric(`tandem_${name}_packets_total`, 'counter', `Packets in ${what.toLowerCase()} that have ended`, [
      ['', counts.packets],
    ]),
    ...metric(`tandem_${name}_bytes_total`, 'counter', `RTP and RTCP bytes of those packets`, [
      ['', counts.bytes],
    ]),
    ...metric(`tandem_${name}_dropped_packets_total`, 'counter', `Packets missing in those`, [
      ['', counts.dropped],
    ]),
  ];
}
