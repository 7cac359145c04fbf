import type { NoticeEvent } from '../call/notice.js';
import type { AddressFamily, EndpointLearning, RecordingCodes } from '../command/flags.js';
import type { LogSubsystem } from '../command/log-subsystems.js';
import type { LoadLimits } from '../command/load.js';
import type { RecordForm } from '../observability/detail-records.js';
import type { CertificateFiles } from './certificate-files.js';

/** What an operator can set. `config/default.yaml` says what each value is for. */
export type Config = {
  readonly listen: {
    readonly ng: readonly ListenAddress[];
    readonly ngTcp: readonly ListenAddress[];
    readonly rtpproxy: readonly RtpproxyListenConfig[];
    /** For operators and their programs, and for clients of ng over HTTP and WebSocket. */
    readonly http: readonly ListenAddress[];
    /** The same over TLS. */
    readonly https: readonly ListenAddress[];
    /** The command line, over TCP. */
    readonly cli: readonly ListenAddress[];
  };
  readonly http: HttpConfig;
  /** The first one is used for calls that name none. */
  readonly interfaces: readonly InterfaceConfig[];
  readonly portRestSeconds: number;
  readonly maxSessions: number | null;
  readonly limits: LoadLimits;
  readonly timeouts: TimeoutConfig;
  readonly deleteDelaySeconds: number;
  /** Between RTCP reports of our own. */
  readonly rtcpIntervalMs: number;
  readonly keyGapMs: number;
  readonly endpointLearning: EndpointLearning;
  readonly strictSource: boolean;
  readonly sipSource: boolean;
  readonly rtpproxy: RtpproxyConfig;
  readonly notify: NotifyConfig;
  readonly tos: number;
  readonly controlTos: number;
  /** Flag strings by name; `default` counts for every command, a command's name for that command. */
  readonly templates: ReadonlyMap<string, string>;
  readonly dtls: DtlsConfig;
  readonly fastPath: FastPathConfig;
  /** `null`: we offer no relayed candidates. */
  readonly turn: TurnConfig | null;
  readonly log: LogConfig;
  readonly graphite: GraphiteConfig;
  readonly dataPlane: DataPlaneConfig;
  readonly recording: RecordingConfig;
  /** `null`: calls are known to this node alone. */
  readonly replication: ReplicationConfig | null;
};

export type RtpproxyListenConfig =
  | ({ readonly kind: 'udp' | 'tcp' } & ListenAddress)
  /** `unix`: one command a connection; `cunix`: lines; `unix-dgram`: datagrams with a cookie. */
  | { readonly kind: 'unix' | 'cunix' | 'unix-dgram'; readonly path: string };

/** What concerns the rtpproxy protocol only. */
export type RtpproxyConfig = {
  /** Targets clients may have told of timeouts. */
  readonly notify: readonly string[];
  /** Of Unix sockets. */
  readonly socketMode: number;
  /** Between two interfaces, media goes where signalling says, unless a command says otherwise. */
  readonly asymmetricBridge: boolean;
};

export type HttpConfig = {
  /** Origins whose pages may use the listeners; `*` stands for all. */
  readonly webPages: readonly string[];
  /** `null`: there is no listener over TLS. */
  readonly files: CertificateFiles | null;
};

/** Who is told of calls that end by themselves. In a URL `%%` stands for the host of the call's client. */
export type NotifyConfig = {
  readonly xmlrpc: { readonly url: string; readonly format: 'sems' | 'callId' | 'dialog' } | null;
  readonly jsonrpc: { readonly url: string } | null;
  readonly webhook: {
    readonly url: string;
    readonly secret: string;
    readonly events: readonly NoticeEvent[];
    readonly deadLetterFile: string | null;
  } | null;
  /** Clients on TCP connections of the ng protocol. */
  readonly ngTcp: boolean;
  /** Keys that parties press. */
  readonly dtmf: {
    /** Kamailio's `dtmf_events_sock`. */
    readonly udp: ListenAddress | null;
    readonly ngTcp: boolean;
    /** Listeners of `GET /events`. */
    readonly events: boolean;
    readonly log: boolean;
  };
};

export type ListenAddress = { readonly address: string; readonly port: number };

export type InterfaceConfig = {
  readonly name: string;
  /** Other names under which commands may ask for this interface. */
  readonly aliases: readonly string[];
  /** Never empty; the first address of a family is its primary one. */
  readonly addresses: readonly InterfaceAddressConfig[];
  readonly portMin: number;
  readonly portMax: number;
  /** Ports of the range that are never given out: as configured, and the control listeners'. */
  readonly excludePorts: readonly number[];
};

export type InterfaceAddressConfig = {
  readonly bind: string;
  readonly advertise: string;
  readonly family: AddressFamily;
};

export type TimeoutConfig = {
  readonly mediaSeconds: number;
  readonly silentSeconds: number;
  readonly offerSeconds: number;
  /** `null`: calls may last for ever. */
  readonly finalSeconds: number | null;
  /** `null`: not watched. */
  readonly firstPacketSeconds: number | null;
};

/** The certificate of DTLS-SRTP. */
export type DtlsConfig = {
  /** `null`: the data plane makes its own. */
  readonly files: CertificateFiles | null;
  /** Of a certificate that is made. */
  readonly key: 'ecdsa' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096';
  /** `null`: one that is made is in use for as long as this node runs. */
  readonly rotationHours: number | null;
};

/** Relaying in the kernel. */
export type FastPathConfig = {
  readonly mode: 'require' | 'auto' | 'off';
  /** Network devices; empty: those that have the addresses of the interfaces. */
  readonly devices: readonly string[];
  /** Folder on a BPF file system where rules outlive the data plane. */
  readonly pinDirectory: string;
  /** Relayed in the kernel at the same time, at most. */
  readonly maxStreams: number;
  /** Where packets are taken; `auto`: the fastest that works, for each device. */
  readonly hook: 'auto' | 'native' | 'generic' | 'tc';
};

/** Where relayed candidates of our own come from, over UDP. */
export type TurnConfig = {
  readonly server: ListenAddress;
  readonly username: string;
  readonly password: string;
  /** Interfaces whose calls have such candidates, by name. */
  readonly interfaces: readonly string[];
};

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

export type LogConfig = {
  readonly level: LogLevel;
  /** Of the subsystems that have another one. */
  readonly levels: ReadonlyMap<LogSubsystem, LogLevel>;
  readonly format: 'text' | 'json';
  /** Each line begins with the time. */
  readonly timestamps: boolean;
  /** A line for each call that has ended. */
  readonly callRecords: boolean;
  readonly callRecordForm: RecordForm;
};

/** Statistics from interval to interval. */
export type GraphiteConfig = {
  /** Who is sent them; `null`: nobody. */
  readonly server: { readonly host: string; readonly port: number } | null;
  readonly intervalSeconds: number;
  /** Of every name. */
  readonly prefix: string;
  /** How long a connection may take, or leave unread what it was sent. */
  readonly timeoutSeconds: number;
};

export type DataPlaneConfig = {
  /** Unix socket of the data plane; `null`: the supervisor chooses one. */
  readonly socket: string | null;
  readonly io: 'auto' | 'io_uring' | 'mmsg';
  /** Packet threads; `null`: as many as the machine suggests. */
  readonly shards: number | null;
  /** The data plane may answer commands that repeat with other values. */
  readonly patterns: boolean;
};

/** Copies of packets, for those who ask for them. */
export type RecordingConfig = {
  /** `null`: nothing is recorded. */
  readonly directory: string | null;
  /** What a packet in a file begins with. */
  readonly format: 'raw' | 'eth';
  readonly side: 'arriving' | 'leaving' | 'both';
  readonly rtcp: boolean;
  readonly everyCall: boolean;
  /** Keys that start and stop recordings, for parties that may. */
  readonly codes: RecordingCodes;
  /** Who gets what clients want forwarded. */
  readonly forwardTo: ListenAddress | null;
};

/** Calls are kept in Redis, for this node after a restart and for others in its place. */
export type ReplicationConfig = {
  /** Where calls are read. */
  readonly redis: RedisEndpoint;
  /** Where they are written, if elsewhere. */
  readonly write: RedisEndpoint | null;
  /** This node's name, which no other one of the group has. */
  readonly node: string;
  /** The first word of all keys. */
  readonly group: string;
  /** A number this node's calls go by. */
  readonly keyspace: number;
  /** Keyspaces of other nodes whose calls are kept ready. */
  readonly follow: 'all' | readonly number[];
  /** Of 32 bytes. The first one is written with. */
  readonly keys: readonly Buffer[];
  /** Without keys everybody who reads Redis can read media. */
  readonly plaintext: boolean;
  readonly expireSeconds: number;
  readonly connectTimeoutMs: number;
  /** `null`: as long as it takes. */
  readonly commandTimeoutMs: number | null;
  /** Errors in a row until nothing is written for a while. `null`: any number. */
  readonly allowedErrors: number | null;
  readonly disableSeconds: number;
  /** Without Redis this node does not start. */
  readonly required: boolean;
  /** A node that is silent for so long is taken for dead. */
  readonly leaseSeconds: number;
  /** Its calls are taken over so long after that. `null`: not by itself. */
  readonly takeOverAfterSeconds: number | null;
  /** Calls are taken over when their media addresses become this host's. */
  readonly takeOverWithAddress: boolean;
};

export type RedisEndpoint = {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly username: string | null;
  readonly password: string | null;
  /** `ca`: who has signed its certificate, if not somebody generally known. */
  readonly tls: { readonly ca: string | null } | null;
};

/** `BASE` of an interface named `BASE:SUFFIX`: a family whose members take turns. */
export function interfaceFamily(name: string): string | undefined {
  const colon = name.indexOf(':');
  return colon > 0 ? name.slice(0, colon) : undefined;
}
