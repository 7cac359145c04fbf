/** Where calls are kept for other nodes, and for this one after a restart. Each request may reject, or take long. */
export type CallStore = {
  /** Outcomes in the order of the writes. */
  write(writes: readonly Write[]): Promise<readonly Outcome[]>;
  /** Says that this node lives, for so long. */
  announce(note: NodeNote, forMs: number): Promise<void>;
  /** What this node said of itself before; `undefined`: nothing. */
  noted(): Promise<Noted | undefined>;
  /** All nodes there ever were, this one included. */
  nodes(): Promise<readonly KnownNode[]>;
  /** Calls a node has, some at a time. */
  callsOf(node: string): AsyncIterable<readonly string[]>;
  /** Who has these calls; `undefined`: nobody, any more. */
  holders(callIds: readonly string[]): Promise<readonly (Standing | undefined)[]>;
  read(callIds: readonly string[]): Promise<readonly (Stored | undefined)[]>;
  /** How many changes there have been. */
  position(): Promise<number>;
  /** The changes after a position, the oldest first; `undefined`: some of them are no longer known. */
  changes(after: number): Promise<readonly Change[] | undefined>;
  close(): void;
};

/** Told of the connections to the store. */
export type StoreListener = {
  connected(): void;
  disconnected(reason: string): void;
};

export type Write =
  | {
      readonly kind: 'call';
      readonly callId: string;
      readonly epoch: number;
      /** Grows with each write of this node: a late one changes nothing. */
      readonly order: number;
      /** The call is new here, and may take the place of one that has ended. */
      readonly isNew: boolean;
      /** The last signalling of it. Absent: as it is. */
      readonly signalledMs?: number;
      /** Absent: it goes on where it is written. */
      readonly isLaidDown?: boolean;
      /** Absent: as it is. */
      readonly record?: Buffer;
      readonly snapshot?: Buffer;
    }
  | { readonly kind: 'end'; readonly callId: string; readonly epoch: number };

export type Outcome =
  | { readonly kind: 'written'; readonly epoch: number }
  /** Another node has the call, or has ended it. */
  | {
      readonly kind: 'refused';
      readonly owner: string;
      readonly epoch: number;
      /** The last signalling that its owner has written. */
      readonly signalledMs: number;
    }
  /** A later one is stored, of this order: of an earlier process, whose clock was ahead. */
  | { readonly kind: 'stale'; readonly order: number }
  | { readonly kind: 'failed'; readonly reason: string };

/** `epoch` grows when a call changes hands. */
export type Holder = { readonly owner: string; readonly epoch: number; readonly hasEnded: boolean };

/** `isLaidDown`: its owner does not go on with it, and it has not ended. */
export type Standing = Holder & { readonly isLaidDown: boolean };

export type Stored = {
  readonly callId: string;
  readonly owner: string;
  readonly epoch: number;
  readonly keyspace: number;
  readonly record: Buffer;
  readonly snapshot: Buffer | undefined;
};

export type Change = {
  readonly callId: string;
  readonly owner: string;
  readonly epoch: number;
  readonly keyspace: number;
  readonly what: 'record' | 'snapshot' | 'end';
};

export type NodeNote = {
  readonly keyspace: number;
  /** The start of its data plane. */
  readonly boot: string;
  /** The start of its host. */
  readonly host: string;
};

/** `host`: as long as it lives. */
export type Noted = Omit<NodeNote, 'host'> & { readonly host: string | undefined };

export type KnownNode = { readonly node: string; readonly isAlive: boolean };
