/**
 * What a SIP proxy can ask of an offer, an answer or a media command, independent of how it was spelled.
 * The decoders of the control protocols fill this in; negotiation reads it. Absent means: the default.
 */

export type ReplaceItem =
  | 'origin'
  | 'session-connection'
  | 'session-name'
  | 'username'
  | 'SDP-version'
  | 'zero-address'
  | 'origin-full'
  | 'force-increment-sdp-ver';

export type AddressFamily = 'IP4' | 'IP6';

export type EndpointLearning = 'off' | 'immediate' | 'delayed' | 'heuristic';

export type RtcpMuxItem = 'offer' | 'require' | 'demux' | 'accept' | 'reject';

export type BundleItem = 'accept' | 'offer' | 'require' | 'strict' | 'reject';

export type IceMode = 'default' | 'remove' | 'force' | 'optional' | 'force-relay';

/** Which of the two legs something concerns, seen from the message: the receiver, the sender, or both. */
export type LegSide = 'off' | 'forward' | 'backward' | 'both';

export type OsrtpItem = 'offer' | 'offer-legacy' | 'accept-rfc' | 'accept-legacy';

/** A codec as named in flags: `NAME[/clock[/channels[/bitrate[/ptime[/fmtp[/options]]]]]]`. */
export type CodecSpec = {
  readonly name: string;
  readonly clockRate?: number;
  readonly channels?: number;
  readonly bitrate?: number;
  readonly ptimeMs?: number;
  readonly fmtp?: string;
  readonly options?: string;
};

/** The lists of the `codec` dictionary, in the order given. `all` and `full` appear as codec names. */
export type CodecFlags = {
  readonly strip: readonly CodecSpec[];
  readonly except: readonly CodecSpec[];
  readonly offer: readonly CodecSpec[];
  readonly ignore: readonly CodecSpec[];
  readonly transcode: readonly CodecSpec[];
  readonly mask: readonly CodecSpec[];
  readonly consume: readonly CodecSpec[];
  readonly accept: readonly CodecSpec[];
  readonly set: readonly CodecSpec[];
};

export type SdesFlags = {
  readonly off: boolean;
  readonly exclude: readonly string[];
  readonly only: readonly string[];
  /** Offer only suites that were offered to us. */
  readonly nonew: boolean;
  /** Keep the negotiated suite on a new answer. */
  readonly static: boolean;
  /** Prefer SDES where both SDES and DTLS were offered. */
  readonly prefer: boolean;
  readonly pad: boolean;
  readonly lifetime: boolean;
  readonly order: readonly string[];
  readonly offererPreference: readonly string[];
  readonly unencryptedSrtp?: boolean;
  readonly unencryptedSrtcp?: boolean;
  readonly unauthenticatedSrtp?: boolean;
};

export type SdpAttributeEdit = {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  readonly substitute: readonly (readonly [from: string, to: string])[];
};

/** Where a recording is to be written: a file, or a directory and the pattern of a name in it. */
export type RecordingDestination = {
  readonly file?: string;
  readonly directory?: string;
  readonly pattern?: string;
};

export type MediaFlags = {
  // Addresses and sockets
  /** Addresses in SDP count; false: the source of the SIP message does. Absent: as configured. */
  readonly trustAddress?: boolean;
  /** Source address of the SIP message, without port. */
  readonly receivedFrom?: string;
  /** Address to print instead of the interface's advertised one. */
  readonly mediaAddress?: string;
  readonly fromInterface?: string;
  readonly toInterface?: string;
  /** Addresses of the parties' hosts: the interfaces are those that lead there. */
  readonly inboundPeer?: string;
  readonly outboundPeer?: string;
  readonly addressFamily?: AddressFamily;
  readonly replace: ReadonlySet<ReplaceItem>;
  readonly endpointLearning?: EndpointLearning;
  readonly asymmetric: boolean;
  readonly strictSource: boolean;
  readonly mediaHandover: boolean;
  /** True: keep local ports though the peer's address changes. False: change them. Absent: the usual rule. */
  readonly portLatching?: boolean;
  readonly unidirectional: boolean;
  readonly natWait: boolean;
  readonly pierceNat: boolean;
  /** Type-of-service byte; -1 keeps the previous one, 256 means the configured default. */
  readonly tos?: number;
  readonly mediaEcho?: 'blackhole' | 'forward' | 'backward' | 'both';
  readonly dropTraffic?: 'start' | 'stop';

  // Profile, security
  readonly transportProtocol?: string;
  readonly dtls?: 'passive' | 'active' | 'off';
  readonly dtlsFingerprint?: string;
  readonly sdes: SdesFlags;
  readonly osrtp: ReadonlySet<OsrtpItem>;
  readonly noTlsId: boolean;
  readonly recrypt: boolean;
  readonly passthrough?: boolean;

  // ICE
  readonly ice: IceMode;
  readonly iceLite?: LegSide;
  readonly trickleIce: boolean;
  readonly ice2: boolean;
  readonly rejectIce: boolean;
  readonly fragment: boolean;

  // RTCP and grouping
  readonly rtcpMux: ReadonlySet<RtcpMuxItem>;
  readonly rtcpAttribute: 'port' | 'none' | 'full';
  readonly generateRtcp?: boolean;
  readonly bundle: ReadonlySet<BundleItem>;
  readonly generateMid: boolean;

  // Codecs
  readonly codec: CodecFlags;
  readonly ptimeMs?: number;
  readonly ptimeReverseMs?: number;
  readonly singleCodec: boolean;
  readonly reuseCodecs: boolean;
  readonly staticCodecs: boolean;
  readonly allowNoCodecMedia: boolean;
  readonly allowAsymmetricCodecs: boolean;
  readonly t38: readonly string[];

  // The rest of the SDP
  readonly originalSendrecv: boolean;
  readonly loopProtect: boolean;
  readonly stripExtmap: boolean;
  readonly extmapStrip: readonly string[];
  readonly extmapMask: readonly string[];
  /** By section: `global`, `audio`, `video` … */
  readonly sdpAttributes: ReadonlyMap<string, SdpAttributeEdit>;
  readonly sdpMediaRemove: readonly string[];

  // The call
  readonly label?: string;
  readonly setLabel?: string;
  readonly metadata?: string;
  readonly aliasKey?: 'SDP' | 'address';
  readonly newBranch: boolean;
  readonly provisional: boolean;
  readonly sipCode?: number;
  readonly reset: boolean;
  readonly xmlrpcCallback?: string;
  readonly dtmfLogDestination?: string;
  readonly blockDtmf: boolean;
  /** How keys are blocked, if they are. */
  readonly keys: KeyWish;
  /** Keys that the sender presses may start and stop the recording (`recording-vsc`). */
  readonly recordingCodesCount: boolean;
  /** Which ones, if not those of the configuration. */
  readonly recordingCodes: RecordingCodes;
  readonly recordCall?: 'on' | 'off' | 'discard';
  readonly recordingDestination?: RecordingDestination;
  /** What the sender says is left out of recordings. */
  readonly excludeRecording: boolean;
  readonly noRedisUpdate: boolean;
  readonly debug: boolean;
};

/** What the others get instead of a key. */
export type KeyMode = 'off' | 'drop' | 'silence' | 'tone' | 'random' | 'zero' | 'DTMF';

/** How a client wants keys to be blocked. Absent: as usual. */
export type KeyWish = {
  readonly mode?: KeyMode;
  /** The key of the mode `DTMF`, 0 to 15. */
  readonly replacement?: number;
  /** Of the mode `tone`, in Hz, and decibels below full scale. */
  readonly frequencies?: readonly number[];
  readonly volume?: number;
  /** Keys that set the mode `triggered`, and what ends it: other keys, a number of keys, a time. */
  readonly trigger?: string;
  readonly triggered?: KeyMode;
  readonly endTrigger?: string;
  readonly endAfterKeys?: number;
  readonly endAfterMs?: number;
  readonly ended?: KeyMode;
};

export type RecordingCodes = Partial<Readonly<Record<RecordingCode, string>>>;

/** What keys may do to the recording of a call. */
export type RecordingCode = (typeof RECORDING_CODES)[number];

export const RECORDING_CODES = [
  'start',
  'stop',
  'start-stop',
  'pause',
  'pause-resume',
  'start-pause-resume',
] as const;

/** By the numbers of RFC 4733. */
export const KEYPAD = '0123456789*#ABCD';

const NO_CODECS: CodecFlags = {
  strip: [],
  except: [],
  offer: [],
  ignore: [],
  transcode: [],
  mask: [],
  consume: [],
  accept: [],
  set: [],
};

const SDES_DEFAULT: SdesFlags = {
  off: false,
  exclude: [],
  only: [],
  nonew: false,
  static: false,
  prefer: false,
  pad: false,
  lifetime: false,
  order: [],
  offererPreference: [],
};

/** What holds for a message that sets no flag at all. */
export const DEFAULT_FLAGS: MediaFlags = {
  replace: new Set(),
  asymmetric: false,
  strictSource: false,
  mediaHandover: false,
  unidirectional: false,
  natWait: false,
  pierceNat: false,
  sdes: SDES_DEFAULT,
  osrtp: new Set(),
  noTlsId: false,
  recrypt: false,
  ice: 'default',
  trickleIce: false,
  ice2: false,
  rejectIce: false,
  fragment: false,
  rtcpMux: new Set(),
  rtcpAttribute: 'port',
  bundle: new Set(),
  generateMid: false,
  codec: NO_CODECS,
  singleCodec: false,
  reuseCodecs: false,
  staticCodecs: false,
  allowNoCodecMedia: false,
  allowAsymmetricCodecs: false,
  t38: [],
  originalSendrecv: false,
  loopProtect: false,
  stripExtmap: false,
  extmapStrip: [],
  extmapMask: [],
  sdpAttributes: new Map(),
  sdpMediaRemove: [],
  newBranch: false,
  provisional: false,
  reset: false,
  blockDtmf: false,
  keys: {},
  recordingCodesCount: false,
  recordingCodes: {},
  excludeRecording: false,
  noRedisUpdate: false,
  debug: false,
};
