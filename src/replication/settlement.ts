import type { ForeignCalls } from './foreign-calls.js';
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
  readonly foreign: ForeignCalls;
  readonly writer: Pick<WriteBehind, 'endStored' | 'epochOf' | 'own'>;
  readonly surrender: (callId: string) => Promise<void>;
  readonly now: () => number;
};

/**
 * Brings this node's calls and what is stored of them into agreement, before anything is written over a new connection. The first
 * time, stored calls that are not there are to be restored, and returned, if the data plane is another one than before; with the
 * same one they have ended, as they have later on.
 */
export async function settle(parts: SettlementParts, isFirst: boolean): Promise<readonly string[]> {
  const { store, node, note, leaseMs, ownCalls, writer, surrender } = parts;
  const noted = await store.noted();
  if (noted?.host !== undefined && noted.host !== note().host)
    throw new Error(`another host has a node named ${node}, too: replication.node has to differ`);
  const restores = isFirst && noted !== undefined && noted.boot !== note().boot;
  for (const page of pagesOf([...ownCalls()])) {
    const holders = await store.holders(page);
    for (const [index, callId] of page.entries()) {
      const holder = holders[index];
      if (holder === undefined || !parts.isOwn(callId)) continue;
      const epoch = writer.epochOf(callId);
      if (holder.owner !== node) {
        // A call that is new here is claimed when it is written, unless it is older than this process.
        if (isFirst || (epoch !== undefined && epoch <= holder.epoch)) await surrender(callId);
      } else if (epoch === undefined && !holder.hasEnded) writer.own(callId, holder.epoch);
    }
  }
  const restored = await sweep(parts, restores);
  await store.announce(note(), leaseMs);
  return restored;
}

/** Ends what is stored of calls that are not there any more, or returns them to be restored. */
export async function sweep(parts: SettlementParts, restores = false): Promise<readonly string[]> {
  const { store, node, isOwn, foreign, writer, now } = parts;
  const restored: string[] = [];
  for await (const callIds of store.callsOf(node)) {
    const unknown = callIds.filter((callId) => !isOwn(callId) && !foreign.has(callId));
    const stored = restores ? await store.read(unknown) : [];
    const holders = await store.holders(unknown);
    for (const [index, callId] of unknown.entries()) {
      const holder = holders[index];
      const call = stored[index];
      if (isOwn(callId)) continue;
      if (call !== undefined && call.owner === node) {
        foreign.set(call, now());
        restored.push(callId);
      } else if (holder === undefined || holder.owner === node) writer.endStored(callId, holder?.epoch ?? 1);
    }
  }
  return restored;
}

function pagesOf(callIds: readonly string[]): readonly (readonly string[])[] {
  const pages: string[][] = [];
  for (let start = 0; start < callIds.length; start += PAGE) pages.push(callIds.slice(start, start + PAGE));
  return pages;
}

const PAGE = 200;
