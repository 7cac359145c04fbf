import { createConnection, type Socket } from 'node:net';
import { ChurningMap } from '../churning-map.js';
import {
  DataPlaneError,
  type DataPlane,
  type CarriedDatagram,
  type DataPlaneListener,
  type WrittenPlan,
} from '../service/ports.js';
import { encodeFrameText, encodePlanFrame, encodeWrittenFrame, FrameDecoder } from './framing.js';
import { Outlet } from './outlet.js';
import {
  type BoundLocal,
  type CertificateKey,
  type CertificatePlan,
  type Configuration,
  type Event,
  FINGERPRINT,
  type FromDataPlane,
  type PatternPlan,
  type Request,
  type Response,
  type SessionId,
  type SessionPlan,
  type SessionSnapshot,
  type SessionStats,
  type Status,
} from './protocol.gen.js';

export type ClientOptions = {
  readonly path: string;
  /** How this node calls itself in the data plane's log. */
  readonly node: string;
  readonly listener: DataPlaneListener;
  readonly timing?: Partial<ClientTiming>;
};

export type ClientTiming = {
  /** A request sent and not answered for so long has failed. */
  readonly responseMs: number;
  /** A request made without a connection waits so long for one. */
  readonly reconnectMs: number;
  readonly firstRetryMs: number;
  readonly lastRetryMs: number;
};

/**
 * The connection to the data plane. It comes back by itself; every request ends, with a response or an error, and
 * `listener.connected` runs before requests that waited for the connection are sent.
 */
export class DataPlaneClient implements DataPlane {
  readonly #options: ClientOptions;
  readonly #timing: ClientTiming;
  readonly #pending = new ChurningMap<number, Pending>();
  #waiting: Waiting[] = [];
  #state: 'idle' | 'connecting' | 'ready' | 'closed' = 'idle';
  #socket: Socket | undefined;
  #outlet: Outlet | undefined;
  #nextId = 1;
  #lastSeq: number | undefined;
  /** Start of the data plane that was connected last, and how far its log of repetitions was read. */
  #boot = '';
  #seen = 0;
  /** Frames of this round of the event loop, one character a byte. */
  #unsent = '';
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  /** Starts connecting, for as long as the client is not closed. */
  start(): void {
    if (this.#state === 'idle') this.#connect();
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#retry);
    clearInterval(this.#sweep);
    this.#socket?.destroy();
    this.#rejectAll();
  }

  configure(configuration: Configuration): Promise<readonly CertificatePlan[]> {
    return this.#request(
      { kind: 'configure', configuration },
      'configured',
      ({ certificates }) => certificates,
    );
  }

  renewCertificate(key: CertificateKey, insteadOf: string): Promise<readonly CertificatePlan[]> {
    return this.#request(
      { kind: 'renewCertificate', key, insteadOf },
      'configured',
      ({ certificates }) => certificates,
    );
  }

  apply(plan: SessionPlan | WrittenPlan): Promise<readonly BoundLocal[]> {
    const request: Outgoing = 'json' in plan ? { kind: 'written', plan } : { kind: 'apply', plan };
    return this.#request(request, 'applied', ({ bound }) => bound);
  }

  release(session: SessionId): Promise<SessionStats | null> {
    return this.#request({ kind: 'release', session }, 'released', ({ stats }) => stats);
  }

  stats(sessions: readonly SessionId[]): Promise<readonly SessionStats[]> {
    return this.#request(
      { kind: 'stats', sessions: [...sessions] },
      'stats',
      (response) => response.sessions,
    );
  }

  status(): Promise<Status> {
    return this.#request({ kind: 'status' }, 'status', (response) => response.status);
  }

  async snapshots(): Promise<readonly SessionSnapshot[]> {
    const all: SessionSnapshot[] = [];
    for (;;) {
      const after = all.at(-1)?.session ?? null;
      const request = { kind: 'snapshot', after, limit: SNAPSHOT_PAGE } as const;
      const page = await this.#request(request, 'snapshot', (response) => response);
      for (const snapshot of page.sessions) all.push(snapshot);
      if (!page.more || page.sessions.length === 0) return all;
    }
  }

  async list(): Promise<readonly SessionPlan[]> {
    const all: SessionPlan[] = [];
    for (;;) {
      const after = all.at(-1)?.session ?? null;
      const request = { kind: 'list', after, limit: PAGE } as const;
      const page = await this.#request(request, 'sessions', (response) => response);
      for (const plan of page.plans) all.push(plan);
      if (!page.more || page.plans.length === 0) return all;
    }
  }

  learn(pattern: PatternPlan): Promise<void> {
    return this.#request({ kind: 'learn', pattern }, 'learned', () => {});
  }

  forget(): Promise<void> {
    return this.#request({ kind: 'forget' }, 'forgotten', () => {});
  }

  /** Sends a reply to a client; without a connection it is lost, and the client asks again. */
  send({ socket, client, bytes }: CarriedDatagram): void {
    if (this.#state === 'ready') this.#write(this.#frameOf(0, { kind: 'send', socket, to: client, bytes }));
  }

  /** Resolves with what `read` takes from the response. */
  #request<K extends Response['kind'], T>(
    request: Outgoing,
    kind: K,
    read: (response: Extract<Response, { kind: K }>) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        resolve: (response) => {
          if (isKind(response, kind)) resolve(read(response));
          else reject(unexpected(response, kind));
        },
        reject,
        deadline: 0,
      };
      if (this.#state === 'ready') {
        this.#send(request, pending);
      } else if (this.#state === 'closed') {
        reject(new DataPlaneError({ code: 'disconnected' }));
      } else {
        pending.deadline = now() + this.#timing.reconnectMs;
        this.#waiting.push({ request, pending });
      }
      this.#watch();
    });
  }

  #send(request: Outgoing, pending: Pending): void {
    const id = this.#nextId++;
    pending.deadline = now() + this.#timing.responseMs;
    this.#pending.set(id, pending);
    try {
      this.#write(this.#frameOf(id, request));
    } catch (error) {
      this.#pending.delete(id);
      pending.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** What one round of the event loop writes goes out at once: a wake-up of the other side costs more than a frame. */
  #write(frame: string): void {
    const outlet = this.#outlet;
    if (outlet === undefined) return;
    if (this.#unsent === '') {
      setImmediate(() => {
        if (outlet !== this.#outlet) return;
        const frames = Buffer.from(this.#unsent, 'latin1');
        this.#unsent = '';
        outlet.write(frames);
      });
    }
    this.#unsent += frame;
  }

  #connect(): void {
    this.#state = 'connecting';
    const decoder = new FrameDecoder();
    const socket = createConnection({ path: this.#options.path });
    this.#socket = socket;
    this.#outlet = new Outlet(socket);
    this.#unsent = '';
    this.#lastSeq = undefined;
    let reason = 'closed by the data plane';
    socket.on('connect', () => this.#hello());
    socket.on('data', (chunk) => {
      try {
        for (const message of decoder.push(chunk)) this.#receive(message as FromDataPlane);
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => this.#lost(reason));
  }

  #hello(): void {
    const position = this.#boot === '' ? null : { boot: this.#boot, seq: this.#seen };
    const request: Request = { kind: 'hello', fingerprint: FINGERPRINT, node: this.#options.node, position };
    const resolve = (response: Response): void => {
      if (response.kind !== 'hello') throw unexpected(response, 'hello');
      const { boot, sessions } = response;
      this.#state = 'ready';
      this.#failures = 0;
      if (boot !== this.#boot) this.#seen = 0;
      this.#boot = boot;
      this.#options.listener.connected(boot, sessions);
      for (const waiting of this.#waiting.splice(0)) this.#send(waiting.request, waiting.pending);
    };
    this.#send(request, { resolve, reject: (error) => this.#socket?.destroy(error), deadline: 0 });
    this.#watch();
  }

  #receive(message: FromDataPlane): void {
    switch (message.kind) {
      case 'event':
        this.#receiveEvent(message.seq, message.event);
        return;
      case 'repeated':
        this.#receiveRepetition(message);
        return;
      case 'datagram': {
        const { socket, from: client, bytes } = message;
        this.#options.listener.datagram({ socket, client, bytes });
        return;
      }
      case 'ok':
      case 'error':
        this.#receiveResponse(message);
    }
  }

  #receiveResponse(message: Extract<FromDataPlane, { kind: 'ok' | 'error' }>): void {
    const pending = this.#pending.get(message.id);
    // Its time was up, or the answer is none of ours.
    if (pending === undefined) return;
    this.#pending.delete(message.id);
    if (message.kind === 'ok') pending.resolve(message.response);
    else pending.reject(new DataPlaneError(message.error));
  }

  #receiveEvent(seq: number, event: Event): void {
    if (this.#lastSeq !== undefined && seq !== this.#lastSeq + 1) {
      throw new Error(`event ${seq} follows event ${this.#lastSeq}: some are lost`);
    }
    this.#lastSeq = seq;
    this.#options.listener.event(event);
  }

  #receiveRepetition({ seq, pattern, micros, values }: Extract<FromDataPlane, { kind: 'repeated' }>): void {
    if (seq !== this.#seen + 1 && this.#seen > 0) {
      throw new Error(`repetition ${seq} follows repetition ${this.#seen}: some are lost`);
    }
    this.#seen = seq;
    if (seq % ACKNOWLEDGED === 0) this.#write(this.#frameOf(0, { kind: 'seen' }));
    this.#options.listener.repeated({ pattern, micros, values });
  }

  #frameOf(id: number, request: Outgoing): string {
    const seen = this.#seen;
    if (request.kind === 'written') return encodeWrittenFrame(id, seen, request.plan.json);
    if (request.kind === 'apply') return encodePlanFrame(id, seen, request.plan);
    return encodeFrameText({ id, seen, request });
  }

  #lost(reason: string): void {
    if (this.#state === 'closed') return;
    const wasReady = this.#state === 'ready';
    this.#state = 'connecting';
    this.#failures += 1;
    this.#rejectSent();
    if (wasReady || this.#failures === 1) this.#options.listener.disconnected(reason);
    const { firstRetryMs, lastRetryMs } = this.#timing;
    const backOff = Math.min(lastRetryMs, firstRetryMs * 2 ** Math.min(this.#failures - 1, 10));
    this.#retry = setTimeout(() => this.#connect(), backOff);
  }

  /** One timer for all deadlines, and only while there are any. */
  #watch(): void {
    this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS);
  }

  #expire(): void {
    const time = now();
    for (const [id, pending] of this.#pending) {
      if (pending.deadline > time) break;
      this.#pending.delete(id);
      pending.reject(new DataPlaneError({ code: 'timeout' }));
    }
    const expired = this.#waiting.filter(({ pending }) => pending.deadline <= time);
    if (expired.length > 0) this.#waiting = this.#waiting.filter(({ pending }) => pending.deadline > time);
    for (const { pending } of expired) pending.reject(new DataPlaneError({ code: 'disconnected' }));
    if (this.#pending.size > 0 || this.#waiting.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #rejectSent(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new DataPlaneError({ code: 'disconnected' }));
  }

  #rejectAll(): void {
    this.#rejectSent();
    for (const { pending } of this.#waiting.splice(0))
      pending.reject(new DataPlaneError({ code: 'disconnected' }));
  }
}

type Pending = {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: Error) => void;
  deadline: number;
};

type Waiting = { readonly request: Outgoing; readonly pending: Pending };

/** A request, or a plan that needs no writing. */
type Outgoing = Request | { readonly kind: 'written'; readonly plan: WrittenPlan };

function unexpected(response: Response, kind: Response['kind']): Error {
  return new Error(`the data plane answered ${response.kind} instead of ${kind}`);
}

function isKind<K extends Response['kind']>(
  response: Response,
  kind: K,
): response is Extract<Response, { kind: K }> {
  return response.kind === kind;
}

function now(): number {
  return performance.now();
}

const DEFAULT_TIMING: ClientTiming = {
  responseMs: 2_000,
  reconnectMs: 1_500,
  firstRetryMs: 10,
  lastRetryMs: 250,
};

const SWEEP_MS = 50;
/** Repetitions: what the data plane remembers of them is bounded. */
const ACKNOWLEDGED = 256;
const PAGE = 500;
/** The data plane holds packets up while it writes a page. */
const SNAPSHOT_PAGE = 32;
