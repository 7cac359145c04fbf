import { createHash } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import { END_SCRIPT, WRITE_SCRIPT } from './redis-scripts.js';
import type {
  CallStore,
  Change,
  KnownNode,
  Noted,
  NodeNote,
  Outcome,
  Standing,
  Stored,
  StoreListener,
  Write,
} from './store.js';

export type RedisStoreOptions = {
  readonly read: RedisPlace;
  /** If it is elsewhere. */
  readonly write: RedisPlace | null;
  readonly node: string;
  readonly group: string;
  readonly keyspace: number;
  readonly expireSeconds: number;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number | null;
  readonly listener: StoreListener;
};

export type RedisPlace = {
  readonly host: string;
  readonly port: number;
  readonly database: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: { readonly ca: string | null } | null;
};

/** Calls in Redis. Touches keys that begin with the group's name and no others, and never looks for keys. */
export class RedisStore implements CallStore {
  readonly #options: RedisStoreOptions;
  readonly #reader: Redis;
  readonly #writer: Redis;
  #ready = new Set<Redis>();
  #isClosed = false;
  /** When a connection was last given up because nothing may be written over it. */
  #demotedMs = Number.NEGATIVE_INFINITY;

  constructor(options: RedisStoreOptions) {
    this.#options = options;
    this.#reader = this.#connect(options.read);
    this.#writer = options.write === null ? this.#reader : this.#connect(options.write);
  }

  /** Timeouts as an operator changes them; the first counts from the next connection on. */
  adjust(timeouts: { readonly connectTimeoutMs: number; readonly commandTimeoutMs: number | null }): void {
    for (const { options } of this.#connections) {
      options.connectTimeout = timeouts.connectTimeoutMs;
      if (timeouts.commandTimeoutMs === null) delete options.commandTimeout;
      else options.commandTimeout = timeouts.commandTimeoutMs;
    }
  }

  async write(writes: readonly Write[]): Promise<readonly Outcome[]> {
    const outcomes = await this.#run(writes);
    if (!outcomes.some((outcome) => outcome.kind === 'failed' && outcome.reason.startsWith('NOSCRIPT'))) {
      return outcomes;
    }
    await this.#loadScripts();
    return this.#run(writes);
  }

  async announce({ keyspace, boot, host }: NodeNote, forMs: number): Promise<void> {
    const { node } = this.#options;
    const pipeline = this.#writer.pipeline();
    pipeline.sadd(this.#key('nodes'), node);
    pipeline.hset(this.#key('node', node), 'keyspace', keyspace, 'boot', boot);
    pipeline.set(this.#key('lease', node), host, 'PX', forMs);
    await this.#results(pipeline, this.#writer);
  }

  async noted(): Promise<Noted | undefined> {
    const { node } = this.#options;
    const pipeline = this.#writer.pipeline();
    pipeline.hmget(this.#key('node', node), 'boot', 'keyspace');
    pipeline.get(this.#key('lease', node));
    const [fields, host] = await this.#results(pipeline, this.#writer);
    const [boot, keyspace] = textsOf(fields);
    if (boot === undefined) return undefined;
    return { boot, keyspace: Number(keyspace), host: typeof host === 'string' ? host : undefined };
  }

  async nodes(): Promise<readonly KnownNode[]> {
    const nodes = await this.#watched(this.#reader, this.#reader.smembers(this.#key('nodes')));
    if (nodes.length === 0) return [];
    const leases = await this.#watched(
      this.#reader,
      this.#reader.mget(nodes.map((node) => this.#key('lease', node))),
    );
    return nodes.map((node, index) => ({ node, isAlive: typeof leases[index] === 'string' }));
  }

  async *callsOf(node: string): AsyncIterable<readonly string[]> {
    let cursor = '0';
    do {
      const page = this.#reader.sscan(this.#key('calls', node), cursor, 'COUNT', PAGE);
      const [next, callIds] = await this.#watched(this.#reader, page);
      if (callIds.length > 0) yield callIds;
      cursor = next;
    } while (cursor !== '0');
  }

  async holders(callIds: readonly string[]): Promise<readonly (Standing | undefined)[]> {
    if (callIds.length === 0) return [];
    const pipeline = this.#writer.pipeline();
    for (const callId of callIds) pipeline.hmget(this.#key('call', callId), 'o', 'e', 'x', 'd');
    const results = await this.#results(pipeline, this.#writer);
    return results.map((fields) => {
      const [owner, epoch, hasEnded, isLaidDown] = textsOf(fields);
      if (owner === undefined) return undefined;
      return {
        owner,
        epoch: Number(epoch),
        hasEnded: hasEnded !== undefined,
        isLaidDown: isLaidDown !== undefined,
      };
    });
  }

  async read(callIds: readonly string[]): Promise<readonly (Stored | undefined)[]> {
    if (callIds.length === 0) return [];
    const pipeline = this.#reader.pipeline();
    for (const callId of callIds) pipeline.hmgetBuffer(this.#key('call', callId), 'o', 'e', 'k', 'r', 's');
    const results = await this.#results(pipeline, this.#reader);
    return results.map((fields, index) => storedOf(callIds[index] ?? '', fields));
  }

  async position(): Promise<number> {
    return Number((await this.#watched(this.#reader, this.#reader.get(this.#key('count')))) ?? 0);
  }

  async changes(after: number): Promise<readonly Change[] | undefined> {
    const pipeline = this.#reader.pipeline();
    pipeline.get(this.#key('count'));
    pipeline.xrange(this.#key('changes'), `${after + 1}-0`, '+', 'COUNT', PAGE);
    const [count, entries] = await this.#results(pipeline, this.#reader);
    const changes = Array.isArray(entries) ? entries.map(changeOf) : [];
    if (changes.length === 0) return Number(count ?? 0) === after ? [] : undefined;
    const isWhole = changes.every(({ number }, index) => number === after + 1 + index);
    return isWhole ? changes.map(({ change }) => change) : undefined;
  }

  close(): void {
    this.#isClosed = true;
    for (const redis of this.#connections) redis.disconnect();
  }

  get #connections(): ReadonlySet<Redis> {
    return new Set([this.#reader, this.#writer]);
  }

  #connect({ host, port, database, username, password, tls }: RedisPlace): Redis {
    const { connectTimeoutMs, commandTimeoutMs, node, listener } = this.#options;
    const options: RedisOptions = {
      host,
      port,
      db: database,
      ...(username !== null && { username }),
      ...(password !== null && { password }),
      ...(tls !== null && { tls: tls.ca === null ? {} : { ca: tls.ca } }),
      ...(commandTimeoutMs !== null && { commandTimeout: commandTimeoutMs }),
      connectTimeout: connectTimeoutMs,
      connectionName: `tandem-${node}`,
      // What cannot be sent now is written later from what is then.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 6)),
    };
    const redis = new Redis(options);
    let reason = 'the connection was closed';
    redis.on('error', (error: Error) => {
      reason = error.message === '' ? error.name : error.message;
    });
    redis.on('ready', () => void this.#becomesReady(redis));
    redis.on('close', () => {
      this.#ready.delete(redis);
      if (!this.#isClosed) listener.disconnected(reason);
      reason = 'the connection was closed';
    });
    return redis;
  }

  async #becomesReady(redis: Redis): Promise<void> {
    try {
      if (redis === this.#writer) await this.#loadScripts();
    } catch {
      // Of no use for us: another connection may be.
      redis.disconnect(true);
      return;
    }
    this.#ready.add(redis);
    if (this.#ready.size === this.#connections.size && !this.#isClosed) this.#options.listener.connected();
  }

  async #loadScripts(): Promise<void> {
    for (const { text } of [WRITE, END]) {
      await this.#watched(this.#writer, this.#writer.script('LOAD', text));
    }
  }

  async #run(writes: readonly Write[]): Promise<readonly Outcome[]> {
    const pipeline = this.#writer.pipeline();
    for (const write of writes) {
      if (write.kind === 'call')
        pipeline.evalsha(WRITE.sha, 4, ...this.#keysOf(write), ...this.#argumentsOf(write));
      else pipeline.evalsha(END.sha, 4, ...this.#keysOf(write), ...this.#endArguments(write));
    }
    const results = (await this.#watched(this.#writer, pipeline.exec())) ?? [];
    for (const [error] of results) if (error !== null) this.#noticed(this.#writer, error);
    return writes.map((_, index) => outcomeOf(results[index]));
  }

  #keysOf({ callId }: Write): readonly string[] {
    const { node } = this.#options;
    return [this.#key('call', callId), this.#key('calls', node), this.#key('changes'), this.#key('count')];
  }

  #argumentsOf(write: Extract<Write, { kind: 'call' }>): readonly (string | number | Buffer)[] {
    const { node, expireSeconds, keyspace } = this.#options;
    const { callId, epoch, order, isNew, signalledMs = '' } = write;
    const { record = '', snapshot = '', isLaidDown = false } = write;
    const owners = this.#key('calls', '');
    return [
      node,
      epoch,
      order,
      isNew ? '1' : '',
      expireSeconds,
      keyspace,
      callId,
      record,
      snapshot,
      owners,
      MOST_CHANGES,
      signalledMs,
      isLaidDown ? '1' : '',
    ];
  }

  #endArguments({ callId, epoch }: Write): readonly (string | number)[] {
    const { node, expireSeconds, keyspace } = this.#options;
    return [node, epoch, expireSeconds, keyspace, callId, this.#key('calls', ''), MOST_CHANGES];
  }

  #key(kind: 'call' | 'calls' | 'changes' | 'count' | 'lease' | 'node' | 'nodes', name?: string): string {
    const { group } = this.#options;
    return name === undefined ? `${group}:${kind}` : `${group}:${kind}:${name}`;
  }

  async #results(pipeline: Pipeline, redis: Redis): Promise<readonly unknown[]> {
    const results = (await this.#watched(redis, pipeline.exec())) ?? [];
    return results.map(([error, value]) => {
      if (error !== null) throw this.#noticed(redis, error);
      return value;
    });
  }

  async #watched<T>(redis: Redis, request: Promise<T>): Promise<T> {
    try {
      return await request;
    } catch (error) {
      throw this.#noticed(redis, error);
    }
  }

  /**
   * A connection on which nothing is answered is given up, with all that waits in it. So is one to a primary that has become a
   * replica: another may have its address by now.
   */
  #noticed(redis: Redis, error: unknown): unknown {
    if (this.#isClosed) return error;
    if (isTimeout(error)) redis.disconnect(true);
    else if (isReadOnly(error) && performance.now() - this.#demotedMs >= LONGEST_RETRY_MS) {
      this.#demotedMs = performance.now();
      redis.disconnect(true);
    }
    return error;
  }
}

type Pipeline = ReturnType<Redis['pipeline']>;

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out';
}

function isReadOnly(error: unknown): boolean {
  // Some say in front of it which script it was.
  return error instanceof Error && error.message.includes('READONLY');
}

function outcomeOf(result: [Error | null, unknown] | undefined): Outcome {
  const [error, value] = result ?? [new Error('no answer'), null];
  if (error !== null) return { kind: 'failed', reason: error.message };
  if (!Array.isArray(value)) return { kind: 'failed', reason: 'an odd answer' };
  const [answer, epoch, detail, signalled]: readonly unknown[] = value;
  if (answer === 1) return { kind: 'written', epoch: Number(epoch) };
  if (answer === 2) return { kind: 'stale', order: Number(detail) };
  const signalledMs = Number(signalled ?? 0);
  return { kind: 'refused', epoch: Number(epoch), owner: String(detail ?? ''), signalledMs };
}

function textsOf(fields: unknown): readonly (string | undefined)[] {
  const list: readonly unknown[] = Array.isArray(fields) ? fields : [];
  return list.map((field) => (typeof field === 'string' ? field : undefined));
}

function storedOf(callId: string, fields: unknown): Stored | undefined {
  const list: readonly unknown[] = Array.isArray(fields) ? fields : [];
  const [owner, epoch, keyspace, record, snapshot] = list.map((field) =>
    Buffer.isBuffer(field) ? field : undefined,
  );
  if (owner === undefined || record === undefined) return undefined;
  return {
    callId,
    owner: String(owner),
    epoch: Number(String(epoch)),
    keyspace: Number(String(keyspace)),
    // A piece of what was received would keep all of it in memory.
    record: Buffer.from(record),
    snapshot: snapshot && Buffer.from(snapshot),
  };
}

function changeOf(entry: unknown): { readonly number: number; readonly change: Change } {
  const [id, fields]: readonly unknown[] = Array.isArray(entry) ? entry : [];
  const list: readonly unknown[] = Array.isArray(fields) ? fields : [];
  const named = new Map<string, string>();
  for (let at = 0; at + 1 < list.length; at += 2) named.set(String(list[at]), String(list[at + 1]));
  const field = (name: string): string => named.get(name) ?? '';
  const what = field('w');
  return {
    number: Number.parseInt(String(id), 10),
    change: {
      callId: field('c'),
      owner: field('o'),
      epoch: Number(field('e')),
      keyspace: Number(field('k')),
      what: what === 'e' ? 'end' : what === 's' ? 'snapshot' : 'record',
    },
  };
}

type Script = { readonly text: string; readonly sha: string };

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

const WRITE = script(WRITE_SCRIPT);
const END = script(END_SCRIPT);
const PAGE = 200;
/** Changes that are kept for those who follow; who is further behind reads everything anew. */
const MOST_CHANGES = 100_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
