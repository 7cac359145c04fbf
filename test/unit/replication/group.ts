import { newCounters } from '../../../src/observability/counters.js';
import { createEvents } from '../../../src/observability/events.js';
import { createLogger } from '../../../src/observability/logger.js';
import type { ReplicationConfig } from '../../../src/config/schema.js';
import { ReplicatedNode } from '../../../src/replicated-node.js';
import { CallRegistry } from '../../../src/service/registry.js';
import { Snapshots } from '../../../src/service/snapshots.js';
import type { FakeCallStore, SharedStore } from '../../support/fake-call-store.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';
import { type FakeNode, startFakeNode } from '../service/fake-node.js';

/** A node of a group, all of it in memory. */
export type GroupNode = FakeNode & {
  readonly replicated: ReplicatedNode;
  readonly store: FakeCallStore;
  readonly snapshots: Snapshots;
  /** Addresses of its host. */
  readonly addresses: Set<string>;
  readonly log: readonly string[];
};

export type GroupNodeOptions = Partial<ReplicationConfig> & {
  readonly onto?: FakeDataPlane;
  /** The start of the data plane. */
  readonly boot?: string;
  /** There is no store at first. */
  readonly alone?: boolean;
};

export async function startGroupNode(
  shared: SharedStore,
  node: string,
  { onto = new FakeDataPlane(), boot = 'boot', alone = false, ...changed }: GroupNodeOptions = {},
): Promise<GroupNode> {
  const registry = new CallRegistry();
  const counters = newCounters();
  const log: string[] = [];
  const logger = createLogger({ level: 'debug', format: 'text' }, { write: (line) => void log.push(line) });
  const events = createEvents(logger, counters);
  const addresses = new Set<string>();
  const snapshots: Snapshots = new Snapshots({
    dataPlane: onto,
    isReady: () => true,
    taken: (sessions) => replicated.replica.saved(sessions),
    failed: () => {},
  });
  const stores: FakeCallStore[] = [];
  const replicated: ReplicatedNode = new ReplicatedNode({
    config: { ...CONFIG, node, ...changed },
    ...{ registry, events, snapshots, attachment: { boot }, service: () => started.service },
    openStore: (listener) => {
      const store = shared.ofNode(node, changed.keyspace ?? 0, listener);
      stores.push(store);
      return store;
    },
    addresses: () => new Set(addresses),
  });
  const [store] = stores;
  if (store === undefined) throw new Error('no store was opened');
  const started = await startFakeNode({ onto, registry, parts: { events, inherits: replicated.inherits } });
  replicated.start();
  if (!alone) store.up();
  replicated.replica.attached();
  await replicated.replica.begun();
  return { ...started, replicated, store, snapshots, addresses, log };
}

/** The whole node stops, as if it had never been. */
export function kill({ replicated, store, service }: GroupNode): void {
  store.close();
  void replicated.close();
  service.close();
}

const PLACE = { host: 'h', port: 1, database: 0, username: null, password: null, tls: null };
const CONFIG: ReplicationConfig = {
  ...{ redis: PLACE, write: null, node: '', group: 'g', keyspace: 0, follow: 'all' },
  ...{ keys: [Buffer.alloc(32, 1)], plaintext: false, expireSeconds: 3_600, required: false },
  ...{ connectTimeoutMs: 1_000, commandTimeoutMs: null, allowedErrors: null, disableSeconds: 10 },
  ...{ leaseSeconds: 5, takeOverAfterSeconds: null, takeOverWithAddress: true },
};
