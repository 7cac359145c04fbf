import type { Call } from '../call/call.js';
import type { ReplicationConfig } from '../config/schema.js';
import type { CliRedundancy } from '../control/cli/node.js';
import type { SettingName, Settings } from '../control/cli/settings.js';
import type { Replica } from '../replication/replica.js';
import type { Redundancy } from './redundancy.js';

export type OperatedReplicationParts = {
  readonly replica: Replica;
  readonly redundancy: Pick<Redundancy, 'activate' | 'standBy'>;
  readonly keyspace: number;
  readonly adjustTimeouts: (timeouts: {
    readonly connectTimeoutMs: number;
    readonly commandTimeoutMs: number | null;
  }) => void;
};

/** What an operator sees of other nodes' calls, and can do with all of them. */
export class OperatedReplication {
  readonly #parts: OperatedReplicationParts;
  readonly words: CliRedundancy;

  constructor(parts: OperatedReplicationParts) {
    this.#parts = parts;
    const { replica, redundancy } = parts;
    this.words = {
      activate: () => redundancy.activate(),
      standBy: () => redundancy.standBy(),
      keyspaces: () => replica.keyspaces,
      follow: (keyspace, on) => replica.followKeyspace(keyspace, on),
    };
  }

  get callIds(): readonly string[] {
    return [...this.#parts.replica.foreign.callIds];
  }

  get keyspace(): number {
    return this.#parts.keyspace;
  }

  find(callId: string): { readonly call: Call; readonly keyspace: number } | undefined {
    const { replica } = this.#parts;
    const keyspace = replica.foreign.get(callId)?.keyspace;
    const call = replica.inherited(callId)?.call;
    return call === undefined || keyspace === undefined ? undefined : { call, keyspace };
  }

  /** Ends a call of another node, everywhere. False: there is none. */
  end(callId: string): boolean {
    const { replica } = this.#parts;
    const isThere = replica.foreign.has(callId);
    replica.discard(callId);
    return isThere;
  }

  adjust(settings: ReplicationSettings): void {
    const { replica, adjustTimeouts } = this.#parts;
    const { redisallowederrors, redisdisabletime, redisdisable, redisconnecttimeout, rediscmdtimeout } =
      settings;
    replica.adjust({
      allowedErrors: redisallowederrors < 0 ? null : redisallowederrors,
      disableMs: redisdisabletime * 1_000,
    });
    replica.disable(redisdisable === 1);
    adjustTimeouts({
      connectTimeoutMs: redisconnecttimeout,
      commandTimeoutMs: rediscmdtimeout === 0 ? null : rediscmdtimeout,
    });
  }
}

export function isOfReplication(name: SettingName): boolean {
  return SETTINGS.has(name);
}

export function replicationSettings(config: ReplicationConfig | null): ReplicationSettings {
  return {
    redisallowederrors: config?.allowedErrors ?? -1,
    redisdisabletime: config?.disableSeconds ?? 10,
    redisdisable: 0,
    redisconnecttimeout: config?.connectTimeoutMs ?? 1_000,
    rediscmdtimeout: config === null ? 0 : (config.commandTimeoutMs ?? 0),
  };
}

type ReplicationSettings = Pick<
  Settings,
  'redisallowederrors' | 'redisdisabletime' | 'redisdisable' | 'redisconnecttimeout' | 'rediscmdtimeout'
>;

const SETTINGS: ReadonlySet<SettingName> = new Set<SettingName>([
  'redisallowederrors',
  'redisdisabletime',
  'redisdisable',
  'redisconnecttimeout',
  'rediscmdtimeout',
]);
