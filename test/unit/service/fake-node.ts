import type { LogConfig } from '../../../src/config/schema.js';
import { RELAY_ONLY } from '../../../src/negotiation/facts.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { type Counters, newCounters } from '../../../src/observability/counters.js';
import { createEvents } from '../../../src/observability/events.js';
import { createLogger } from '../../../src/observability/logger.js';
import { Attachment } from '../../../src/service/attachment.js';
import { CallService, type CallServiceParts } from '../../../src/service/call-service.js';
import { recordedCall } from '../../../src/service/recorded.js';
import { CallRegistry } from '../../../src/service/registry.js';
import { FACTS } from '../negotiation/sample.js';
import { FakeDataPlane, ownCertificates, WITHOUT_INTERFACES } from '../../support/fake-data-plane.js';

/** All of the control plane that is behind the control protocols, on a data plane that is played. */
export type FakeNode = {
  readonly dataPlane: FakeDataPlane;
  readonly registry: CallRegistry;
  readonly attachment: Attachment;
  readonly counters: Counters;
  readonly service: CallService;
};

export type FakeNodeOptions = {
  readonly onto?: FakeDataPlane;
  readonly registry?: CallRegistry;
  /** Of what is written to `log`; everything unless it says something else. */
  readonly logLevel?: LogConfig['level'];
  readonly log?: (line: string) => void;
  /** Other parts than usual. */
  readonly parts?: Partial<CallServiceParts>;
};

/** Attached to its data plane, and ready. */
export async function startFakeNode({
  onto = new FakeDataPlane(),
  registry = new CallRegistry(),
  logLevel = 'debug',
  log,
  parts,
}: FakeNodeOptions = {}): Promise<FakeNode> {
  const counters = newCounters();
  const level = log === undefined ? 'error' : logLevel;
  const logger = createLogger({ level, format: 'text' }, { write: log ?? (() => {}) });
  const events = createEvents(logger, counters);
  const attachment: Attachment = new Attachment({
    configuration: WITHOUT_INTERFACES,
    certificates: ownCertificates(),
    registry,
    events,
    read: recordedCall,
    planOf,
    adopt: (call) => service.adopt(call),
    onEvent: (event) => service.handleEvent(event),
    onConnected: () => service.repetitions.connected(),
    onAgreed: () => service.repetitions.agreed(),
    onLost: (call) => service.lost(call),
  });
  attachment.use(onto);
  const service: CallService = new CallService({
    dataPlane: onto,
    attachment,
    registry,
    events,
    counters,
    clock: { now: () => FACTS.now },
    random: FACTS.random,
    interfaces: FACTS.interfaces,
    defaults: FACTS.defaults,
    notifier: { tell() {}, tellKey() {}, tellEnd() {}, tellKeyLine() {} },
    routes: { sourceTowards: async () => undefined },
    pairRules: { bridge: null, asymmetricBridge: false },
    cpuSeconds: () => 0,
    maxSessions: null,
    protection: () => RELAY_ONLY,
    ...parts,
  });
  attachment.connected('boot', 0);
  await attachment.ready(30_000);
  return { dataPlane: onto, registry, attachment, counters, service };
}
