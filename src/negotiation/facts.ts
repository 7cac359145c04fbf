import type { TapSide, TapTarget } from '../call/taps.js';
import type { EndpointLearning, RecordingCodes } from '../command/flags.js';
import type { Random } from '../service/ports.js';
import type { Draws } from './draws.js';

/** What negotiation needs to know and cannot compute. */
export type Facts = {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly random: Random;
  /** What is drawn, where it is not to be left to chance. */
  readonly draws?: Draws;
  /** The first one is the default. Never empty. */
  readonly interfaces: readonly InterfaceFacts[];
  /** Grows with every call: interfaces named `BASE:SUFFIX` take turns by it. */
  readonly turn: number;
  readonly defaults: CallDefaults;
  /** What the data plane can do besides relaying. What it cannot is left to the parties, or refused. */
  readonly capabilities: ReadonlySet<Capability>;
  /** Of this node, for DTLS in new calls; `null`: there is none. */
  readonly certificate: CertificateFacts | null;
};

export type Capability = 'srtp' | 'ice';

/** A data plane that relays packets and no more. */
export const RELAY_ONLY: Pick<Facts, 'capabilities' | 'certificate'> = {
  capabilities: new Set(),
  certificate: null,
};

/** A certificate, and those of the node that calls were told of before. */
export type CertificateFacts = NamedCertificate & { readonly former: readonly NamedCertificate[] };

export type NamedCertificate = {
  readonly id: string;
  readonly fingerprints: readonly { readonly hash: string; readonly value: string }[];
};

export type InterfaceFacts = {
  readonly name: string;
  /** Other names it is asked for by. */
  readonly aliases: readonly string[];
  readonly addresses: readonly InterfaceAddress[];
  /** Addresses of this family get relayed ones, too. Absent: none does. */
  readonly relayFamily?: 'IP4' | 'IP6';
};

export type InterfaceAddress = {
  readonly bind: string;
  /** What is printed in SDP. */
  readonly advertise: string;
  readonly family: 'IP4' | 'IP6';
};

export type CallDefaults = {
  readonly mediaTimeoutMs: number;
  readonly silentTimeoutMs: number;
  readonly offerTimeoutMs: number;
  readonly firstPacketTimeoutMs: number | null;
  readonly finalTimeoutMs: number | null;
  readonly deleteDelaySeconds: number;
  /** Between RTCP reports of our own. */
  readonly rtcpIntervalMs: number;
  readonly tos: number;
  readonly endpointLearning: EndpointLearning;
  readonly strictSource: boolean;
  /** Trust the source of the SIP message instead of addresses in SDP. */
  readonly sipSource: boolean;
  /** Keys that parties press are told to somebody. */
  readonly tellsKeys: boolean;
  /** Twelve hexadecimal digits that mark SDP this node has written (`loop-protect`). */
  readonly instanceId: string;
  /** What keys do to recordings, unless a message says otherwise. */
  readonly recordingCodes: RecordingCodes;
  /** Between two keys of a sequence. */
  readonly longestKeyGapMs: number;
  /** `null`: nothing can be recorded. */
  readonly recording: RecordingRules | null;
  /** Where `start forwarding` sends copies; `null`: nowhere. */
  readonly forwardTo: Extract<TapTarget, { kind: 'datagrams' }> | null;
};

export type RecordingRules = {
  /** Absolute. */
  readonly directory: string;
  readonly link: Extract<TapTarget, { kind: 'pcap' }>['link'];
  readonly side: TapSide;
  readonly rtcp: boolean;
  /** Nobody has to ask for it. */
  readonly everyCall: boolean;
};
