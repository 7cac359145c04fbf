import type {
  BoundLocal,
  CertificatePlan,
  Configuration,
  FastPathPlan,
  FastPathStatus,
  ErrorCode,
  PatternPlan,
  SessionPlan,
  SessionSnapshot,
  SessionStats,
  Status,
  SuspectCounts,
} from '../../src/dataplane/protocol.gen.js';
import { Certificates } from '../../src/service/certificates.js';
import { type DataPlane, DataPlaneError, type WrittenPlan } from '../../src/service/ports.js';

/** A data plane without sockets: keeps plans and gives out ports, in memory. */
export class FakeDataPlane implements DataPlane {
  readonly plans = new Map<string, SessionPlan>();
  readonly applied: SessionPlan[] = [];
  readonly released: string[] = [];
  configuration: Configuration | undefined;
  /** Its own, unless it is given another one. */
  certificate: CertificatePlan = {
    id: 'AB01',
    pem: { certificate: 'certificate', privateKey: 'key', madeHere: true },
    key: { kind: 'ecdsa' },
    validFromMs: 0,
    validUntilMs: 4_000_000_000_000,
    fingerprints: [{ hash: 'sha-256', value: 'AB:CD' }],
  };
  fastPath: FastPathStatus = NO_FAST_PATH;
  snapshot: readonly SessionSnapshot[] = [];
  /** Makes the next requests of a kind fail, in order; a plan that failed this way is not carried out. */
  readonly refusals: { apply: (ErrorCode | { code: 'disconnected' } | { code: 'timeout' })[] } = {
    apply: [],
  };
  /** What `stats` and `release` report, beyond the session's name. */
  statsOf: (session: string) => Partial<SessionStats> = () => ({});
  /** Replies wait for this, to see what happens meanwhile. */
  hold: Promise<void> = Promise.resolve();
  #nextPort = 30000;

  /** All it has had, that of new calls first. */
  #certificates: readonly CertificatePlan[] = [];

  async configure(configuration: Configuration): Promise<readonly CertificatePlan[]> {
    await this.hold;
    this.configuration = configuration;
    const given = configuration.certificates.map((pem) => ({
      ...this.certificate,
      id: pem.certificate,
      pem,
    }));
    const known = [...this.#certificates, this.certificate];
    const isNew = ({ pem }: CertificatePlan) =>
      !configuration.certificates.some(({ certificate }) => certificate === pem.certificate);
    this.#certificates = [...given, ...known.filter(isNew)];
    return this.#certificates;
  }

  async renewCertificate(): Promise<readonly CertificatePlan[]> {
    return this.#certificates;
  }

  readonly learned: PatternPlan[] = [];

  async learn(pattern: PatternPlan): Promise<void> {
    await this.hold;
    this.learned.push(pattern);
  }

  async forget(): Promise<void> {
    await this.hold;
    this.learned.length = 0;
  }

  async snapshots(): Promise<readonly SessionSnapshot[]> {
    await this.hold;
    return this.snapshot;
  }

  async apply(wanted: SessionPlan | WrittenPlan): Promise<readonly BoundLocal[]> {
    await this.hold;
    const plan = 'json' in wanted ? (JSON.parse(wanted.json) as SessionPlan) : wanted;
    const refusal = this.refusals.apply.shift();
    if (refusal !== undefined) throw new DataPlaneError(refusal);
    const current = this.plans.get(plan.session);
    if (current !== undefined && plan.revision < current.revision) {
      throw new DataPlaneError({ code: 'stalePlan', current: current.revision });
    }
    this.applied.push(plan);
    const ports = new Map(
      current === undefined ? [] : boundOf(current).map(({ local, port }) => [local, port]),
    );
    const streams = plan.streams.map((stream) => ({
      ...stream,
      locals: stream.locals.map((local) => ({
        ...local,
        port: local.port ?? ports.get(local.id) ?? this.#port(),
      })),
    }));
    const kept = { ...plan, streams };
    this.plans.set(plan.session, kept);
    return boundOf(kept);
  }

  async release(session: string): Promise<SessionStats | null> {
    await this.hold;
    const plan = this.plans.get(session);
    this.plans.delete(session);
    this.released.push(session);
    return plan === undefined ? null : this.#stats(plan);
  }

  async stats(sessions: readonly string[]): Promise<readonly SessionStats[]> {
    await this.hold;
    return sessions.flatMap((session) => {
      const plan = this.plans.get(session);
      return plan === undefined ? [] : [this.#stats(plan)];
    });
  }

  async status(): Promise<Status> {
    await this.hold;
    return {
      version: 'fake',
      boot: 'fake',
      sessions: this.plans.size,
      shards: 1,
      dataPath: { name: 'mmsg', reason: 'in memory' },
      fastPath: this.fastPath,
      interfaces: [],
      counters: {
        receivedPackets: 0,
        receivedBytes: 0,
        sentPackets: 0,
        sentBytes: 0,
        droppedPackets: 0,
        sendFailures: 0,
        fastPathPackets: 0,
        fastPathBytes: 0,
        suspect: NOTHING_SUSPECT,
      },
      repeats: { patterns: this.learned.length, answered: 0, repeated: 0, passedOn: 0 },
    };
  }

  async list(): Promise<readonly SessionPlan[]> {
    await this.hold;
    return [...this.plans.values()];
  }

  #stats(plan: SessionPlan): SessionStats {
    return { session: plan.session, revision: plan.revision, streams: [], ...this.statsOf(plan.session) };
  }

  #port(): number {
    const port = this.#nextPort;
    this.#nextPort += 2;
    return port;
  }
}

/** A data plane told to use none. */
export const WITHOUT_FAST_PATH: FastPathPlan = {
  mode: 'off',
  devices: [],
  pinDirectory: '/',
  maxStreams: 1,
  hook: 'auto',
};

/** What a data plane says that has none. */
export const NO_FAST_PATH: FastPathStatus = {
  mode: 'off',
  state: 'off',
  reason: 'in memory',
  devices: [],
  offloaded: 0,
  userspace: [],
};

function boundOf(plan: SessionPlan): BoundLocal[] {
  return plan.streams.flatMap(({ locals }) => locals.map(({ id, port }) => ({ local: id, port: port ?? 0 })));
}

export const NOTHING_SUSPECT: SuspectCounts = {
  foreign: 0,
  tolerated: 0,
  notAuthentic: 0,
  replay: 0,
  unkeyed: 0,
  check: 0,
  handshake: 0,
  malformed: 0,
  early: 0,
};

/** Those of a node that makes its own and keeps it. */
export function ownCertificates(): Certificates {
  const ignored = () => {};
  const events = { certificateChanged: ignored, certificateUnusable: ignored, certificateExpires: ignored };
  return new Certificates({ files: null, key: { kind: 'ecdsa' }, rotationMs: null, events, now: () => 0 });
}

/** What a data plane is told by a node that has no interfaces. */
export const WITHOUT_INTERFACES: Configuration = {
  interfaces: [],
  portRestMs: 0,
  maxSessions: null,
  maxRepeated: null,
  certificates: [],
  fastPath: WITHOUT_FAST_PATH,
  relayServer: null,
};
