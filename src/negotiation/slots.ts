import type { Local, Stream } from '../call/call.js';
import type { NetworkAddress } from '../sdp/address.js';
import type { MediaView } from '../sdp/media-view.js';
import type { PayloadFormat } from '../sdp/payloads.js';
import type { FeedbackRule } from './feedback.js';

/** One `m=` section of the SDP for the receiver, decided but not written. */
export type Slot = RelayedSlot | RejectedSlot | { readonly kind: 'untouched'; readonly view: MediaView };

export type RelayedSlot = {
  readonly kind: 'relayed';
  /** Section of the sender's SDP this one is made from. */
  readonly view: MediaView;
  readonly local: Local;
  readonly printed: NetworkAddress;
  readonly protocol: string;
  readonly mid: string | undefined;
  readonly payloads: readonly PayloadFormat[];
  readonly rtcp: 'own port' | 'rtp port' | 'none';
  readonly mux: boolean;
  readonly feedback: FeedbackRule;
  readonly ptimeMs: number | undefined;
  /** Attributes about keys, without `a=`. */
  readonly security: readonly string[];
  /** Attributes about ICE, without `a=`. */
  readonly ice: readonly string[];
  /** Those attributes are the ones of the other party. */
  readonly isIcePassed: boolean;
  /** Port and address of the `m=` section stay those of the source. */
  readonly isOriginal: boolean;
  /** Values of `a=extmap` to add where the section does not have them, and whether its own MID is to go. */
  readonly addedExtensions: readonly string[];
  readonly hidesMid: boolean;
  /** Absent: in no group. */
  readonly bundle: SlotBundle | undefined;
  /** The section is offered a second time, unprotected, with this protocol. */
  readonly twin: string | undefined;
};

/** How a section stands in a group of the SDP for the receiver. */
export type SlotBundle = {
  /** Which group, and the place in it. */
  readonly group: number;
  readonly place: number;
  /** `a=bundle-only`: the section is rejected by who does not bundle. */
  readonly isOnly: boolean;
  /** The section names the port; otherwise 0. */
  readonly hasPort: boolean;
};

export type RejectedSlot = {
  readonly kind: 'rejected';
  readonly type: string;
  readonly protocol: string;
  readonly formats: string;
  readonly mid: string | undefined;
  readonly view: MediaView | undefined;
};

/** A section with port 0. Formats and protocol are those the receiver knows the stream with. */
export function rejectedSlot(stream: Stream, view?: MediaView): RejectedSlot {
  const said = stream.offered ?? stream.inForce;
  const { type, protocol, mid } = stream;
  const formats = view?.media.formats.join(' ') ?? said?.formats ?? '';
  return { kind: 'rejected', type, protocol, formats: formats === '' ? '0' : formats, mid, view };
}
