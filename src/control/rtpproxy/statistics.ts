import type { PairCounters, PairStatistics } from '../../command/pair.js';

/** How a reply is to be written: what the request asked for beyond the command itself. */
export type ReplyForm =
  | { readonly kind: 'plain' }
  | { readonly kind: 'summary'; readonly load: boolean }
  | { readonly kind: 'query' | 'counters'; readonly verbose: boolean; readonly names: readonly string[] };

/** What the protocol layer counts itself. */
export type CommandCounts = {
  received: number;
  repeated: number;
  succeeded: number;
  failed: number;
  replied: number;
};

export function isQueryName(name: string): boolean {
  return QUERY_NAMES.has(name);
}

/** `undefined`: a name is not known. Without names the five that were there from the beginning. */
export function writeQuery(
  statistics: PairStatistics,
  { verbose, names }: { verbose: boolean; names: readonly string[] },
): string | undefined {
  const wanted = names.length === 0 ? BASIC_NAMES : names;
  const values = wanted.map((name) => {
    const value = QUERY_NAMES.get(name)?.(statistics);
    return value === undefined ? undefined : verbose ? `${name}=${value}` : `${value}`;
  });
  return values.every((value) => value !== undefined) ? values.join(' ') : undefined;
}

export function writeCounters(
  counters: PairCounters,
  counts: CommandCounts,
  { verbose, names }: { verbose: boolean; names: readonly string[] },
): string {
  const wanted = names.length === 0 ? [...GLOBAL_NAMES.keys()] : names;
  return wanted
    .map((name) => {
      const value = GLOBAL_NAMES.get(name)?.(counters, counts) ?? 0;
      return verbose ? `${name}=${value}` : `${value}`;
    })
    .join(' ');
}

/** Read by name, line by line. */
export function writeSummary(counters: PairCounters, load: boolean): string {
  return [
    `sessions created: ${counters.created}`,
    `active sessions: ${counters.active}`,
    `active streams: ${counters.activeStreams}`,
    `packets received: ${counters.receivedPackets}`,
    `packets transmitted: ${counters.relayedPackets}`,
    ...(load ? [`average load: ${counters.load.toFixed(6)}`] : []),
  ].join('\n');
}

type QueryValue = (statistics: PairStatistics) => number;

const QUERY_NAMES: ReadonlyMap<string, QueryValue> = new Map<string, QueryValue>([
  ['ttl', ({ secondsLeft }) => secondsLeft],
  ['npkts_ina', ({ packetsIn }) => packetsIn],
  ['npkts_ino', ({ packetsInOther }) => packetsInOther],
  ['nrelayed', ({ relayed }) => relayed],
  ['ndropped', ({ dropped }) => dropped],
  ['rtpa_nsent', ({ sequence }) => sequence.sent],
  ['rtpa_nrcvd', ({ sequence }) => sequence.received],
  ['rtpa_ndups', ({ sequence }) => sequence.duplicates],
  ['rtpa_nlost', ({ sequence }) => sequence.lost],
  ['rtpa_perrs', ({ sequence }) => sequence.malformed],
]);
const BASIC_NAMES = ['ttl', 'npkts_ina', 'npkts_ino', 'nrelayed', 'ndropped'];

type GlobalValue = (counters: PairCounters, counts: CommandCounts) => number | string;

/** Nothing is played, resized or analysed for the whole node: those stay 0. */
export const GLOBAL_NAMES: ReadonlyMap<string, GlobalValue> = new Map<string, GlobalValue>([
  ['nsess_created', ({ created }) => created],
  ['nsess_destroyed', ({ destroyed }) => destroyed],
  ['nsess_timeout', ({ timedOut }) => timedOut],
  ['nsess_complete', ({ complete }) => complete],
  ['nsess_nortp', ({ withoutRtp }) => withoutRtp],
  ['nsess_owrtp', ({ oneWayRtp }) => oneWayRtp],
  ['nsess_nortcp', ({ withoutRtcp }) => withoutRtcp],
  ['nsess_owrtcp', ({ oneWayRtcp }) => oneWayRtcp],
  ['nplrs_created', () => 0],
  ['nplrs_destroyed', () => 0],
  ['npkts_rcvd', ({ receivedPackets }) => receivedPackets],
  ['npkts_played', () => 0],
  ['npkts_relayed', ({ relayedPackets }) => relayedPackets],
  ['npkts_resizer_in', () => 0],
  ['npkts_resizer_out', () => 0],
  ['npkts_resizer_discard', () => 0],
  ['npkts_discard', ({ droppedPackets }) => droppedPackets],
  ['total_duration', ({ durationSeconds }) => durationSeconds.toFixed(6)],
  ['ncmds_rcvd', (_, { received }) => received],
  ['ncmds_rcvd_ndups', (_, { repeated }) => repeated],
  ['ncmds_succd', (_, { succeeded }) => succeeded],
  ['ncmds_errs', (_, { failed }) => failed],
  ['ncmds_repld', (_, { replied }) => replied],
  ['rtpa_nsent', () => 0],
  ['rtpa_nrcvd', () => 0],
  ['rtpa_ndups', () => 0],
  ['rtpa_nlost', () => 0],
  ['rtpa_perrs', () => 0],
  ['pps_in', ({ receivedPacketsPerSecond }) => receivedPacketsPerSecond.toFixed(6)],
]);
