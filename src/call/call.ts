import type { AddressFamily, EndpointLearning } from '../command/flags.js';
import type { Direction } from '../sdp/direction.js';
import type { SignalledBundle } from './bundle.js';
import type { SignalledIce, StreamIce } from './ice.js';
import type { KeyRule } from './key-rules.js';
import type { KeySequence } from './key-sequences.js';
import type { Link } from './links.js';
import type { SignalledSecurity, StreamSecurity, Transparency } from './security.js';
import type { Subscription } from './subscriptions.js';
import type { Tap } from './taps.js';

/** Everything under one Call-ID, as the control plane knows it. Small on purpose: there are many of them. */
export type Call = {
  readonly callId: string;
  /** Grows by one with every change; the data plane refuses an older plan. */
  readonly revision: number;
  readonly createdMs: number;
  readonly lastSignalMs: number;
  /** `address:port` of the client that sent the first offer. */
  readonly createdFrom: string;
  readonly metadata: string | undefined;
  readonly xmlrpcCallback: string | undefined;
  /** Where this call's keys are told, instead of the configured target: `192.0.2.1:3333`. */
  readonly dtmfLogDestination: string | undefined;
  /** The configuration names somebody who wants to hear of keys. */
  readonly tellsKeys: boolean;
  readonly tos: number;
  readonly timeouts: CallTimeouts;
  readonly learning: Learning;
  readonly deleteDelayMs: number;
  /** The call ends at this time unless signalling revives it. */
  readonly deleteAtMs: number | undefined;
  readonly dropTraffic: boolean;
  /** Reports of the parties end here, and we send our own. */
  readonly generateRtcp: boolean | undefined;
  /** Between reports of our own. */
  readonly rtcpIntervalMs: number;
  /** The client wants all sound to go to a recorder. */
  readonly forwarding: boolean | undefined;
  readonly restrictions: readonly Restriction[];
  /** Next id of a leg, stream or local. */
  readonly nextId: number;
  readonly legs: readonly Leg[];
  readonly dialogues: readonly Dialogue[];
  /** What clients that know no SDP have made of the call's streams. */
  readonly pairs: readonly StreamPair[] | undefined;
  /** Keys that bring something about. */
  readonly keySequences: readonly KeySequence[] | undefined;
  /** At most one for each stream. */
  readonly keyWatches: readonly KeyWatch[] | undefined;
  /** A client's own media timeout, instead of the configured ones. */
  readonly ownTimeoutMs: number | undefined;
  /** Candidates of parties that have not spoken yet, kept for seconds. */
  readonly earlyFragments: readonly EarlyFragment[] | undefined;
  /** Recordings, and copies to others. */
  readonly taps: readonly Tap[] | undefined;
  /**
   * Packets whose keys go through have to be read, or had to be once: what we have sent under these keys, nobody may send
   * under them again.
   */
  readonly readsKeys: true | undefined;
  /** Parties outside of the conversation that listen to it. */
  readonly subscriptions: readonly Subscription[] | undefined;
  /** Who hears whom beside the dialogues. */
  readonly links: readonly Link[] | undefined;
  /** Parties that were deleted at once, without their ports: `query` goes on to tell of them. */
  readonly departed: readonly Leg[] | undefined;
};

/** Two streams that belong together, as the rtpproxy protocol names them (there: a session). */
export type StreamPair = {
  /** Tag of the party that made it, with its media number if it has one: `tag;1`. */
  readonly tag: string;
  /** Stream of the party that made it, by id, and of the other one. */
  readonly creator: number;
  readonly other: number;
  /** Who holds the pair; nobody: it goes. */
  readonly strong: boolean;
  readonly weakCreator: boolean;
  readonly weakOther: boolean;
  /** Whom to tell what if the media dies. */
  readonly notice?: { readonly target: string; readonly tag: string };
};

/** The target of a stream's pair is to hear of keys pressed on the stream. */
export type KeyWatch = {
  readonly stream: number;
  /** What the target knows them by. */
  readonly tag: string;
  readonly payloadType: number;
  /** The other party does not hear them. */
  readonly hidden: boolean;
};

export type EarlyFragment = { readonly tag: string; readonly text: string; readonly atMs: number };

export type CallTimeouts = {
  readonly mediaMs: number;
  readonly silentMs: number;
  readonly offerMs: number;
  readonly firstPacketMs: number | null;
  /** Longest life of a call. `null`: any. */
  readonly finalMs: number | null;
};

export type Learning = {
  readonly mode: EndpointLearning;
  readonly strict: boolean;
  readonly handover: boolean;
};

/** What a client asked not to be relayed. */
export type Restriction = 'block media' | 'silence media' | KeyRule;

/** One party's side of a call. */
export type Leg = {
  readonly id: number;
  /** Undefined until the party has answered. */
  readonly tag: string | undefined;
  /** Former tags of the same party. */
  readonly aliases: readonly string[];
  /** What an offer under another tag has to have for it to be this party's (`alias-key`). */
  readonly aliasKey: string | undefined;
  readonly viaBranch: string | undefined;
  readonly label: string | undefined;
  readonly metadata: string | undefined;
  readonly createdMs: number;
  /** Configured interface towards this party, once one was chosen. */
  readonly interface: string | undefined;
  /** Address family of the party's own SDP. */
  readonly family: AddressFamily | undefined;
  readonly asymmetric: boolean;
  /** The party is sent nothing before it has sent something itself (`NAT-wait`). */
  readonly natWait: boolean;
  /** The party is sent small packets until it is found, so that its NAT opens (`pierce-NAT`). */
  readonly pierceNat: boolean;
  /** The client asked for one-way streams in the kernel (`unidirectional`), where each direction goes by itself anyway. */
  readonly unidirectional: boolean;
  /** The last offer's flags, and not the other party, chose the packetisation time this one is told. */
  readonly ptimeOverridden: boolean;
  /** Whom the party hears instead of its peer (`media-echo`). */
  readonly hears: 'itself' | 'nobody' | undefined;
  /** We are an ICE lite agent towards this party (RFC 8445 §2.5). */
  readonly iceLite: boolean;
  /** The client wants what the party says to go to a recorder. */
  readonly forwarding: boolean | undefined;
  /** What the party says is not to be recorded. */
  readonly unrecorded: boolean;
  readonly restrictions: readonly Restriction[];
  readonly deleteAtMs: number | undefined;
  /** What the party was told in `o=` and `s=`, where that has to stay. */
  readonly told: ToldOrigin;
  /** One character per stream if some have two `m=` lines, see `osrtp-legacy.ts`. */
  readonly twins: string | undefined;
  /** By position of the `m=` line in the SDP exchanged with this party. */
  readonly streams: readonly Stream[];
};

export type ToldOrigin = {
  readonly username?: string;
  readonly sessionId?: string;
  readonly version?: string;
  readonly address?: string;
  readonly sessionName?: string;
  /** Hash of the last body sent to the party, its version left out. */
  readonly bodyHash?: string;
};

/**
 * One media stream of one leg. It has all of these fields, in the order of `newStream`, as what is said of it has its
 * own: V8 copies and reads objects of one shape several times as fast, and nothing is copied and read as often.
 */
export type Stream = {
  readonly id: number;
  /** Media type and protocol as last exchanged with the party, in either direction. */
  readonly type: string;
  readonly protocol: string;
  /** Identification tag (`a=mid`) the party knows this stream by. */
  readonly mid: string | undefined;
  /** What the party's SDP says of the stream, as far as it is in force. Undefined until the party has spoken. */
  readonly inForce: Signalled | undefined;
  /** The party's own offer that nobody has answered yet. */
  readonly offered: Signalled | undefined;
  /** Local ports; the first are in use, the rest remain for the case that the other side returns to them. */
  readonly locals: readonly Local[];
  /** The local named in our unanswered offer, if it is not the one in use. */
  readonly nextLocal: number | undefined;
  /** Stream whose transport this one uses, by id; the transport's own stream names itself. Undefined: it is alone. */
  readonly bundle: number | undefined;
  /** The same as our last offer to the party has it, if the stream was in its group. */
  readonly bundleOffer: number | undefined;
  /** The header extension for the MID in our last offer is ours alone: the other party does not know it. */
  readonly hasOwnMid: boolean | undefined;
  /** RTP and RTCP share a port towards this party (RFC 5761). */
  readonly muxed: boolean;
  /** What the party gets for its `a=rtcp-mux`, whatever the other side says. Undefined: what the other side says. */
  readonly muxAnswer: boolean | undefined;
  /** What our last offer to the party said of multiplexing. */
  readonly muxOffer: 'none' | 'optional' | 'required';
  /** Packetisation time to print in the answer to this party. */
  readonly ptimeMs: number | undefined;
  /** Both sides once accepted the stream: a rejection keeps its ports. */
  readonly used: boolean;
  /** Grows when there is a reason to learn the party's address again. */
  readonly epoch: number;
  /** Addresses learned from packets since the last change of the signalled ones. */
  readonly learned: Addresses | undefined;
  /** How we protect packets towards the party. Undefined: not at all, and that was never in question. */
  readonly security: StreamSecurity | undefined;
  readonly transparent: Transparency | undefined;
  /** Our ICE agent towards the party. */
  readonly ice: StreamIce | undefined;
  /** The party answered an offer of ours without ICE: it is not offered again. */
  readonly iceRefused: boolean;
};

/** What one SDP said of one stream. */
export type Signalled = {
  readonly type: string;
  readonly protocol: string;
  /** Formats of the `m=` line, as spelled, separated by spaces. */
  readonly formats: string;
  /** Where the party wants its packets; undefined if it named no usable address. */
  readonly addresses: (Addresses & { readonly rtp: string }) | undefined;
  readonly direction: Direction;
  readonly rtcpMux: boolean;
  /** Port 0, or absent. */
  readonly rejected: boolean;
  readonly ptimeMs: number | undefined;
  /** Payload types with encoding and clock, in the form of `payloads.ts`. */
  readonly payloads: string;
  /** Parameters of these formats, in the form of `format-parameters.ts`. */
  readonly parameters: string | undefined;
  /** What it says of RTCP, in the form of `rtcp-said.ts`. */
  readonly rtcp: string | undefined;
  /** Undefined: the party offers no keys. */
  readonly security: SignalledSecurity | undefined;
  /** Undefined: the party does no ICE. */
  readonly ice: SignalledIce | undefined;
  /** Header extensions the party may use and the other one is not offered: values of `a=extmap`, a line each. */
  readonly masked: string | undefined;
  /** The stream is in a group of the party's that we go along with. */
  readonly bundled: SignalledBundle | undefined;
};

/** Socket addresses as the data plane writes them: `192.0.2.1:4000`, `[2001:db8::1]:4000`. */
export type Addresses = {
  readonly rtp?: string;
  /** Absent: the port after that of RTP. */
  readonly rtcp?: string;
};

/** A pair of local ports, or a single one. */
export type Local = {
  readonly id: number;
  /** RTP address of the other side these ports were opened for; empty if it had none. */
  readonly peer: string;
  readonly interface: string;
  /** Bind address. */
  readonly address: string;
  /** Undefined until the data plane has bound it. */
  readonly port: number | undefined;
  readonly span: 'pair' | 'single';
  /** Undefined: nobody was asked for relayed addresses. */
  readonly relay: LocalRelay | undefined;
};

/** Addresses at which a relay has ports for ours. */
export type LocalRelay = {
  /** Our ICE user name when they were asked for: one that does not come is not asked for again and again. */
  readonly ufrag: string;
  readonly separateRtcp: boolean;
  /** `failed`: there are none. Otherwise absent addresses are being asked for. */
  readonly failed: boolean;
  readonly rtp?: string;
  readonly rtcp?: string;
};

/** Two legs that negotiate with each other. */
export type Dialogue = {
  /** The leg that made the first offer, by id. */
  readonly a: number;
  readonly b: number;
  /** Revision of the last answer; 0 if there was none. Of several, the highest is what a party hears. */
  readonly answered: number;
  /** The leg whose offer waits for its answer. */
  readonly offeredBy: number | undefined;
  /** A final (2xx) answer was seen. */
  readonly final: boolean;
  /** Positions of the streams of `a` and `b` that belong together, where they differ. */
  readonly lines: readonly (readonly [a: number, b: number])[] | undefined;
  readonly restrictionsToA: readonly Restriction[];
  readonly restrictionsToB: readonly Restriction[];
  /** Whom of the two the other one does not hear any more, until the next answer. */
  readonly parted: 'a' | 'b' | 'both' | undefined;
};
