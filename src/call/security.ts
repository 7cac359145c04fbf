import type { Setup } from '../sdp/dtls.js';

/**
 * What a party's SDP says of SRTP. Lines of `a=crypto` are kept as text, one below the other: a call holds them for
 * its whole life and reads them only when it is negotiated.
 */
export type SignalledSecurity = {
  /** Usable lines, the preferred one first; empty if there are none. */
  readonly crypto: string;
  /** Value of `a=fingerprint`. */
  readonly fingerprint?: string;
  readonly setup?: Setup;
  readonly tlsId?: string;
};

/** How we protect a stream towards its party, as far as that was offered or agreed. */
export type StreamSecurity = {
  /** In force since the last answer. Absent: nothing is agreed yet, and no packet may pass. */
  readonly agreed: AgreedSecurity | undefined;
  /** Lines of our last offer that carry keys of our own. */
  readonly crypto: string;
  /** Lines of our last offer that carry the keys of the other party, so that packets can pass as they are. */
  readonly passed: string;
  /** Our last offer named our certificate. */
  readonly offersDtls: boolean;
  /** Our last offer has been answered. */
  readonly answered: boolean;
  /** Our name for the DTLS association (RFC 8842). */
  readonly tlsId: string | undefined;
  /** The certificate of ours the party was told of. It stays, whatever new calls get. */
  readonly certificate: string | undefined;
  /** Grows when the DTLS association has to be made anew. */
  readonly association: number;
  /** What the client wants for the answer to this party. */
  readonly wishes: readonly SecurityWish[];
};

export type AgreedSecurity =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'sdes';
      /** The line with the key we send with. */
      readonly ours: string;
      /** The line with the key the party sends with. */
      readonly theirs: string;
      /** Our key is the one the other party sends with. */
      readonly borrowed: boolean;
    }
  | { readonly kind: 'dtls'; readonly role: DtlsRole };

export type DtlsRole = 'active' | 'passive';

/** `passive`: be the DTLS server. `sdes`: SDES before DTLS. `osrtp`: protect though the other side does not. */
export type SecurityWish = 'passive' | 'sdes' | 'osrtp' | 'no tls-id';

/**
 * The parties settle it between themselves: their keys, or keys and connectivity checks, go through as they are and
 * so do their packets. `ports`: nobody told us what the parties use, so whatever comes goes on, RTCP on its own port.
 */
export type Transparency = 'keys' | 'all' | 'ports';
