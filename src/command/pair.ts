import type { AddressFamily } from './flags.js';
import type { CommandFailure } from './reply.js';

/**
 * Commands that know no SDP: the rtpproxy protocol. They name a pair of streams, which that protocol calls a
 * session, by tags that may carry a media number (`tag;1`).
 */
export type PairCommand =
  | PairUpdateCommand
  | PairDeleteCommand
  | PairQueryCommand
  | PairMediaCommand
  | { readonly kind: 'delete all pairs' }
  | { readonly kind: 'pair counters' };

/** The party that asks is the one of the from-tag, for an update of the answer side the other one. */
type Named = {
  readonly callId: string;
  readonly fromTag: string;
  readonly toTag?: string;
};

/** Says where a party of the pair is; the reply names the port for the other one. An offer may create the pair. */
export type PairUpdateCommand = Named &
  PairEnd & {
    readonly kind: 'update pair';
    /** Where to tell that the call's media has died. Absent in an offer: nowhere; an answer changes nothing. */
    readonly notify?: PairNotice;
    readonly after: readonly PairFollowUp[];
  };

export type PairEnd = {
  readonly side: 'offer' | 'answer';
  /** A numeric address of `options.family`; unspecified means hold. */
  readonly address: string;
  /** 0: the stream is disabled. */
  readonly port: number;
  readonly options: PairOptions;
};

export type PairOptions = {
  /** Send where signalling says, whatever packets say. Absent: as configured. */
  readonly asymmetric?: boolean;
  readonly weak: boolean;
  /** Sides of a bridge: first the one towards who speaks, then the other. */
  readonly bridge: readonly ('internal' | 'external')[];
  readonly family: AddressFamily;
  /** The local address to listen on for the party that gets the port. */
  readonly local?: PairLocal;
  readonly repacketiseMs?: number;
  readonly payloadTypes?: readonly number[];
  readonly newPort: boolean;
};

export type PairLocal =
  | { readonly kind: 'address'; readonly address: string }
  /** An interface by name. */
  | { readonly kind: 'label'; readonly label: string }
  /** Whichever address a packet to this one would leave from. */
  | { readonly kind: 'route'; readonly towards: string };

export type PairNotice = { readonly target: string; readonly tag: string };

/** What is done after an update or a query, in order, until something fails. */
export type PairFollowUp =
  | { readonly kind: 'delete'; readonly weak: boolean }
  /** Of the call, whichever leg is meant. */
  | { readonly kind: 'settings'; readonly timeoutSeconds?: number; readonly tos?: number }
  /** Keys pressed by the party the command is about are told to the pair's notification target. */
  | {
      readonly kind: 'keys';
      readonly tag: string;
      readonly payloadType: number;
      /** The other party does not hear them. */
      readonly hidden: boolean;
    }
  /** The answer in the same request as the offer. */
  | ({ readonly kind: 'answer' } & PairEnd);

export type PairDeleteCommand = Named & { readonly kind: 'delete pairs'; readonly weak: boolean };

export type PairQueryCommand = Named & {
  readonly kind: 'query pair';
  readonly after: readonly PairFollowUp[];
};

export type PairMediaCommand = Named & {
  readonly kind: 'pair media';
  readonly action: PairMediaAction;
};

export type PairMediaAction =
  /** `sessionCodecs`: the list given when the pair was made; `times` 0 only stops. */
  | { readonly kind: 'play'; readonly times: number; readonly sessionCodecs: boolean }
  | { readonly kind: 'stopPlaying' }
  /** `together`: both parties, in one file. */
  | { readonly kind: 'record'; readonly together: boolean }
  | PairCopy
  | { readonly kind: 'stopRecording'; readonly together: boolean };

export type PairCopy = {
  readonly kind: 'copy';
  /** `udp:host:port`, or the name of a file. */
  readonly target: string;
  readonly together: boolean;
  /** The client wants to know where copies come from. */
  readonly wantsPort: boolean;
};

/** What a pair has carried, seen from the party of the from-tag. */
export type PairStatistics = {
  /** What is left until the call's media counts as dead. */
  readonly secondsLeft: number;
  readonly packetsIn: number;
  readonly packetsInOther: number;
  readonly relayed: number;
  readonly dropped: number;
  /** Of the party's RTP, by sequence numbers. */
  readonly sequence: {
    readonly sent: number;
    readonly received: number;
    readonly duplicates: number;
    readonly lost: number;
    readonly malformed: number;
  };
};

export type PairPort = {
  readonly kind: 'port';
  readonly port: number;
  readonly address: string;
  readonly family: AddressFamily;
};

/** What became of a follow-up. Those after a failure were not tried. */
export type PairOutcome = PairPort | { readonly kind: 'silent' } | { readonly kind: 'failed' };

export type PairReply =
  | { readonly kind: 'done' }
  | (PairPort & { readonly after: readonly PairOutcome[] })
  /** An answer to a pair nobody has offered. */
  | { readonly kind: 'no pair' }
  | {
      readonly kind: 'pair statistics';
      readonly statistics: PairStatistics;
      readonly after: readonly PairOutcome[];
    }
  | { readonly kind: 'pair counters'; readonly counters: PairCounters }
  | CommandFailure;

/** Counters of pairs and of the node. */
export type PairCounters = {
  readonly created: number;
  readonly destroyed: number;
  readonly timedOut: number;
  readonly complete: number;
  readonly withoutRtp: number;
  readonly oneWayRtp: number;
  readonly withoutRtcp: number;
  readonly oneWayRtcp: number;
  readonly active: number;
  readonly activeStreams: number;
  readonly durationSeconds: number;
  readonly receivedPackets: number;
  readonly relayedPackets: number;
  readonly droppedPackets: number;
  readonly receivedPacketsPerSecond: number;
  /** Share of one processor's time, 0 to 1 and beyond. */
  readonly load: number;
};
