import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { canonical } from './config/addresses.js';
import type { ReplicationConfig } from './config/schema.js';
import type { Events } from './observability/events.js';
import { AddressWatch } from './replication/address-watch.js';
import { RedisStore } from './replication/redis-store.js';
import { Replica } from './replication/replica.js';
import type { CallStore, StoreListener } from './replication/store.js';
import { Seal } from './replication/seal.js';
import type { Attachment } from './service/attachment.js';
import type { CallService } from './service/call-service.js';
import { OperatedReplication } from './service/operated-replication.js';
import { Redundancy } from './service/redundancy.js';
import type { CallRegistry } from './service/registry.js';
import type { Snapshots } from './service/snapshots.js';
import type { TakeoverParts } from './service/takeovers.js';

export type ReplicatedNodeParts = {
  readonly config: ReplicationConfig;
  readonly registry: CallRegistry;
  readonly events: Events;
  readonly attachment: Pick<Attachment, 'boot'>;
  readonly snapshots: Pick<Snapshots, 'find' | 'take' | 'inherit' | 'resumed'>;
  readonly service: () => CallService;
  /** Instead of Redis. */
  readonly openStore?: (listener: StoreListener) => CallStore;
  /** Addresses this host has. */
  readonly addresses?: () => ReadonlySet<string>;
};

/** What makes a node one of several. */
export class ReplicatedNode {
  readonly replica: Replica;
  readonly redundancy: Redundancy;
  readonly inherits: Pick<TakeoverParts, 'inheritance' | 'snapshots'>;
  readonly operated: OperatedReplication;

  constructor(parts: ReplicatedNodeParts) {
    const { config, registry, events, attachment, snapshots, service } = parts;
    const now = (): number => Date.now();
    let redis: RedisStore | undefined;
    const replica: Replica = new Replica({
      openStore: (listener) => {
        if (parts.openStore !== undefined) return parts.openStore(listener);
        redis = new RedisStore({ ...config, read: config.redis, listener });
        return redis;
      },
      node: config.node,
      keyspace: config.keyspace,
      follow: config.follow,
      leaseMs: config.leaseSeconds * 1_000,
      connectTimeoutMs: config.connectTimeoutMs,
      expireMs: config.expireSeconds * 1_000,
      allowedErrors: config.allowedErrors,
      disableMs: config.disableSeconds * 1_000,
      seal: new Seal(config.keys),
      clock: { now },
      events,
      boot: () => attachment.boot,
      host: startOfHost(),
      calls: registry,
      snapshotOf: (callId) => snapshots.find(callId),
      surrender: async (callId) => {
        const isGone = await service().surrender(callId, () => replica.leave(callId));
        if (isGone) events.callGivenUp(callId);
      },
      restore: async (callIds) => service().takeovers?.takeAll(callIds, 'restart'),
      foreignChanged: (size) => service().foreignChanged(size > 0),
      beaten: () => void this.redundancy.lookAtNodes().catch(events.takeOversStopped),
    });
    this.replica = replica;
    registry.watch(replica);
    this.inherits = {
      snapshots,
      inheritance: {
        has: (callId) => replica.foreign.has(callId),
        ownerOf: (callId) => replica.foreign.get(callId)?.owner ?? '',
        read: (callId) => replica.inherited(callId),
        epochOf: (callId) => replica.foreign.get(callId)?.epoch ?? 0,
        renew: (callId) => replica.renewal.of(callId),
        kept: (callId) => replica.foreign.get(callId),
        isHeld: (callId) => replica.isHeld(callId),
        discard: (callId) => replica.discard(callId),
      },
    };
    this.redundancy = new Redundancy({
      replica,
      service: {
        get takeovers() {
          return service().takeovers;
        },
        surrender: (callId, first) => service().surrender(callId, first),
      },
      registry,
      snapshots,
      node: config.node,
      takeOverAfterMs: config.takeOverAfterSeconds === null ? null : config.takeOverAfterSeconds * 1_000,
      addresses: config.takeOverWithAddress ? new AddressWatch(parts.addresses ?? hostAddresses) : null,
      events,
    });
    this.operated = new OperatedReplication({
      replica,
      redundancy: this.redundancy,
      keyspace: config.keyspace,
      adjustTimeouts: (timeouts) => redis?.adjust(timeouts),
    });
  }

  start(): void {
    this.replica.start();
    this.redundancy.start();
  }

  async close(): Promise<void> {
    this.redundancy.close();
    await this.replica.close();
  }
}

/** Two hosts with one name are told apart by it, and a node that starts again is not. */
function startOfHost(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return hostname();
  }
}

function hostAddresses(): ReadonlySet<string> {
  const entries = Object.values(networkInterfaces()).flatMap((listed) => listed ?? []);
  return new Set(entries.map(({ address }) => canonical(address)));
}
