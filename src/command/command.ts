import type { CodecSpec, KeyWish, MediaFlags, RecordingDestination } from './flags.js';

/**
 * What any control protocol can ask. Text that comes from SIP (Call-ID, tags, SDP) is bytes: it is held as a
 * string with one character per byte (latin1) and goes out as it came in.
 */
export type Command =
  | { readonly kind: 'ping' }
  | OfferCommand
  | AnswerCommand
  | DeleteCommand
  | QueryCommand
  | ListCommand
  | { readonly kind: 'statistics' }
  | MediaControlCommand
  | CliCommand
  | RecordingCommand
  | SubscriptionCommand
  | ConnectionCommand
  | UnsupportedCommand;

/** Source of a command, as `address:port`; kept with the call for callbacks and logs. */
export type Client = {
  readonly address: string;
  readonly port: number;
  readonly protocol: 'ng' | 'rtpproxy' | 'http';
};

/** A command as it stood on the wire, and where in it the texts are that differ from call to call. */
export type WrittenCommand = {
  /** One byte a character. */
  readonly text: string;
  readonly texts: readonly WrittenText[];
};

export type TextName = 'callId' | 'fromTag' | 'toTag' | 'viaBranch' | 'sdp' | 'receivedFrom';

/** `length:text`: the length begins at `at`, the text is from `start` to `end`. */
export type WrittenText = {
  readonly name: TextName;
  readonly at: number;
  readonly start: number;
  readonly end: number;
};

export type OfferCommand = {
  readonly kind: 'offer';
  readonly callId: string;
  /** Tag of the party that sends this SDP. */
  readonly fromTag: string;
  readonly toTag?: string;
  readonly viaBranch?: string;
  readonly sdp: string;
  readonly flags: MediaFlags;
  /** Commands with the same number differ in their texts only: Call-ID, tags, branch, SDP, `receivedFrom`. */
  readonly likeness?: number;
  /** Known of commands with a likeness only. */
  readonly written?: WrittenCommand | undefined;
  /** The client understands `load limit` as a result. */
  readonly supportsLoadLimit: boolean;
};

export type AnswerCommand = {
  readonly kind: 'answer';
  readonly callId: string;
  /** Tag of the party that sent the offer. */
  readonly fromTag: string;
  /** Tag of the party that sends this SDP. */
  readonly toTag: string;
  readonly viaBranch?: string;
  readonly sdp: string;
  readonly flags: MediaFlags;
  /** As in an offer. */
  readonly likeness?: number;
  readonly written?: WrittenCommand | undefined;
};

export type DeleteCommand = {
  readonly kind: 'delete';
  readonly callId: string;
  readonly fromTag?: string;
  /** Set only if the client wants it to count (flag `to-tag`). */
  readonly toTag?: string;
  readonly viaBranch?: string;
  /** Absent: the configured default. 0: at once. */
  readonly delaySeconds?: number;
  /** An unknown call is an error instead of a warning. */
  readonly fatal: boolean;
  /** No statistics in the reply. */
  readonly fast: boolean;
  readonly likeness?: number;
  readonly written?: WrittenCommand | undefined;
};

export type QueryCommand = {
  readonly kind: 'query';
  readonly callId: string;
  readonly fromTag?: string;
  readonly toTag?: string;
};

export type ListCommand = { readonly kind: 'list'; readonly limit: number };

/** Selects a party: by label, by signalled address, by tag, or the whole call. First that is set counts. */
export type PartySelection = {
  readonly all?: 'all' | 'offer-answer' | 'except-offer-answer' | 'flows';
  readonly label?: string;
  readonly address?: string;
  readonly tag?: string;
};

export type MediaControlKind =
  | 'block media'
  | 'unblock media'
  | 'silence media'
  | 'unsilence media'
  | 'block DTMF'
  | 'unblock DTMF'
  | 'start forwarding'
  | 'stop forwarding';

export type MediaControlCommand = {
  readonly kind: 'media control';
  readonly action: MediaControlKind;
  readonly callId: string;
  readonly from: PartySelection;
  /** Limits the action to what flows to this party. */
  readonly to?: { readonly tag: string } | { readonly label: string };
  readonly setLabel?: string;
  /** How keys are to be blocked. */
  readonly keys?: KeyWish;
};

/** A line of the operator's command line. */
export type CliCommand = { readonly kind: 'cli'; readonly line: string };

/** About the recording of the whole call. */
export type RecordingCommand = {
  readonly kind: 'recording';
  readonly action: 'start' | 'pause' | 'stop' | 'discard';
  readonly callId: string;
  /** Whose the metadata is, and who is excluded. */
  readonly fromTag?: string;
  readonly metadata?: string;
  readonly excludes: boolean;
  readonly destination: RecordingDestination;
};

/** About parties outside of the conversation that listen to it. */
export type SubscriptionCommand = SubscribeCommand | SubscribedCommand | UnsubscribeCommand;

/** Somebody wants to listen: makes the offer for it. */
export type SubscribeCommand = {
  readonly kind: 'subscribe request';
  readonly callId: string;
  /** Whose media: one party's, or `all`. */
  readonly from: PartySelection;
  /** Parties by tag, where `from` names none. */
  readonly fromTags: readonly string[];
  /** Of the listener. Absent: it gets one. */
  readonly toTag?: string;
  readonly flags: MediaFlags;
  readonly wishes: SubscriptionWishes;
};

export type SubscriptionWishes = {
  /** Media are labelled, and the reply says what the labels mean (RFC 7866). */
  readonly siprec: boolean;
  /** What is sent to the parties instead of what they say. */
  readonly egress: boolean;
  readonly mix: boolean;
  readonly inactive: boolean;
  readonly bidirectional: boolean;
  readonly mirrorsRtcp: boolean;
};

/** The listener's answer. */
export type SubscribedCommand = {
  readonly kind: 'subscribe answer';
  readonly callId: string;
  readonly toTag: string;
  readonly sdp: string;
  readonly flags: MediaFlags;
  readonly allowsTranscoding: boolean;
};

export type UnsubscribeCommand = {
  readonly kind: 'unsubscribe';
  readonly callId: string;
  readonly toTag: string;
  /** Only the media of this party. */
  readonly fromTag?: string;
};

/** About parties that stand alone, and about who hears whom beside the conversations. */
export type ConnectionCommand =
  | PublishCommand
  | CreateCommand
  | CreatedCommand
  | ConnectCommand
  | MeshCommand;

/** A party without a peer: others may listen to it. */
export type PublishCommand = {
  readonly kind: 'publish';
  /** Absent: it gets one, as with the tag. */
  readonly callId?: string;
  readonly fromTag?: string;
  readonly sdp: string;
  readonly flags: MediaFlags;
  /** It is sent something, too. */
  readonly bidirectional: boolean;
};

/** Makes an offer out of nothing, for a party without a peer. */
export type CreateCommand = {
  readonly kind: 'create';
  /** Absent: it gets one, as with the tag. */
  readonly callId?: string;
  readonly fromTag?: string;
  /** Empty: one line of audio. */
  readonly medias: readonly CreatedMedia[];
  readonly flags: MediaFlags;
};

export type CreatedMedia = { readonly type: string; readonly codecs: readonly CodecSpec[] };

/** The answer to such an offer. */
export type CreatedCommand = {
  readonly kind: 'create answer';
  readonly callId: string;
  readonly fromTag: string;
  readonly sdp: string;
  readonly flags: MediaFlags;
};

/** Lets parties hear each other that have not negotiated with each other. */
export type ConnectCommand = {
  readonly kind: 'connect';
  readonly callId: string;
  readonly from: PartySelection;
  /** Parties by tag, where `from` names none. */
  readonly fromTags: readonly string[];
  readonly toTag: string;
  /** The call of the to-tag, if it is another one. */
  readonly toCallId?: string;
  readonly ways: ConnectionWays;
};

/** `peers`: instead of whom they talk to now. Otherwise beside that, one way or both. */
export type ConnectionWays = 'peers' | 'there' | 'both';

/** Any ways of media among the parties of a call. */
export type MeshCommand = {
  readonly kind: 'mesh';
  /** They are to be one. */
  readonly callIds: readonly string[];
  readonly flows: readonly MeshFlow[];
  /** What a party sends goes to nobody else from now on. */
  readonly unsubscribes: boolean;
  readonly bidirectional: boolean;
};

export type MeshFlow = { readonly from: string; readonly to: readonly string[] };

/** A command of the protocol whose feature does not exist here (yet): refused by name. */
export type UnsupportedCommand = { readonly kind: 'unsupported'; readonly name: string };

export type CommandKind = Command['kind'];
