/** The version every client compares, and refuses the proxy if it is another one. */
export const VERSION = 20040107;

/** What `VF` answers `1` to: what works here. Clients leave out what they are answered `0` for. */
export function isFeature(date: string, { notifies }: { readonly notifies: boolean }): boolean {
  return FEATURES.has(date) || (date === TIMEOUT_NOTIFICATION && notifies);
}

/** Only where a target is permitted at all. */
const TIMEOUT_NOTIFICATION = '20081224';

/**
 * Absent are: repacketising (20071116), jitter in `Q` (20230424), `p` in `C` (20250523), copies of another session
 * (20260309).
 */
export const FEATURES: ReadonlySet<string> = new Set([
  // Basic relaying.
  '20040107',
  // Several media in a call. Kamailio and OpenSIPS refuse a proxy without it.
  '20050322',
  // The argument of `V`.
  '20060704',
  // `C`.
  '20071218',
  // `Q`.
  '20080403',
  // List of codecs in `U` and `L`.
  '20081102',
  // `R`: the local address by route.
  '20090810',
  // The load in `Il`.
  '20140323',
  // `G`.
  '20141004',
  // `n`: another port.
  '20150330',
  // Names in `Q`.
  '20150420',
  // `%%CC_SELF%%` in notification targets.
  '20150617',
  // `&&`; OpenSIPS asks before it sends `&& M3:1`.
  '20191015',
  // `N`.
  '20200226',
  // `rtpa_nlost`, and `h` behind `M3:1`.
  '20230205',
  // `Q … && D`.
  '20230314',
  // `&& S`.
  '20251015',
  // `l{label}`.
  '20260306',
  // `U … && L …`.
  '20260308',
]);
