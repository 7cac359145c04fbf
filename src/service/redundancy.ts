import type { Call } from '../call/call.js';
import type { Events } from '../observability/events.js';
import type { TakeOverReason } from '../observability/replication.js';
import type { AddressWatch } from '../replication/address-watch.js';
import type { Replica } from '../replication/replica.js';
import type { CallService } from './call-service.js';
import type { CallRegistry } from './registry.js';
import type { Snapshots } from './snapshots.js';

export type RedundancyParts = {
  readonly replica: Replica;
  readonly service: Pick<CallService, 'surrender' | 'takeovers'>;
  readonly registry: Pick<CallRegistry, 'callIds'>;
  readonly snapshots: Pick<Snapshots, 'take'>;
  readonly node: string;
  /** How long a node is silent until its calls are taken over; `null`: for ever. */
  readonly takeOverAfterMs: number | null;
  /** `null`: it is of no interest which addresses this host has. */
  readonly addresses: AddressWatch | null;
  readonly events: Pick<Events, 'stoodBy' | 'takeOversStopped'>;
};

/** When calls change hands, besides by signalling. */
export class Redundancy {
  readonly #parts: RedundancyParts;
  /** Calls that were tried to be taken with their address, by epoch. */
  readonly #tried = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;

  constructor(parts: RedundancyParts) {
    this.#parts = parts;
  }

  start(): void {
    const { addresses, events } = this.#parts;
    if (addresses === null) return;
    this.#timer = setInterval(() => void this.lookAtAddresses().catch(events.takeOversStopped), LOOK_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Goes on with all calls that are known of other nodes. */
  async activate(): Promise<void> {
    await this.#take([...this.#parts.replica.foreign.callIds], 'operator');
  }

  /** Leaves all calls to other nodes, as they are now. */
  async standBy(): Promise<void> {
    const { replica, service, registry, snapshots, events } = this.#parts;
    await snapshots.take();
    await replica.written();
    const callIds = [...registry.callIds];
    for (const callId of callIds) await service.surrender(callId, () => replica.layDown(callId));
    events.stoodBy(callIds.length);
  }

  /** It is known which nodes were heard of. */
  async lookAtNodes(): Promise<void> {
    const { replica, node, takeOverAfterMs } = this.#parts;
    if (takeOverAfterMs === null || this.#isBusy) return;
    const due = new Set<string>();
    for (const callId of replica.foreign.callIds) {
      const owner = replica.foreign.get(callId)?.owner ?? node;
      if (owner === node) continue;
      const silentMs = replica.silentMs(owner);
      if (silentMs > 0 && silentMs >= takeOverAfterMs) due.add(callId);
    }
    await this.#take([...due], 'lease');
  }

  async lookAtAddresses(): Promise<void> {
    const { addresses, replica, node } = this.#parts;
    if (addresses === null || this.#isBusy) return;
    const isNew = addresses.look();
    if (isNew) this.#tried.clear();
    if (addresses.arrived.size === 0) return;
    const due: string[] = [];
    for (const callId of replica.foreign.callIds) {
      const { owner, epoch } = replica.foreign.get(callId) ?? NOBODY;
      if (this.#tried.get(callId) === epoch || (owner === node && !isNew)) continue;
      this.#tried.set(callId, epoch);
      const call = replica.inherited(callId)?.call;
      if (call !== undefined && isReachedAt(call, addresses.arrived)) due.push(callId);
    }
    await this.#take(due, 'address');
  }

  async #take(callIds: readonly string[], reason: TakeOverReason): Promise<void> {
    if (callIds.length === 0) return;
    this.#isBusy = true;
    try {
      await this.#parts.service.takeovers?.takeAll(callIds, reason);
    } finally {
      this.#isBusy = false;
    }
  }
}

/** All media of the call comes to these addresses. */
function isReachedAt({ legs }: Call, addresses: ReadonlySet<string>): boolean {
  const own = legs.flatMap(({ streams }) =>
    streams.flatMap(({ locals }) => locals.map(({ address }) => address)),
  );
  return own.length > 0 && own.every((address) => addresses.has(address));
}

const NOBODY = { owner: '', epoch: 0 };
/** Little beside the second that it takes keepalived to notice. */
const LOOK_MS = 250;
