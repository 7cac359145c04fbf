// Generated from native/crates/protocol by `npm run gen`. Do not edit.

/** Hash of this schema; the data plane refuses another one. */
export const FINGERPRINT = '630444a8d2d5e195';

/**
 * Names a session. The control plane uses the Call-ID.
 */
export type SessionId = string;

/**
 * Names a stream within its session.
 */
export type StreamId = number;

/**
 * Names a pair of local ports within its session.
 */
export type LocalId = number;

/**
 * Everything the data plane has to know of a call. A plan is complete: what it does not name ends.
 */
export type SessionPlan = { session: SessionId, 
/**
 * Grows with every change. A lower one than the current is refused with `stalePlan`.
 */
revision: number, 
/**
 * The control plane's own record of the call, opaque here. At most 16 kB.
 */
memo: string, 
/**
 * Type-of-service byte of every packet sent (RFC 2474: DSCP in the upper six bits).
 */
tos: number, timeouts: TimeoutPlan, 
/**
 * Keys that parties press (RFC 4733) are reported, whether they are relayed or not.
 */
reportTelephoneEvents: boolean, streams: Array<StreamPlan>, routes: Array<RoutePlan>, 
/**
 * Absent: nobody gets copies.
 */
taps?: Array<TapPlan>, };

/**
 * When to report a call whose media has died. The data plane only reports; the control plane ends calls.
 */
export type TimeoutPlan = { 
/**
 * No packet on any stream that may receive, in milliseconds.
 */
mediaMs: number, 
/**
 * The same for a call in which no stream may receive (hold), in milliseconds.
 */
silentMs: number, 
/**
 * The same for streams whose far end has not been signalled yet (unanswered), in milliseconds.
 */
offerMs: number, 
/**
 * A stream that may receive and never had a packet, in milliseconds from its answer. `null`: not watched.
 */
firstPacketMs: number | null, };

/**
 * One media stream of one leg, i.e. one `m=` section as seen from the proxy.
 */
export type StreamPlan = { id: StreamId, 
/**
 * Local ports. The first is the one in use (packets leave from it); the others stay bound, still receive,
 * and keep their port numbers for the case that the peer returns to them. Empty only for a bundled stream.
 */
locals: Array<LocalPlan>, 
/**
 * `null`: the stream has a transport of its own.
 */
bundle: BundlePlan | null, kind: StreamKind, 
/**
 * Where the peer's RTCP goes and comes from.
 */
rtcp: RtcpMode, 
/**
 * What it gets in RTCP. `null`: what its counterpart sends, as it is.
 */
rtcpRules: RtcpRules | null, 
/**
 * The peer's transport addresses as negotiated. `null` until its SDP is known.
 */
remote: RemotePlan | null, 
/**
 * Addresses of an offer that has not been answered yet: the stream goes on with `remote` (or what was
 * learned) and moves over when a packet arrives from here, or when the next plan says so.
 */
pendingRemote: RemotePlan | null, 
/**
 * What had been learned before, when a session is brought back after a crash.
 */
resume: RemotePlan | null, 
/**
 * Keys and how far they were used, when a session is brought back after a crash.
 */
snapshot: StreamSnapshot | null, security: SecurityPlan, 
/**
 * `null`: no ICE.
 */
ice: IcePlan | null, learning: LearningPlan, 
/**
 * The peer may send to us: its packets are relayed. Otherwise they are counted and dropped (hold).
 */
receive: boolean, 
/**
 * RTP header extensions of the peer that nobody gets to see, by their numbers: such elements become padding. At
 * most 16.
 */
hiddenExtensions: Array<number>, 
/**
 * Negotiated payload types, to name the codec in use and to know the RTP clock. At most 64.
 */
payloads: Array<PayloadPlan>, 
/**
 * The peer belongs to no conversation, it listens to one: whether it sends or not tells nothing of the call's
 * life, and what it reports is not how the parties hear each other.
 */
listener?: boolean, };

/**
 * How the packets exchanged with a stream's peer are protected.
 */
export type SecurityPlan = { "kind": "none" } | { "kind": "sdes", 
/**
 * Unprotects what the peer sends: the key in the peer's `a=crypto`.
 */
receive: SrtpKeyPlan, 
/**
 * Protects what is sent to the peer: the key in our `a=crypto`.
 */
send: SrtpKeyPlan, } | { "kind": "dtls", role: DtlsRole, 
/**
 * The peer's; one that matches is enough. Empty: not signalled yet, and keys are held back until it is.
 */
fingerprints: Array<FingerprintPlan>, 
/**
 * Grows when the association has to be made anew. Old keys are in use until the new ones are there.
 */
association: number, 
/**
 * Which of the node's certificates the peer was told of. `null`, or not known any more: that of new calls.
 */
certificate: string | null, };

/**
 * One master key, as in one `a=crypto` line.
 */
export type SrtpKeyPlan = { 
/**
 * Name in SDP, e.g. `AES_CM_128_HMAC_SHA1_80`.
 */
suite: string, keyBase64: string, saltBase64: string, mkiBase64: string | null, unencryptedSrtp: boolean, unencryptedSrtcp: boolean, unauthenticatedSrtp: boolean, };

export type DtlsRole = "active" | "passive";

/**
 * A certificate's fingerprint as in `a=fingerprint`.
 */
export type FingerprintPlan = { 
/**
 * Name of the hash function, e.g. `sha-256`.
 */
hash: string, 
/**
 * Hexadecimal octets with colons.
 */
value: string, };

/**
 * The same of one stream; handed back in its plan.
 */
export type StreamSnapshot = { stream: StreamId, 
/**
 * The DTLS association the keys are from; 0 with keys from SDP.
 */
association: number, rtp: KeysSnapshot, 
/**
 * RTCP, if it has keys of its own (DTLS without multiplexing).
 */
rtcp: KeysSnapshot | null, 
/**
 * Of the transport stream of a bundle: which stream each source is of.
 */
bundled: Array<BundledSource>, 
/**
 * The newest words first.
 */
ice: Array<IceSnapshot>, };

/**
 * Keys in use and how far they are used.
 */
export type KeysSnapshot = { receive: KeySnapshot | null, send: KeySnapshot | null, };

export type KeySnapshot = { key: SrtpKeyPlan, sources: Array<SourceSnapshot>, };

/**
 * How far one source is in its use of a key.
 */
export type SourceSnapshot = { ssrc: number, 
/**
 * Highest SRTP index: 32 bits of roll-over counter, 16 of sequence number.
 */
rtpIndex: number | null, 
/**
 * Highest SRTCP index.
 */
rtcpIndex: number | null, 
/**
 * Added to the sequence numbers of this source when they are sent on.
 */
sequenceOffset: number, };

/**
 * A source of a bundle that was told apart by its header extension or payload type.
 */
export type BundledSource = { ssrc: number, stream: StreamId, };

/**
 * ICE towards the peer (RFC 8445).
 */
export type IcePlan = { localUfrag: string, localPwd: string, 
/**
 * `null`: not signalled yet.
 */
remoteUfrag: string | null, remotePwd: string | null, role: IceRole, 
/**
 * We are lite: we only answer checks.
 */
lite: boolean, remoteLite: boolean, 
/**
 * The peer's: what stands behind `a=candidate:`.
 */
candidates: Array<string>, endOfCandidates: boolean, 
/**
 * Grows with an ICE restart.
 */
generation: number, };

export type IceRole = "controlling" | "controlled";

/**
 * A stream that shares its transport with others (RFC 8843). Ports, security and ICE are those of the transport
 * stream; locals of the other streams only wait for these to leave the bundle. RTCP is multiplexed.
 */
export type BundlePlan = { 
/**
 * The stream whose transport this one uses. The transport stream names itself.
 */
transport: StreamId, 
/**
 * The stream's `a=mid`.
 */
mid: string | null, 
/**
 * Number of the RTP header extension `urn:ietf:params:rtp-hdrext:sdes:mid` towards this peer. `null`: not agreed.
 */
midExtension: number | null, 
/**
 * The peer's sources of this stream, as signalled with `a=ssrc`. At most 64.
 */
ssrcs: Array<number>, };

/**
 * How far ICE with a peer has come: that of the component that is behind.
 */
export type IceState = "waiting" | "checking" | "connected" | "completed" | "failed" | "disconnected";

/**
 * ICE with one peer, in the statistics.
 */
export type IceStats = { state: IceState, 
/**
 * As it is now; a role conflict may have changed it.
 */
role: IceRole, generation: number, 
/**
 * The pair in use, even if it is of the generation before.
 */
rtp: IcePair | null, 
/**
 * The same of RTCP, if it has a port of its own.
 */
rtcp: IcePair | null, 
/**
 * Our relayed candidate for RTP.
 */
relayed: string | null, 
/**
 * Why there is none, though one was wanted, or why it is gone.
 */
relayFailure: string | null, };

/**
 * A candidate pair: our port and the peer's transport address.
 */
export type IcePair = { local: LocalId, remote: string, 
/**
 * Packets go by way of our relayed candidate.
 */
relayed: boolean, };

/**
 * What has to be known of ICE with a peer to go on with its valid pairs after a crash, for one pair of words: those of
 * the plan, or of before a restart that has not come to its end.
 */
export type IceSnapshot = { localUfrag: string, localPwd: string, remoteUfrag: string, remotePwd: string, role: IceRole, 
/**
 * Sixteen hexadecimal digits.
 */
tieBreaker: string, 
/**
 * The pair in use first.
 */
rtp: Array<ValidPair>, rtcp: Array<ValidPair>, };

/**
 * A pair on which a check of ours was answered.
 */
export type ValidPair = { pair: IcePair, nominated: boolean, };

/**
 * Local transport addresses of a stream.
 */
export type LocalPlan = { id: LocalId, 
/**
 * Name of a configured interface.
 */
interface: string, 
/**
 * One of that interface's bind addresses.
 */
address: string, 
/**
 * RTP port. `null`: choose one from the interface's range and report it. Otherwise exactly this one.
 */
port: number | null, span: PortSpan, 
/**
 * Absent: no relayed addresses.
 */
relay?: RelayPlan, };

/**
 * The ports of a local want relayed addresses.
 */
export type RelayPlan = { 
/**
 * RTCP has a candidate of its own.
 */
separateRtcp: boolean, 
/**
 * As granted before. `null`: to be asked for.
 */
rtp: string | null, rtcp: string | null, };

/**
 * A TURN server, to be spoken to over UDP.
 */
export type RelayServerPlan = { address: string, username: string, password: string, };

/**
 * What the server has said.
 */
export type RelayOutcome = { "kind": "granted", rtp: string, rtcp: string | null, } | { "kind": "failed", reason: string, } | { "kind": "lost", reason: string, };

/**
 * How many ports a local has.
 */
export type PortSpan = "pair" | "single";

export type StreamKind = "rtp" | "opaque";

export type RtcpMode = "separate" | "muxed" | "none";

/**
 * What a peer may get in RTCP. RTCP of the counterpart that breaks these rules is translated or dropped.
 */
export type RtcpRules = { 
/**
 * Feedback (RFC 4585, 5104) the peer has agreed to. `null`: whatever its counterpart sends.
 */
feedback: Array<FeedbackKind> | null, 
/**
 * The peer takes compounds that begin with no report (RFC 5506).
 */
reducedSize: boolean, 
/**
 * `null`: no reports are made here.
 */
reports: ReportsPlan | null, };

export type FeedbackKind = "nack" | "pli" | "fir" | "tmmbr" | "remb" | "transportCc" | "other";

/**
 * Sender and receiver reports of our own towards a peer (RFC 3550 §6).
 */
export type ReportsPlan = { when: ReportsWhen, 
/**
 * Least time between two of them, to which up to a second is added by chance, in milliseconds.
 */
intervalMs: number, 
/**
 * Share of RTCP in the session's bandwidth, in bits per second. 0: none are sent.
 */
bandwidthBps: number, };

export type ReportsWhen = "always" | "missing";

/**
 * A peer's transport addresses.
 */
export type RemotePlan = { rtp: string, 
/**
 * `null` with `rtcp: muxed` or `none`.
 */
rtcp: string | null, };

/**
 * How a stream learns where its peer really is (latching, RFC 7362).
 */
export type LearningPlan = { mode: LearningMode, 
/**
 * After learning, packets from any other source are dropped and counted.
 */
strict: boolean, 
/**
 * After learning, follow a new source at once. Open to hijacking; only on request.
 */
handover: boolean, 
/**
 * Send to the signalled address whatever was learned.
 */
asymmetric: boolean, 
/**
 * Send nothing to the peer before it has sent something itself.
 */
wait: boolean, 
/**
 * Send the peer a small packet each second until it is found, so that its NAT lets media in.
 */
pierce: boolean, 
/**
 * Grows when signalling gives a reason to learn again (a changed address, a re-INVITE).
 */
epoch: number, };

export type LearningMode = "off" | "immediate" | "delayed" | "heuristic";

export type PayloadPlan = { payloadType: number, 
/**
 * Encoding name as in `a=rtpmap`, e.g. `PCMU`.
 */
codec: string, 
/**
 * RTP clock in Hz.
 */
clockRate: number, };

/**
 * Packets received on stream `from` leave on stream `to`; RTCP follows its RTP. A route from a stream to itself is
 * an echo: RTP comes back as if from another source, RTCP stays here.
 */
export type RoutePlan = { from: StreamId, to: StreamId, 
/**
 * What happens to media; RTCP is relayed unless it is `drop`.
 */
media: MediaAction, 
/**
 * What happens to telephone events (RFC 4733).
 */
telephoneEvents: EventAction, };

export type MediaAction = "forward" | "drop" | "silence";

/**
 * What the listener gets for a key that is pressed. An event that has begun ends as it began, whatever a later plan says.
 */
export type EventAction = "forward" | "drop" | "silence" | { "replace": { 
/**
 * 0 to 15, as in RFC 4733.
 */
event: number, } } | { "random": { seed: [number, number], } } | { "tone": { 
/**
 * In Hz, the next one for each press. 1 to 8 of them.
 */
frequencies: Array<number>, 
/**
 * Decibels below full scale, 0 to 63.
 */
volume: number, } };

/**
 * One frame from the control plane.
 */
export type ToDataPlane = { 
/**
 * Chosen by the control plane; the response carries it back.
 */
id: number, 
/**
 * The last `seq` of `repeated` that the control plane had taken in.
 */
seen: number, request: Request, };

/**
 * One frame from the data plane.
 */
export type FromDataPlane = { "kind": "ok", id: number, response: Response, } | { "kind": "error", id: number, error: ErrorCode, } | { "kind": "event", seq: number, event: Event, } | { "kind": "repeated", seq: number, pattern: number, 
/**
 * How long that took.
 */
micros: number, 
/**
 * All values of the session, with a space between them; if it has ended, those of the request.
 */
values: string, } | { "kind": "datagram", socket: number, from: string, bytes: string, };

/**
 * A request from the control plane. Every request but `send` and `seen` gets exactly one response.
 */
export type Request = { "kind": "hello", fingerprint: string, node: string, position: LogPosition | null, } | { "kind": "configure", configuration: Configuration, } | { "kind": "apply", plan: SessionPlan, } | { "kind": "release", session: SessionId, } | { "kind": "list", after: SessionId | null, limit: number, } | { "kind": "stats", sessions: Array<SessionId>, } | { "kind": "snapshot", after: SessionId | null, limit: number, } | { "kind": "renewCertificate", key: CertificateKey, insteadOf: string, } | { "kind": "status" } | { "kind": "learn", pattern: PatternPlan, } | { "kind": "forget" } | { "kind": "seen" } | { "kind": "send", socket: number, to: string, bytes: string, };

export type Response = { "kind": "hello", boot: string, sessions: number, } | { "kind": "configured", certificates: Array<CertificatePlan>, } | { "kind": "applied", bound: Array<BoundLocal>, } | { "kind": "released", stats: SessionStats | null, } | { "kind": "sessions", plans: Array<SessionPlan>, more: boolean, } | { "kind": "stats", sessions: Array<SessionStats>, } | { "kind": "snapshot", sessions: Array<SessionSnapshot>, more: boolean, } | { "kind": "status", status: Status, } | { "kind": "learned" } | { "kind": "forgotten" };

/**
 * What has to be known of a session's protection to continue it after a crash; taken again and again.
 */
export type SessionSnapshot = { session: SessionId, streams: Array<StreamSnapshot>, };

export type Configuration = { interfaces: Array<InterfacePlan>, 
/**
 * A released port rests this long before it is given out again, in milliseconds.
 */
portRestMs: number, 
/**
 * Sessions beyond this are refused with `tooManySessions`.
 */
maxSessions: number | null, 
/**
 * Patterns make no sessions beyond this.
 */
maxRepeated: number | null, 
/**
 * DTLS certificates, that of new calls first; so fingerprints stay valid when the data plane restarts. Those it
 * has besides are kept behind them, and if none is given, as they are.
 */
certificates: Array<CertificatePem>, fastPath: FastPathPlan, 
/**
 * `null`: there are no relayed candidates.
 */
relayServer: RelayServerPlan | null, };

/**
 * A certificate for DTLS with its private key.
 */
export type CertificatePem = { certificate: string, privateKey: string, 
/**
 * By a data plane; otherwise it comes from files.
 */
madeHere: boolean, };

/**
 * One of the node's certificates.
 */
export type CertificatePlan = { 
/**
 * What plans call it.
 */
id: string, pem: CertificatePem, key: CertificateKey, 
/**
 * Milliseconds since 1970.
 */
validFromMs: number, validUntilMs: number, 
/**
 * The preferred one first.
 */
fingerprints: Array<FingerprintPlan>, };

/**
 * The kind of key a certificate is for.
 */
export type CertificateKey = { "kind": "ecdsa" } | { "kind": "rsa", bits: number, };

export type InterfacePlan = { name: string, 
/**
 * Local addresses sockets are bound to.
 */
addresses: Array<string>, 
/**
 * First and last port of the range, both included.
 */
portMin: number, portMax: number, 
/**
 * Ports of the range that are never given out (other listeners).
 */
excluded: Array<number>, };

/**
 * The ports a local got.
 */
export type BoundLocal = { local: LocalId, 
/**
 * RTP port; RTCP is the next one if the span is a pair.
 */
port: number, };

/**
 * Which half of a stream.
 */
export type Component = "rtp" | "rtcp";

export type Event = { "kind": "remoteLearned", session: SessionId, revision: number, stream: StreamId, component: Component, address: string, } | { "kind": "suspectPackets", session: SessionId, revision: number, stream: StreamId, component: Component, cause: SuspectCause, 
/**
 * Of the last one.
 */
source: string, packets: number, } | { "kind": "mediaTimeout", session: SessionId, revision: number, reason: TimeoutReason, lastPacketMsAgo: number | null, } | { "kind": "noFirstPacket", session: SessionId, revision: number, stream: StreamId, } | { "kind": "telephoneEvent", session: SessionId, revision: number, stream: StreamId, 
/**
 * 0 to 9, 10 `*`, 11 `#`, 12 to 15 `A` to `D`.
 */
event: number, 
/**
 * In units of the clock.
 */
duration: number, 
/**
 * In Hz.
 */
clockRate: number, 
/**
 * Decibels below 0 dBm0.
 */
volume: number, payloadType: number, source: string, } | { "kind": "dtlsState", session: SessionId, revision: number, stream: StreamId, component: Component, state: DtlsState, } | { "kind": "iceState", session: SessionId, revision: number, stream: StreamId, state: IceState, } | { "kind": "relay", session: SessionId, revision: number, stream: StreamId, local: LocalId, outcome: RelayOutcome, } | { "kind": "tapFailed", session: SessionId, tap: TapId, reason: string, };

/**
 * How far a DTLS association has come.
 */
export type DtlsState = { "kind": "handshaking" } | { "kind": "connected", suite: string, } | { "kind": "fingerprintMismatch", source: string, } | { "kind": "failed", reason: string, source: string, };

export type TimeoutReason = "media" | "silent" | "offer";

/**
 * What the control plane wants of the fast path.
 */
export type FastPathPlan = { mode: FastPathMode, 
/**
 * Network devices to cover. Empty: those that have the addresses of the interfaces.
 */
devices: Array<string>, 
/**
 * Folder on a BPF file system where program and rules outlive this process.
 */
pinDirectory: string, 
/**
 * Streams relayed in the kernel at the same time, at most.
 */
maxStreams: number, hook: FastPathHook, };

export type FastPathMode = "require" | "auto" | "off";

/**
 * Where packets are taken.
 */
export type FastPathHook = "auto" | "native" | "generic" | "tc";

/**
 * The fast path as it is.
 */
export type FastPathStatus = { mode: FastPathMode, state: FastPathState, reason: string, devices: Array<FastPathDevice>, 
/**
 * Streams whose peer's packets the kernel relays.
 */
offloaded: number, 
/**
 * The others, by reason; reasons that no stream has are left out.
 */
userspace: Array<UserspaceCount>, };

export type FastPathState = "off" | "opening" | "active" | "unavailable";

/**
 * A network device and the way of its packets.
 */
export type FastPathDevice = { device: string, mode: DeviceMode, reason: string, 
/**
 * Packets relayed.
 */
forwarded: number, 
/**
 * Packets handed up, by reason.
 */
passed: Array<PassedCount>, };

export type PassedCount = { reason: string, packets: number, };

export type DeviceMode = "native" | "generic" | "tc" | "none";

export type UserspaceCount = { reason: UserspaceReason, streams: number, };

/**
 * The way packets from a stream's peer take.
 */
export type StreamPath = { "kind": "fastPath" } | { "kind": "userspace", reason: UserspaceReason, };

/**
 * Why a stream's packets are not relayed in the kernel.
 */
export type UserspaceReason = "noFastPath" | "opaque" | "protected" | "ice" | "bundled" | "unrouted" | "forked" | "silenced" | "altered" | "held" | "learning" | "unroutable" | "tableFull" | "installError";

/**
 * State of the data plane process.
 */
export type Status = { version: string, boot: string, sessions: number, shards: number, dataPath: DataPath, fastPath: FastPathStatus, interfaces: Array<InterfaceStatus>, counters: NodeCounters, repeats: RepeatCounters, };

/**
 * Which way packets take, and why that one.
 */
export type DataPath = { 
/**
 * `io_uring` or `mmsg`.
 */
name: string, reason: string, };

export type InterfaceStatus = { name: string, address: string, portMin: number, portMax: number, portsUsed: number, portsResting: number, portsFree: number, traffic: InterfaceTraffic, };

/**
 * What an address of ours has relayed or consumed from its peers, and sent to them, RTCP included, since the start of
 * the process. With several addresses a stream counts at its first one. UDP payload bytes.
 */
export type InterfaceTraffic = { receivedPackets: number, receivedBytes: number, 
/**
 * Not, or not provably, a peer's, or of no negotiated payload type.
 */
receivedErrors: number, sentPackets: number, sentBytes: number, };

/**
 * Counters of the whole process since its start.
 */
export type NodeCounters = { receivedPackets: number, receivedBytes: number, sentPackets: number, sentBytes: number, droppedPackets: number, 
/**
 * Packets the kernel or the send queue did not take.
 */
sendFailures: number, 
/**
 * Packets relayed in the kernel; in `received` and `sent`, too.
 */
fastPathPackets: number, fastPathBytes: number, suspect: SuspectCounts, };

/**
 * What is wrong with such packets. All are dropped but `tolerated` ones.
 */
export type SuspectCause = "foreign" | "tolerated" | "notAuthentic" | "replay" | "unkeyed" | "check" | "handshake" | "malformed" | "early";

/**
 * Suspect packets of all streams since the start of the process, by cause.
 */
export type SuspectCounts = { foreign: number, tolerated: number, notAuthentic: number, replay: number, unkeyed: number, check: number, handshake: number, malformed: number, early: number, };

/**
 * The last suspect packet of a component.
 */
export type Suspect = { cause: SuspectCause, source: string, };

export type ErrorCode = { "code": "badFrame", reason: string, } | { "code": "fingerprintMismatch", ours: string, theirs: string, } | { "code": "stalePlan", current: number, } | { "code": "overtaken" } | { "code": "badPlan", path: string, reason: string, } | { "code": "noSuchInterface", name: string, } | { "code": "addressNotLocal", address: string, } | { "code": "portRangeFull", interface: string, address: string, inUse: number, } | { "code": "outOfSockets", reason: string, } | { "code": "portBusy", address: string, port: number, } | { "code": "tooManySessions", limit: number, } | { "code": "unsupported", feature: string, } | { "code": "shuttingDown" } | { "code": "internal", incident: string, };

/**
 * One kind of request. Requests of a kind differ in nothing but values; so do their plans, records and replies.
 */
export type PatternPlan = { 
/**
 * Names it; never used again.
 */
number: number, 
/**
 * The pattern the session was made or changed by before. `null`: there must not be such a session.
 */
after: number | null, 
/**
 * The request, without its cookie.
 */
request: Array<RequestPart>, 
/**
 * All values: first those of the session so far, then those of the request.
 */
values: Array<ValuePlan>, 
/**
 * How many of them are the session's so far.
 */
known: number, 
/**
 * Where the values that do not stand in the request go, and which one names the session.
 */
places: PlacesPlan, 
/**
 * What the session and the request add by chance: values that follow theirs.
 */
draws?: Array<DrawPlan>, 
/**
 * Values that must not be longer than this together.
 */
rooms?: Array<RoomPlan>, outcome: OutcomePlan, };

/**
 * What becomes of the session, and what the client is told.
 */
export type OutcomePlan = { "kind": "session", 
/**
 * The plan of an example; `gaps` are filled in with values.
 */
plan: SessionPlan, gaps: Array<PlanGap>, 
/**
 * Locals the plan opens. Each adds two values: its port, and the next one.
 */
opened: Array<LocalId>, reply: ReplyPlan, } | { "kind": "end", revision: number, streams: Array<StreamStats>, remotes: Array<RemoteGap>, reply: FormedText, };

export type RequestPart = { "kind": "text", text: string, } | { "kind": "value", at: number, } | { "kind": "measuredValue", at: number, } | { "kind": "measuredStart" } | { "kind": "measuredEnd" };

/**
 * Where values go that are not in the request.
 */
export type PlacesPlan = { 
/**
 * Milliseconds since the epoch.
 */
now: number, clientAddress: number, clientPort: number, 
/**
 * The value that names the session.
 */
session: number, };

/**
 * How a value is spelled, and the first value before it that it equals.
 */
export type ValuePlan = { spelling: Spelling, 
/**
 * Its own place: it equals none.
 */
like: number, 
/**
 * Of a candidate: its component, transport, what its address is (`4`, `6`, or `n` for a name) and its type, as
 * in `1UDP4host`. Any other one is of another kind.
 */
form?: string, };

/**
 * Values are spelled in the one way that is the value itself.
 */
export type Spelling = "word" | "digits" | "address" | "port" | "longPort" | "nextPort" | "credential" | "password" | "fingerprint" | "source" | "candidate" | "opaque";

/**
 * `texts[0] values[at[0]] texts[1] …`: one text more than values.
 */
export type TextPlan = { texts: Array<string>, at: Array<number>, };

/**
 * A part of a plan that depends on values.
 */
export type PlanGap = { place: PlanPlace, text: TextPlan, };

export type PlanPlace = { "kind": "session" } | { "kind": "memo" } | { "kind": "localPort", stream: number, local: number, } | { "kind": "remote", stream: number, which: RemoteKind, component: Component, } | { "kind": "source", stream: number, at: number, } | { "kind": "fingerprint", stream: number, at: number, } | { "kind": "credential", stream: number, which: CredentialKind, } | { "kind": "candidate", stream: number, at: number, };

export type RemoteKind = "remote" | "pending";

/**
 * Text that is drawn for each session anew.
 */
export type DrawPlan = { "kind": "hex", length: number, } | { "kind": "alphanumeric", length: number, };

/**
 * Each of these values is counted as often as it is named.
 */
export type RoomPlan = { at: Array<number>, bytes: number, };

/**
 * Of ICE.
 */
export type CredentialKind = "localUfrag" | "localPwd" | "remoteUfrag" | "remotePwd";

/**
 * The answer to the client, behind the cookie and a space: `before`, length of the body, colon, body, `after`.
 */
export type ReplyPlan = { before: string, body: TextPlan, after: string, };

/**
 * The address in statistics that a value, or more of them, make.
 */
export type RemoteGap = { 
/**
 * By its place in the list.
 */
stream: number, component: Component, text: TextPlan, };

/**
 * A text of bytes, one a character, in which values stand in several forms: one text more than values.
 */
export type FormedText = { texts: Array<string>, at: Array<FormedValue>, };

export type FormedValue = { at: number, form: ValueForm, };

export type ValueForm = "plain" | "measured" | "seconds" | "microseconds" | "microsecondsBeyond";

/**
 * What was answered by patterns, and what was passed on.
 */
export type RepeatCounters = { 
/**
 * Patterns that are known.
 */
patterns: number, 
/**
 * Requests answered by a pattern.
 */
answered: number, 
/**
 * Requests answered with an earlier reply.
 */
repeated: number, 
/**
 * Requests passed on to the control plane.
 */
passedOn: number, };

/**
 * How far a control plane that connects again has read of `repeated`.
 */
export type LogPosition = { 
/**
 * Of the data plane it was connected to.
 */
boot: string, seq: number, };

export type SessionStats = { session: SessionId, revision: number, streams: Array<StreamStats>, 
/**
 * Absent: there are none.
 */
taps?: Array<TapStats>, };

export type StreamStats = { stream: StreamId, 
/**
 * The way RTP from the peer takes.
 */
path: StreamPath, rtp: ComponentStats, 
/**
 * With `rtcp: muxed` this counts the RTCP that arrived on the RTP port.
 */
rtcp: ComponentStats, 
/**
 * Codec of the last media packet from the peer, e.g. `PCMU`; `null` if unknown or none yet.
 */
codecIn: string | null, 
/**
 * Codec of the last media packet sent to the peer.
 */
codecOut: string | null, 
/**
 * SRTP suite of what the peer sends; `null`: none, or no keys yet.
 */
suiteIn: string | null, 
/**
 * SRTP suite of what is sent to the peer.
 */
suiteOut: string | null, 
/**
 * `null`: no ICE.
 */
ice: IceStats | null, 
/**
 * Sources seen from the peer, at most eight: the idlest gives way.
 */
ingress: Array<SsrcStats>, 
/**
 * Sources sent to the peer, at most eight.
 */
egress: Array<SsrcStats>, 
/**
 * Sources that had to give way in `ingress`.
 */
ssrcsForgotten: number, };

export type ComponentStats = { 
/**
 * Relayed or consumed packets from the peer.
 */
receivedPackets: number, 
/**
 * UDP payload bytes of those.
 */
receivedBytes: number, sentPackets: number, sentBytes: number, 
/**
 * Not RTP or RTCP of version 2, or truncated.
 */
malformed: number, 
/**
 * From another source than the peer, and dropped.
 */
foreign: number, 
/**
 * From another source than the peer, and relayed all the same: the stream is not strict about sources.
 */
tolerated: number, 
/**
 * `null`: every packet has been the peer's as far as can be told.
 */
lastSuspect: Suspect | null, 
/**
 * Dropped because the peer may not send (hold) or its media is blocked.
 */
blocked: number, 
/**
 * Dropped because there is nobody to send it to yet.
 */
unroutable: number, 
/**
 * Dropped because it is of none of the streams of a bundle. Counted with the transport stream.
 */
unassigned: number, 
/**
 * SRTP or SRTCP that is not authentic, and dropped.
 */
authenticationFailures: number, 
/**
 * Authentic but seen before, or too old to tell, and dropped.
 */
replays: number, 
/**
 * Dropped because there are no keys yet.
 */
unkeyed: number, 
/**
 * DTLS, handled here.
 */
handshakePackets: number, 
/**
 * Connectivity checks of the peer, and its answers to ours.
 */
checks: number, 
/**
 * STUN that does not prove to be the peer's, and dropped.
 */
refusedChecks: number, 
/**
 * DTLS that is of no handshake and begins none, and dropped.
 */
refusedHandshakes: number, 
/**
 * RTP with a payload type that was not negotiated; relayed all the same.
 */
unknownPayloadType: number, 
/**
 * Where packets to the peer go now.
 */
remote: string | null, remoteState: RemoteState, 
/**
 * Milliseconds since the last packet from the peer; `null` if there was none.
 */
lastPacketMsAgo: number | null, };

export type RemoteState = "unknown" | "signalled" | "provisional" | "confirmed";

/**
 * One RTP source (RFC 3550 §3).
 */
export type SsrcStats = { ssrc: number, packets: number, bytes: number, payloadType: number, codec: string | null, lastSequence: number, lastTimestamp: number, measured: MeasuredQuality, 
/**
 * What the receiver of this source reports of it; `null` before its first usable report block.
 */
reported: ReportedQuality | null, };

/**
 * Quality as seen on arrival here.
 */
export type MeasuredQuality = { 
/**
 * Packets expected less packets received (RFC 3550 A.3); duplicates can make it negative.
 */
lost: number, duplicates: number, reordered: number, 
/**
 * Interarrival jitter (RFC 3550 A.8) in milliseconds.
 */
jitterMs: number, 
/**
 * Estimated listening quality from loss and jitter, 1.0 to 4.5 (simplified ITU-T G.107); `null` before the
 * first second of media.
 */
mos: number | null, };

/**
 * Quality from RTCP report blocks about this source.
 */
export type ReportedQuality = { reports: number, 
/**
 * Cumulative number of packets lost (RFC 3550 §6.4.1).
 */
lost: number, 
/**
 * Loss since the report before, percent.
 */
lossPercent: number, jitterMs: number, 
/**
 * Round trip between here and the reporter in microseconds; `null` without a usable LSR.
 */
roundTripLegUs: number | null, 
/**
 * Sum of both legs in microseconds.
 */
roundTripUs: number | null, average: MosSample | null, lowest: MosSample | null, highest: MosSample | null, 
/**
 * Report blocks that gave a MOS.
 */
samples: number, 
/**
 * `null` without any.
 */
progression: MosProgression | null, };

export type MosSample = { 
/**
 * 1.0 to 4.5.
 */
mos: number, jitterMs: number, lossPercent: number, roundTripUs: number, roundTripLegUs: number, 
/**
 * Milliseconds ago.
 */
msAgo: number, };

/**
 * Samples over time, each the mean of an interval in which there were any.
 */
export type MosProgression = { intervalMs: number, 
/**
 * At most ten, the oldest first.
 */
entries: Array<MosSample>, };

/**
 * Names a tap within its session. While a tap stays in the plan, so do its counters and its file.
 */
export type TapId = number;

/**
 * Copies packets that were accepted, in the clear. At most eight of a session.
 */
export type TapPlan = { id: TapId, 
/**
 * Whose packets, each stream once.
 */
streams: Array<StreamId>, side: TapSide, 
/**
 * RTCP is copied, too.
 */
rtcp: boolean, 
/**
 * Nothing is copied for now.
 */
paused: boolean, target: TapTarget, };

/**
 * Which packets of a stream.
 */
export type TapSide = "arriving" | "leaving" | "both";

/**
 * Where copies go. A tap with another target begins anew.
 */
export type TapTarget = { "kind": "pcap", 
/**
 * Absolute.
 */
path: string, link: PcapLink, } | { "kind": "datagrams", rtp: string, 
/**
 * `null`: RTCP is not copied.
 */
rtcp: string | null, };

/**
 * What a packet in a capture file begins with.
 */
export type PcapLink = "rawIp" | "ethernet";

/**
 * What has become of a tap's copies.
 */
export type TapStats = { id: TapId, 
/**
 * Written or sent.
 */
packets: number, 
/**
 * RTP and RTCP bytes of those.
 */
bytes: number, 
/**
 * Copies that were lost, because the recorder was behind or its target has failed.
 */
dropped: number, 
/**
 * Why nothing is written or sent now. `null`: all is well.
 */
failure: string | null, };

