import type { Call } from '../call/call.js';
import { deleteParty, expire } from '../call/lifecycle.js';
import { describeCall } from '../call/statistics.js';
import type { Client, DeleteCommand } from '../command/command.js';
import { failure, type Reply } from '../command/reply.js';
import type { SessionStats } from '../dataplane/protocol.gen.js';
import { Deletions } from '../pattern/deletion.js';
import { Repeat } from '../pattern/repeat.js';
import type { Keeper, KeeperParts } from './keeper.js';
import type { Repetitions } from './repetitions.js';

/** How calls and parties go: asked to, or by time. */
export class Departures {
  readonly #parts: Pick<KeeperParts, 'clock' | 'events' | 'registry'>;
  readonly #keeper: Keeper;
  readonly #repetitions: Pick<Repetitions, 'handOverDeletion'>;
  readonly #deletions = new Deletions();

  constructor(
    parts: Pick<KeeperParts, 'clock' | 'events' | 'registry'>,
    keeper: Keeper,
    repetitions: Pick<Repetitions, 'handOverDeletion'>,
  ) {
    this.#parts = parts;
    this.#keeper = keeper;
    this.#repetitions = repetitions;
  }

  async delete(command: DeleteCommand, client: Client): Promise<Reply> {
    const { clock, events, registry } = this.#parts;
    const held = registry.held(command.callId);
    if (held instanceof Repeat && this.#deletions.endCall(held, command))
      return this.#end(held, command, client);
    const call = this.#keeper.find(command.callId);
    const deletion = call === undefined ? NOT_FOUND : deleteParty(call, command, clock.now());
    if (call === undefined || deletion.kind === 'notFound') {
      return command.fatal ? failure('unknownCall', UNMATCHED) : { kind: 'deleted', warning: UNMATCHED };
    }
    if (deletion.kind === 'call') {
      return this.#deleted(call, command, await this.#keeper.end(call, 'deleted'));
    }
    // Asked for first: a party that goes takes its counters along.
    const media = command.fast ? null : this.#keeper.stats(call.callId);
    await this.#keeper.insist(deletion.call, call);
    if (deletion.kind === 'scheduled') events.deletionScheduled(deletion.call, clock.now());
    return this.#deleted(call, command, await media);
  }

  /** Ends a call nobody else is to be told of, without writing it out. */
  async #end(held: Repeat, command: DeleteCommand, client: Client): Promise<Reply> {
    const statistics = held.statistics();
    const media = await this.#keeper.endUntold(held, 'deleted');
    this.#repetitions.handOverDeletion(command, client, held, media);
    if (command.fast) return { kind: 'deleted' };
    const atMs = this.#parts.clock.now();
    return {
      kind: 'deleted',
      statistics: media === null ? { ...statistics, atMs } : { ...statistics, atMs, media },
    };
  }

  /** A call may have come to a deadline. */
  async due(callId: string): Promise<void> {
    const call = this.#keeper.find(callId);
    if (call === undefined) return;
    const expiry = expire(call, this.#parts.clock.now());
    if (expiry.kind === 'call') await this.#keeper.end(call, expiry.reason);
    if (expiry.kind === 'party' || expiry.kind === 'keys') await this.#keeper.insist(expiry.call, call);
  }

  #deleted(call: Call, { fast }: DeleteCommand, media: SessionStats | null): Reply {
    if (fast) return { kind: 'deleted' };
    return { kind: 'deleted', statistics: describeCall(call, media, null, this.#parts.clock.now()) };
  }
}

const UNMATCHED = "Call-ID not found or tags didn't match";
const NOT_FOUND = { kind: 'notFound' } as const;
