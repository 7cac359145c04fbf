import type { Call } from '../call/call.js';
import type { KeyPress } from '../call/keys.js';
import type { Notice } from '../call/notice.js';
import type { Client, Command } from '../command/command.js';
import type { PairCommand, PairReply } from '../command/pair.js';
import type { Reply } from '../command/reply.js';
import type {
  BoundLocal,
  CertificateKey,
  CertificatePlan,
  Configuration,
  ErrorCode,
  Event,
  PatternPlan,
  SessionId,
  SessionPlan,
  SessionSnapshot,
  SessionStats,
  Status,
} from '../dataplane/protocol.gen.js';
import type { EndReason } from '../observability/counters.js';

/** As `CommandHandler`, for the protocol that knows no SDP. */
export type PairHandler = (command: PairCommand, client: Client) => Promise<PairReply>;

/** Executes commands. The control protocols call it; they know nothing else of the service. */
export type CommandHandler = (command: Command, client: Client) => Promise<Reply>;

/** The data plane as the service sees it. A refused request rejects with `DataPlaneError`. */
export type DataPlane = {
  /** Resolves with the certificates of the node, that of new calls first. */
  configure(configuration: Configuration): Promise<readonly CertificatePlan[]>;
  /** Begins to make a certificate for new calls, if `insteadOf` is still theirs; resolves as `configure` does. */
  renewCertificate(key: CertificateKey, insteadOf: string): Promise<readonly CertificatePlan[]>;
  /** Makes the session look like the plan; resolves with the port of every local of the plan. */
  apply(plan: SessionPlan | WrittenPlan): Promise<readonly BoundLocal[]>;
  /** Ends the session; resolves with its last statistics, `null` if it did not exist. */
  release(session: SessionId): Promise<SessionStats | null>;
  stats(sessions: readonly SessionId[]): Promise<readonly SessionStats[]>;
  status(): Promise<Status>;
  /** What it takes to continue all protected sessions elsewhere. */
  snapshots(): Promise<readonly SessionSnapshot[]>;
  /** All sessions the data plane holds, with their ports. */
  list(): Promise<readonly SessionPlan[]>;
  /** Lets the data plane answer requests of this kind from now on. */
  learn(pattern: PatternPlan): Promise<void>;
  /** Takes all of that back. What was answered before is known when this resolves. */
  forget(): Promise<void>;
};

/** A plan that was written before: `json` is the whole plan, in ASCII. */
export type WrittenPlan = { readonly session: string; readonly revision: number; readonly json: string };

export type DataPlaneListener = {
  /** A connection is up. `boot` differs from the last one if the data plane has restarted. */
  connected(boot: string, sessions: number): void;
  disconnected(reason: string): void;
  event(event: Event): void;
  /** A request was answered by a pattern. */
  repeated(repetition: Repetition): void;
  /** A request that came in on a socket of the data plane. */
  datagram(datagram: CarriedDatagram): void;
};

/** What the data plane has done by a pattern. */
export type Repetition = {
  readonly pattern: number;
  readonly micros: number;
  /** All values of the call, with a space between them. */
  readonly values: string;
};

/** A datagram on its way between a client and this process, through the data plane. */
export type CarriedDatagram = {
  /** By its number there. */
  readonly socket: number;
  /** The client, as `address:port`. */
  readonly client: string;
  /** One byte a character. */
  readonly bytes: string;
};

/** A request the data plane refused, or could not answer. */
export class DataPlaneError extends Error {
  override readonly name = 'DataPlaneError';
  readonly detail: ErrorCode | { readonly code: 'disconnected' } | { readonly code: 'timeout' };

  constructor(detail: DataPlaneError['detail']) {
    super(`data plane: ${detail.code}`);
    this.detail = detail;
  }
}

/** Tells programs outside what happened to a call. */
export type Notifier = {
  /** Tells everybody the configuration names. Never waits and never fails, as the others. */
  tell(notice: Notice): void;
  /** Tells of a key that a party has pressed. */
  tellKey(press: KeyPress): void;
  /** Tells the target a client named for a session that the session has ended; `tag` is what the client knows it by. */
  tellEnd(target: string, tag: string, notice: Notice): void;
  /** Tells such a target of a key. */
  tellKeyLine(target: string, text: string, callId: string): void;
};

/** Keeps what is left of a call; `media`: what was counted until its end, `null` if nobody knows. */
export type DetailRecorder = (
  call: Call,
  reason: EndReason | 'lost',
  media: SessionStats | null,
  endedMs: number,
) => void;

/** Knows the local address that packets to an address leave from; `undefined` if none can. */
export type Routes = { sourceTowards(address: string): Promise<string | undefined> };

export type Clock = { now(): number };

/** Cryptographic randomness. */
export type Random = { bytes(count: number): Uint8Array };
