/** RFC 8866 §6.7, as the writer of the SDP means it. */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export function parseDirection(text: string): Direction | undefined {
  switch (text) {
    case 'sendrecv':
      return 'sendrecv';
    case 'sendonly':
      return 'sendonly';
    case 'recvonly':
      return 'recvonly';
    case 'inactive':
      return 'inactive';
    default:
      return undefined;
  }
}

/** Of several direction attributes in one section: recvonly, then sendonly, then inactive, then sendrecv. */
export function narrowerDirection(
  first: Direction | undefined,
  second: Direction | undefined,
): Direction | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return PRECEDENCE.indexOf(first) <= PRECEDENCE.indexOf(second) ? first : second;
}

/** The same direction in the words of the other side. */
export function reversedDirection(direction: Direction): Direction {
  switch (direction) {
    case 'sendonly':
      return 'recvonly';
    case 'recvonly':
      return 'sendonly';
    case 'sendrecv':
    case 'inactive':
      return direction;
  }
}

const PRECEDENCE: readonly Direction[] = ['recvonly', 'sendonly', 'inactive', 'sendrecv'];
