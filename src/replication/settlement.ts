import type { ForeignCalls } from './foreign-calls.js';
import type { Restoration } from './restoration.js';
import type { CallStore, NodeNote } from './store.js';
import type { WriteBehind } from './write-behind.js';

export type SettlementParts = {
  readonly store: Pick<CallStore, 'announce' | 'callsOf' | 'holders' | 'noted' | 'read'>;
  readonly node: string;
  readonly leaseMs: number;
  readonly note: () => NodeNote;
  /** Calls of this node now. */
  readonly ownCalls: () => Iterable<string>;
  readonly isOwn: (callId: string) => boolean;
  /** This process has found the call in the data plane when it began, and nothing is known of it in the store. */
  readonly isAdopted: (callId: string) => boolean;
  readonly foreign: ForeignCalls;
  readonly restoration: Pick<Restoration, 'find' | 'former'>;
  readonly writer: Pick<WriteBehind, 'endStored' | 'epochOf' | 'own'>;
  readonly surrender: (callId: string) => Promise<void>;
  readonly now: () => number;
};

/**
 * Brings this node's calls and what is stored of them into agreement, before anything is written over a new connection. The first
 * time, stored calls that are not there are to be restored, if the data plane is another one than before, and are kept as foreign
 * ones until then; with the same one they have ended, as they have later on.
 */
export async function settle(parts: SettlementParts, isFirst: boolean): Promise<void> {
  const { store, node, note, leaseMs, ownCalls, writer, surrender, restoration } = parts;
  const noted = await store.noted();
  if (noted?.host !== undefined && noted.host !== note().host)
    throw new Error(`another host has a node named ${node}, too: replication.node has to differ`);
  if (isFirst && noted !== undefined && noted.boot !== note().boot) restoration.find(noted.boot);
  for (const page of pagesOf([...ownCalls()])) {
    const holders = await store.holders(page);
    for (const [index, callId] of page.entries()) {
      const holder = holders[index];
      if (holder === undefined || !parts.isOwn(callId)) continue;
      const epoch = writer.epochOf(callId);
      if (holder.owner !== node) {
        // A call that is new here is claimed when it is written.
        if (parts.isAdopted(callId) || (epoch !== undefined && epoch <= holder.epoch))
          await surrender(callId);
      } else if (epoch === undefined && !holder.hasEnded) writer.own(callId, holder.epoch);
    }
  }
  const restores = isFirst && restoration.former !== undefined;
  if (restores) await forgetTaken(parts);
  await sweep(parts, restores);
  await store.announce(note(), leaseMs);
}

/** Ends what is stored of calls that are not there any more, but for those that are to be restored or are laid down. */
export async function sweep(parts: SettlementParts, restores = false): Promise<void> {
  const { store, node, isOwn, foreign, writer, now } = parts;
  for await (const callIds of store.callsOf(node)) {
    const unknown = callIds.filter((callId) => !isOwn(callId) && !foreign.has(callId));
    const holders = await store.holders(unknown);
    const kept = unknown.filter((_, index) => restores || holders[index]?.isLaidDown === true);
    const stored = new Map((await store.read(kept)).map((call) => [call?.callId, call]));
    for (const [index, callId] of unknown.entries()) {
      const holder = holders[index];
      const call = stored.get(callId);
      if (isOwn(callId)) continue;
      if (call?.owner === node) foreign.set(call, now());
      else if (holder === undefined || (holder.owner === node && !holder.isLaidDown))
        writer.endStored(callId, holder?.epoch ?? 1);
    }
  }
}

/** Of calls that an attempt before this one has found, to restore them. */
async function forgetTaken({ store, node, foreign }: SettlementParts): Promise<void> {
  for (const page of pagesOf(foreign.callsOf(node))) {
    const holders = await store.holders(page);
    for (const [index, callId] of page.entries()) {
      const holder = holders[index];
      if (holder !== undefined && (holder.owner !== node || holder.hasEnded)) foreign.remove(callId);
    }
  }
}

function pagesOf(callIds: readonly string[]): readonly (readonly string[])[] {
  const pages: string[][] = [];
  for (let start = 0; start < callIds.length; start += PAGE) pages.push(callIds.slice(start, start + PAGE));
  return pages;
}

const PAGE = 200;
