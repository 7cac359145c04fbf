import type { CallStatistics, NodeStatistics } from '../../command/reply.js';
import type { LogLevels, LogSubsystem } from '../../command/log-subsystems.js';
import type { SettingName, Settings } from './settings.js';

/** A node as the command line sees it. */
export type CliNode = {
  statistics(): Promise<NodeStatistics>;
  callIds(): readonly string[];
  foreignCallIds(): readonly string[];
  /** Answered calls by the addresses of their parties. */
  families(): { readonly IP4: number; readonly IP6: number; readonly mixed: number };
  session(callId: string): CliSession | undefined;
  /** The call with its streams; undefined: there is none. */
  call(callId: string): Promise<CallStatistics | undefined>;
  /** Together with other nodes; undefined: there are none. */
  readonly redundancy: CliRedundancy | undefined;
  /** False: there is no such call. */
  end(callId: string): Promise<boolean>;
  readonly settings: {
    /** As the program was started with. */
    readonly start: Settings;
    readonly current: Settings;
    change(name: SettingName, value: number): void;
  };
  readonly logLevels: {
    readonly start: LogLevels;
    readonly current: LogLevels;
    change(subsystem: LogSubsystem, level: number): void;
  };
  /** Has everything told of a call that exists, or no longer. */
  watch(callId: string, on: boolean): void;
  /** How many files and sockets a process may have open, and which process that was looked up for. */
  openFiles(): { readonly limit: string; readonly pid: number };
};

export type CliRedundancy = {
  /** Goes on with all calls of other nodes. */
  activate(): Promise<void>;
  /** Leaves all calls to them; how many cannot be stored, and stay. */
  standBy(): Promise<number>;
  /** Whose calls are kept ready. */
  keyspaces(): readonly number[] | 'all';
  /** False: that is so already. */
  follow(keyspace: number, on: boolean): boolean;
};

export type CliSession = {
  readonly callId: string;
  readonly createdMs: number;
  readonly lastSignalMs: number;
  /** It goes on only until its deletion is due. */
  readonly isDeleted: boolean;
  /** `address:port` of the client that made it. */
  readonly createdFrom: string;
  readonly tos: number;
  readonly isRecorded: boolean;
  readonly keyspace: number;
  /** It is another node's. */
  readonly isForeign: boolean;
};
