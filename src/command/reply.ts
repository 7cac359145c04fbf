import type { SessionStats } from '../dataplane/protocol.gen.js';

/** What a command is answered with. */
export type Reply =
  | { readonly kind: 'pong' }
  /** The SDP to send on. */
  | { readonly kind: 'sdp'; readonly sdp: string; readonly recordings?: readonly string[] }
  | { readonly kind: 'done' }
  | SubscriptionReply
  | PartyReply
  /** A party or call was deleted; `statistics` unless `fast`. */
  | { readonly kind: 'deleted'; readonly statistics?: CallStatistics; readonly warning?: string }
  | { readonly kind: 'statistics'; readonly statistics: CallStatistics }
  | { readonly kind: 'calls'; readonly callIds: readonly string[] }
  | { readonly kind: 'nodeStatistics'; readonly statistics: NodeStatistics }
  /** What the command line has printed. */
  | { readonly kind: 'cli'; readonly response: string }
  | { readonly kind: 'loadLimit'; readonly message: string }
  | CommandFailure;

/** The offer for a listener. */
export type SubscriptionReply = {
  readonly kind: 'subscription';
  readonly sdp: string;
  /** Of the listener. */
  readonly toTag: string;
  /** Of the parties it is to hear, as far as they have one. */
  readonly fromTags: readonly string[];
  /** Only where labels were asked for. */
  readonly parties?: readonly LabelledParty[];
};

/** A party without a peer, and the SDP for it. */
export type PartyReply = {
  readonly kind: 'party';
  readonly callId: string;
  readonly fromTag: string;
  readonly sdp: string;
  readonly recordings?: readonly string[];
};

export type LabelledParty = {
  readonly tag: string;
  readonly label?: string;
  readonly medias: readonly LabelledMedia[];
};

export type LabelledMedia = {
  /** From 1, in the party's SDP. */
  readonly index: number;
  readonly type: string;
  /** In the offer (RFC 4574). */
  readonly label: string;
  /** Whether the proxy sends to the party (`send…`), and hears it (`…recv`). */
  readonly mode: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
};

/** Refused or failed. `message` is what the client reads, in the words it understands. */
export type CommandFailure = {
  readonly kind: 'failure';
  readonly code: FailureCode;
  readonly message: string;
};

export type FailureCode =
  | 'badRequest'
  | 'badSdp'
  | 'unknownCall'
  | 'unknownParty'
  | 'dialogue'
  | 'outOfPorts'
  | 'limit'
  | 'draining'
  | 'badAddress'
  | 'noSuchAddress'
  | 'noAddressOfFamily'
  | 'noRoute'
  | 'notPermitted'
  | 'noCodecs'
  | 'notPlayed'
  | 'notCopied'
  | 'unsupported'
  | 'unavailable'
  | 'internal';

export function failure(code: FailureCode, message: string): CommandFailure {
  return { kind: 'failure', code, message };
}

/** A call as `query` shows it: what the control plane knows, joined with what the data plane counted. */
export type CallStatistics = {
  readonly callId: string;
  /** Milliseconds since the epoch. */
  readonly createdMs: number;
  readonly lastSignalMs: number;
  readonly metadata?: string;
  readonly recording?: boolean;
  /** All sound was to go to a recorder. */
  readonly forwarding?: boolean;
  readonly parties: readonly PartyStatistics[];
  /** Counters of all streams; absent when the session is gone from the data plane. */
  readonly media?: SessionStats;
  /** When `media` was taken, milliseconds since the epoch. */
  readonly atMs: number;
};

export type PartyStatistics = {
  /** Absent: an unanswered peer that has no tag yet. */
  readonly tag?: string;
  readonly tagAliases: readonly string[];
  readonly viaBranch?: string;
  readonly label?: string;
  readonly metadata?: string;
  /** What the party says is not recorded. */
  readonly unrecorded?: boolean;
  /** What the party says was to go to a recorder. */
  readonly forwarding?: boolean;
  readonly createdMs: number;
  /** Whom this party hears, and who hears it; until somebody answers, those of the newest offer. */
  readonly subscriptions: readonly PartyLink[];
  readonly subscribers: readonly PartyLink[];
  readonly medias: readonly MediaStatistics[];
};

/** The tag is empty while the party has none. */
export type PartyLink = { readonly tag: string; readonly type: 'offer/answer' | 'pub/sub' };

export type MediaStatistics = {
  /** From 1. */
  readonly index: number;
  readonly type: string;
  readonly protocol: string;
  /** Encoding name and clock of what the party has named, e.g. `PCMU/8000`, in its order. */
  readonly codecs?: readonly string[];
  /** In the words of the reference: `send`, `recv`, `rtcp-mux`, … */
  readonly flags: readonly string[];
  /** The same of the RTP and the RTCP stream: `strict source address`, `media handover`. */
  readonly packetFlags: readonly string[];
  /** Stream of the data plane; absent for a rejected m-line. */
  readonly stream?: number;
  readonly local?: { readonly address: string; readonly rtpPort: number; readonly rtcpPort?: number };
  readonly advertised?: { readonly rtp?: string; readonly rtcp?: string };
};

/** Counters of this node since its start. */
export type NodeStatistics = {
  readonly uptimeSeconds: number;
  readonly sessions: number;
  /** Calls of other nodes that are kept ready. */
  readonly foreignSessions: number;
  /** Those that have ended. */
  readonly managedSessions: number;
  readonly rejectedSessions: number;
  readonly timeoutSessions: number;
  readonly silentTimeoutSessions: number;
  readonly finalTimeoutSessions: number;
  readonly offerTimeoutSessions: number;
  readonly regularTerminatedSessions: number;
  readonly forcedTerminatedSessions: number;
  /** Of these, the kernel has relayed `relayedInKernel`. */
  readonly relayedPackets: number;
  readonly relayedBytes: number;
  readonly relayedPacketErrors: number;
  readonly relayedInKernel: { readonly packets: number; readonly bytes: number };
  readonly rates: TrafficRates;
  /** Streams by the way their packets take. */
  readonly medias: { readonly userspace: number; readonly kernel: number };
  readonly zeroWayStreams: number;
  readonly oneWayStreams: number;
  /** Of the calls that have ended, in seconds. */
  readonly callsDuration: Distribution;
  readonly quality: NodeQuality;
  readonly interfaces: readonly InterfaceStatistics[];
  /** The last one that is over; all zero before. */
  readonly interval: IntervalStatistics;
  /** By client address, then by command name: how often and how long (seconds in total), errors. */
  readonly controls: readonly ControlStatistics[];
};

/** All numbers are per second. */
export type TrafficRates = {
  readonly userspace: Traffic;
  readonly kernel: Traffic;
};

export type Traffic = { readonly packets: number; readonly bytes: number; readonly errors: number };

export type Distribution = {
  readonly total: number;
  /** Sum of the squares. */
  readonly squares: number;
  readonly samples: number;
  readonly mean: number;
  readonly deviation: number;
};

/** Of the calls that have ended: times in milliseconds (jitter) and microseconds (round trips), loss in percent. */
export type NodeQuality = {
  readonly mos: Distribution;
  readonly jitter: Distribution;
  readonly roundTrip: Distribution;
  readonly roundTripLeg: Distribution;
  readonly loss: Distribution;
  readonly jitterMeasured: Distribution;
  readonly packetsLost: number;
  readonly duplicates: number;
  readonly reordered: number;
};

export type InterfaceStatistics = {
  readonly name: string;
  readonly address: string;
  readonly portMin: number;
  readonly portMax: number;
  readonly portsUsed: number;
  readonly portsFree: number;
  readonly ingress: Traffic;
  /** Packets that could not be sent are counted for the node alone. */
  readonly egress: Traffic;
  /** Of the sources of ended calls that sent to it. */
  readonly quality: NodeQuality;
};

export type ControlStatistics = {
  readonly proxy: string;
  readonly commands: ReadonlyMap<string, { readonly count: number; readonly seconds: number }>;
  readonly errors: number;
};

/** What happened in an interval. */
export type IntervalStatistics = {
  /** How long all calls together lasted in it, as seen once a second. */
  readonly callSeconds: number;
  /** Calls at the same time. */
  readonly sessions: Extremes;
  /** Those that came since the start, by name. */
  readonly commands: ReadonlyMap<string, CommandInterval>;
};

export type CommandInterval = {
  /** In seconds. */
  readonly delay: Extremes;
  /** How many came in a second, whole numbers. */
  readonly rate: Extremes;
};

/** All zero: there was nothing. */
export type Extremes = { readonly min: number; readonly max: number; readonly mean: number };
