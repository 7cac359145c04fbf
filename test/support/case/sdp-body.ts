/**
 * Writes out the short form of an SDP body in a case: without `v=`, the session part is that of the party, with the
 * given session lines (those before the first `m=`) in place of its own.
 */
export function fullBody(lines: readonly string[], party: string): string {
  if (lines[0]?.startsWith('v=')) return crlf(lines);
  const firstMedia = lines.findIndex((line) => line.startsWith('m='));
  const given = firstMedia < 0 ? lines : lines.slice(0, firstMedia);
  const medias = firstMedia < 0 ? [] : lines.slice(firstMedia);
  const isGiven = (type: string) => given.some((line) => line.startsWith(`${type}=`));
  const own = sessionPart(party).filter((line) => !isGiven(line.slice(0, 1)));
  const session = [...own, ...given].sort((one, other) => rank(one) - rank(other));
  return crlf([...session, ...medias]);
}

/** Addresses the parties of cases have, unless a case says otherwise. */
export const PARTY_ADDRESSES: ReadonlyMap<string, string> = new Map([
  ['alice', '198.51.100.10'],
  ['bob', '198.51.100.20'],
  ['carol', '198.51.100.30'],
  ['dave', '198.51.100.40'],
]);

function sessionPart(party: string): string[] {
  const address = PARTY_ADDRESSES.get(party);
  if (address === undefined) throw new Error(`${party} has no address: write the whole body`);
  return ['v=0', `o=${party} 1 1 IN IP4 ${address}`, 's=-', `c=IN IP4 ${address}`, 't=0 0'];
}

function crlf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join('');
}

/** The order of RFC 8866 §5. */
function rank(line: string): number {
  return 'vosiuepcbtrzka'.indexOf(line.slice(0, 1));
}
