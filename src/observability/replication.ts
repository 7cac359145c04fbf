import type { Lines } from './log-book.js';

/** What this process has counted of replication since its start. */
export type ReplicationCounts = {
  writes: number;
  errors: number;
  /** Writes of calls that were another node's by then. */
  refused: number;
  connections: number;
  /** Calls taken over, by reason. */
  readonly takenOver: Record<TakeOverReason, number>;
  /** Calls that could not be: their ports are taken, say. */
  takeOversFailed: number;
  /** Records of another version, under an unknown key, or broken. */
  unreadable: number;
  /** Calls that another node has taken over from this one. */
  givenUp: number;
};

export type TakeOverReason = 'restart' | 'signalling' | 'operator' | 'address' | 'lease';

export type TakeOverOutcome = {
  readonly reason: TakeOverReason;
  readonly taken: number;
  readonly failed: number;
  readonly unreadable: number;
  /** Their time was up. */
  readonly over: number;
  readonly ms: number;
};

export function newReplicationCounts(): ReplicationCounts {
  return {
    writes: 0,
    errors: 0,
    refused: 0,
    connections: 0,
    takenOver: { restart: 0, signalling: 0, operator: 0, address: 0, lease: 0 },
    takeOversFailed: 0,
    unreadable: 0,
    givenUp: 0,
  };
}

export function replicationEvents(log: Lines, { replication }: { replication: ReplicationCounts }) {
  let isTroubled = false;
  let lastUnsettled = '';
  return {
    replicaConnected(own: number): void {
      replication.connections += 1;
      isTroubled = false;
      lastUnsettled = '';
      log.info({ own }, 'Redis connected: calls are written');
    },

    replicaDisconnected(reason: string): void {
      log.error({ reason }, 'Redis lost; calls go on, and are written when it is back');
    },

    replicaAwaited(reason: string): void {
      log.warn({ reason }, 'no Redis yet; calls are written when it is there');
    },

    replicaWritten(calls: number): void {
      replication.writes += calls;
    },

    replicaFailed(reason: string, calls: number): void {
      replication.errors += calls;
      if (!isTroubled) log.error({ reason, calls }, 'Redis does not take calls; trying again');
      isTroubled = true;
    },

    replicaRecovered(waiting: number): void {
      isTroubled = false;
      log.info({ waiting }, 'Redis takes calls again');
    },

    replicaRefused(callId: string, owner: string, epoch: number): void {
      replication.refused += 1;
      log.warn({ callId, owner, epoch }, 'call is not written: another node has it');
    },

    replicaUnsettled(error: unknown): void {
      replication.errors += 1;
      // It is tried again many times a second.
      if (textOf(error) !== lastUnsettled)
        log.warn({ error: textOf(error) }, 'what is in Redis could not be read; trying again');
      lastUnsettled = textOf(error);
    },

    foreignKnown(calls: number): void {
      log.info({ calls }, 'calls of other nodes are known');
    },

    callTaken(callId: string, owner: string, reason: TakeOverReason): void {
      replication.takenOver[reason] += 1;
      log.debug({ callId, owner, reason }, 'call taken over');
    },

    takeOverFailed(callId: string, reason: string): void {
      replication.takeOversFailed += 1;
      log.error({ callId, reason }, 'call could not be taken over');
    },

    recordUnreadable(callId: string): void {
      replication.unreadable += 1;
      log.debug({ callId }, 'record of a call cannot be read: another version, another key, or broken');
    },

    /** A defect: the calls stay where they are until the next look. */
    takeOversStopped(error: unknown): void {
      replication.takeOversFailed += 1;
      log.error({ error: textOf(error) }, 'calls could not be looked at');
    },

    takenOver(outcome: TakeOverOutcome): void {
      const { unreadable, failed } = outcome;
      log[unreadable + failed > 0 ? 'error' : 'info'](outcome, 'calls taken over');
    },

    callGivenUp(callId: string): void {
      replication.givenUp += 1;
      log.warn({ callId }, 'call given up: another node has it');
    },

    stoodBy(calls: number, kept: number): void {
      log[kept > 0 ? 'error' : 'warn']({ calls, kept }, 'standby: calls are left to other nodes');
    },

    nodeSilent(node: string): void {
      log.warn({ node }, 'a node is no longer heard of');
    },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
