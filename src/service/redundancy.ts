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
  readonly registry: Pick<CallRegistry, 'callIds' | 'size'>;
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
  readonly #tried = new Map<string, Try>();
  #looks = 0;
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

  /** Leaves all calls to other nodes, as they are now; how many stay because they cannot be stored. */
  async standBy(): Promise<number> {
    const { replica, service, registry, snapshots, events } = this.#parts;
    await snapshots.take();
    const callIds = [...registry.callIds];
    let left = 0;
    for (let start = 0; start < callIds.length; start += PAGE) {
      for (const stored of await replica.laidDown(callIds.slice(start, start + PAGE)))
        if (await service.surrender(stored.callId, () => replica.layDown(stored))) left += 1;
    }
    events.stoodBy(left, registry.size);
    return registry.size;
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
    this.#looks += 1;
    if (isNew) this.#tried.clear();
    if (addresses.arrived.size === 0) return;
    const due: string[] = [];
    for (const callId of replica.foreign.callIds) {
      const { owner, epoch } = replica.foreign.get(callId) ?? NOBODY;
      const before = this.#tried.get(callId);
      if ((before?.epoch === epoch && before.again > this.#looks) || (owner === node && !isNew)) continue;
      const call = replica.inherited(callId)?.call;
      if (call !== undefined && isReachedAt(call, addresses.arrived)) {
        const pause = before?.epoch === epoch ? Math.min(2 * before.pause, LONGEST_PAUSE) : FIRST_PAUSE;
        this.#tried.set(callId, { epoch, pause, again: this.#looks + pause });
        due.push(callId);
      } else this.#tried.set(callId, { epoch, pause: 0, again: Number.POSITIVE_INFINITY });
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

/** `again`: not before this look; `pause`: looks from the last one that tried. */
type Try = { readonly epoch: number; readonly again: number; readonly pause: number };

const NOBODY = { owner: '', epoch: 0 };
/** Little beside the second that it takes keepalived to notice. */
const LOOK_MS = 250;
/** In looks: what cannot be taken over is tried again after a second, and less and less often. */
const FIRST_PAUSE = 4;
const LONGEST_PAUSE = 240;
/** Encoding one call takes some tens of microseconds, and signalling waits meanwhile. */
const PAGE = 32;
