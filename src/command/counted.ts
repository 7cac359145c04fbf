import type { ComponentStats, StreamStats } from '../dataplane/protocol.gen.js';
import type { MediaStatistics } from './reply.js';

/** Packets that were not, or not provably, the party's, or of no negotiated payload type: `errors` in the reference. */
export function errorsOf(stats: ComponentStats | undefined): number {
  if (stats === undefined) return 0;
  const refused = stats.authenticationFailures + stats.replays + stats.unkeyed;
  return stats.malformed + stats.foreign + stats.unknownPayloadType + refused;
}

/** What arrives wins over what was negotiated first. */
export function codecInUse(media: MediaStatistics, stats: StreamStats | undefined): string | undefined {
  const codec = stats?.codecIn ?? undefined;
  if (codec === undefined || media.codec?.split('/')[0] === codec) return media.codec;
  return codec;
}
