import type { ComponentStats, StreamStats } from '../dataplane/protocol.gen.js';
import type { MediaStatistics } from './reply.js';

/** Packets that were not, or not provably, the party's, or of no negotiated payload type: `errors` in the reference. */
export function errorsOf(stats: ComponentStats | undefined): number {
  if (stats === undefined) return 0;
  const refused = stats.authenticationFailures + stats.replays + stats.unkeyed;
  return stats.malformed + stats.foreign + stats.unknownPayloadType + refused;
}

/** What arrives wins over what was negotiated first. It has its clock if the party has named it. */
export function codecInUse(
  { codecs = [] }: MediaStatistics,
  stats: StreamStats | undefined,
): string | undefined {
  const heard = stats?.codecIn ?? undefined;
  if (heard === undefined) return codecs[0];
  return codecs.find((codec) => codec.split('/')[0] === heard) ?? heard;
}
