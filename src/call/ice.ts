/** What a party's SDP says of ICE (RFC 8839). */
export type SignalledIce = {
  readonly ufrag: string;
  readonly pwd: string;
  readonly lite: boolean;
  /** Of `a=ice-options` the ones we know, separated by spaces. */
  readonly options: string;
  /** Usable candidates in the form of `a=candidate`, one per line. */
  readonly candidates: string;
  /** No more candidates will follow. */
  readonly complete: boolean;
};

/** Our ICE agent towards a party. */
export type StreamIce = {
  readonly ufrag: string;
  readonly pwd: string;
  readonly role: IceRole;
  /** Grows with each restart. */
  readonly generation: number;
  /** Our last offer had ICE. */
  readonly offered: boolean;
  /** The party does ICE with us. */
  readonly inForce: boolean;
};

export type IceRole = 'controlling' | 'controlled';

export function sameCredentials(one: SignalledIce, other: SignalledIce): boolean {
  return one.ufrag === other.ufrag && one.pwd === other.pwd;
}
