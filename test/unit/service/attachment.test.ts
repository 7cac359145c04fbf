import { beforeEach, expect, test, vi } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import type { Configuration, Event, SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { newCounters } from '../../../src/observability/counters.js';
import { createEvents } from '../../../src/observability/events.js';
import { createLogger } from '../../../src/observability/logger.js';
import { Attachment } from '../../../src/service/attachment.js';
import type { Certificates } from '../../../src/service/certificates.js';
import { CallRegistry } from '../../../src/service/registry.js';
import { newCall } from '../../../src/negotiation/call-flags.js';
import { CLIENT, FACTS } from '../negotiation/sample.js';
import {
  FakeDataPlane,
  NO_FAST_PATH,
  ownCertificates,
  WITHOUT_FAST_PATH,
  WITHOUT_INTERFACES,
} from '../../support/fake-data-plane.js';
import { eventually } from '../../support/eventually.js';

let dataPlane: FakeDataPlane;
let registry: CallRegistry;
let attachment: Attachment;
let certificates: Certificates;
const counters = newCounters();
const log: string[] = [];
const unavailable: string[] = [];
const told: { readonly event: Event; readonly isKnown: boolean }[] = [];

beforeEach(() => {
  log.length = 0;
  unavailable.length = 0;
  told.length = 0;
  dataPlane = new FakeDataPlane();
  registry = new CallRegistry();
  certificates = ownCertificates();
  attachment = newAttachment(WITHOUT_INTERFACES);
});

function newAttachment(configuration: Configuration): Attachment {
  const logger = createLogger({ level: 'info', format: 'text' }, { write: (line) => void log.push(line) });
  const created = new Attachment({
    configuration,
    certificates,
    registry,
    events: createEvents(logger, counters),
    read: ({ session, revision, memo }) => (memo === '' ? undefined : call(session, revision)),
    planOf,
    adopt: (adopted) => registry.set(adopted),
    onEvent: (event) => void told.push({ event, isKnown: registry.find(event.session) !== undefined }),
    onUnavailable: (reason) => unavailable.push(reason),
  });
  created.use(dataPlane);
  return created;
}

function call(callId: string, revision = 1): Call {
  return { ...newCall({ callId }, CLIENT, FACTS), revision };
}

function planOf({ callId, revision }: Call): SessionPlan {
  return {
    session: callId,
    revision,
    memo: 'memo',
    tos: 0,
    timeouts: { mediaMs: 1, silentMs: 1, offerMs: 1, firstPacketMs: null },
    streams: [],
    reportTelephoneEvents: false,
    routes: [],
  };
}

test('what is reported of a call before it is adopted is told when it has been, and once', async () => {
  dataPlane.plans.set('a', planOf(call('a')));
  attachment.connected('boot-1', 1);
  attachment.event(TIMEOUT);
  expect(told).toEqual([]);
  await attachment.ready(30_000);
  await eventually(() => expect(told).toEqual([{ event: TIMEOUT, isKnown: true }]));
  attachment.event(TIMEOUT);
  expect(told).toHaveLength(2);
});

test('what a connection had reported that is gone is told nobody', async () => {
  attachment.connected('boot-1', 1);
  attachment.event(TIMEOUT);
  attachment.disconnected('it went');
  attachment.connected('boot-2', 0);
  await attachment.ready(30_000);
  await eventually(() => expect(attachment.isReady).toBe(true));
  expect(told).toEqual([]);
});

test('the data plane is configured and its calls are adopted before anybody may open ports', async () => {
  dataPlane.plans.set('a', planOf(call('a', 4)));
  attachment.connected('boot-1', 1);
  expect(attachment.isReady).toBe(false);
  await attachment.ready(30_000);
  expect(dataPlane.configuration).toEqual(WITHOUT_INTERFACES);
  expect(registry.find('a')).toEqual(call('a', 4));
  expect(dataPlane.applied).toEqual([]);
});

test('a data plane that has started anew gets all calls back', async () => {
  attachment.connected('boot-1', 0);
  await attachment.ready(30_000);
  for (let index = 0; index < 600; index++) registry.set(call(`call-${index}`, 2));
  attachment.disconnected('gone');
  expect(attachment.isReady).toBe(false);
  attachment.connected('boot-2', 0);
  await attachment.ready(30_000);
  expect(dataPlane.plans.size).toBe(600);
});

const REQUIRING: Configuration = {
  ...WITHOUT_INTERFACES,
  fastPath: { ...WITHOUT_FAST_PATH, mode: 'require' },
};

test('a node that requires a fast path does not start without', async () => {
  attachment = newAttachment(REQUIRING);
  dataPlane.fastPath = { ...NO_FAST_PATH, state: 'unavailable', reason: 'CAP_BPF is missing' };
  attachment.connected('boot-1', 0);
  await eventually(() => expect(unavailable).toEqual(['CAP_BPF is missing']));
  expect(attachment.isReady).toBe(false);
  attachment.stop();
});

test('a node that requires a fast path starts as soon as it is there', async () => {
  attachment = newAttachment(REQUIRING);
  dataPlane.fastPath = { ...NO_FAST_PATH, state: 'opening' };
  attachment.connected('boot-1', 0);
  await eventually(() => expect(dataPlane.configuration).toBeDefined());
  expect(attachment.isReady).toBe(false);
  dataPlane.fastPath = { ...NO_FAST_PATH, state: 'active' };
  await attachment.ready(30_000);
});

test('calls that run already go on without the fast path the configuration requires', async () => {
  attachment = newAttachment(REQUIRING);
  dataPlane.fastPath = { ...NO_FAST_PATH, state: 'active' };
  attachment.connected('boot-1', 0);
  await attachment.ready(30_000);
  registry.set(call('a'));
  attachment.disconnected('gone');
  dataPlane.fastPath = { ...NO_FAST_PATH, state: 'unavailable', reason: 'the device is gone' };
  attachment.connected('boot-2', 0);
  await attachment.ready(30_000);
  expect([...dataPlane.plans.keys()]).toEqual(['a']);
  await eventually(() => expect(log.join('')).toContain('the required fast path is gone'));
});

test('a call that ended meanwhile is released', async () => {
  attachment.connected('boot-1', 0);
  await attachment.ready(30_000);
  dataPlane.plans.set('a', planOf(call('a')));
  attachment.disconnected('gone');
  attachment.connected('boot-1', 1);
  await attachment.ready(30_000);
  expect(dataPlane.released).toEqual(['a']);
});

test('a call that the data plane has taken further by itself is not lost', async () => {
  attachment.connected('boot-1', 0);
  await attachment.ready(30_000);
  registry.set(call('a'));
  attachment.disconnected('gone');
  dataPlane.refusals.apply.push({ code: 'overtaken' });
  attachment.connected('boot-1', 1);
  await attachment.ready(30_000);
  expect(registry.find('a')).toBeDefined();
});

test('a call that cannot be brought back is lost alone', async () => {
  attachment.connected('boot-1', 0);
  await attachment.ready(30_000);
  registry.set(call('a'));
  registry.set(call('b'));
  dataPlane.refusals.apply.push({ code: 'portBusy', address: '127.0.0.1', port: 30000 });
  attachment.connected('boot-2', 0);
  await attachment.ready(30_000);
  expect([...registry.calls.keys()]).toEqual(['b']);
  expect(log.join('')).toContain('call could not be brought back callId=a');
});

test('what fails for the connection is tried again', async () => {
  registry.set(call('a'));
  dataPlane.refusals.apply.push({ code: 'timeout' });
  attachment.connected('boot-1', 0);
  await attachment.ready(30_000);
  expect(dataPlane.plans.has('a')).toBe(true);
  expect(log.join('')).toContain('trying again');
});

test('a record that cannot be read is reported and left alone', async () => {
  dataPlane.plans.set('a', { ...planOf(call('a')), memo: '' });
  attachment.connected('boot-1', 1);
  await attachment.ready(30_000);
  expect(registry.size).toBe(0);
  expect(dataPlane.released).toEqual([]);
  expect(log.join('')).toContain('callId=a');
});

test('nobody waits for ever', async () => {
  vi.useFakeTimers();
  const outcome = expect(attachment.ready(1500)).rejects.toMatchObject({ detail: { code: 'disconnected' } });
  await vi.advanceTimersByTimeAsync(1500);
  await outcome;
  vi.useRealTimers();
});

test('an attempt overtaken by a new connection has no say', async () => {
  let release: () => void = () => {};
  dataPlane.hold = new Promise((resolve) => {
    release = resolve;
  });
  attachment.connected('boot-1', 0);
  attachment.disconnected('gone');
  release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(attachment.isReady).toBe(false);
});

test('a data plane that has restarted gets the certificate of the one before', async () => {
  attachment.connected('boot-1', 0);
  await eventually(() => expect(attachment.isReady).toBe(true));
  const { facts } = certificates;
  expect(facts?.fingerprints).toEqual(dataPlane.certificate.fingerprints);
  const { pem } = dataPlane.certificate;
  dataPlane = new FakeDataPlane();
  dataPlane.certificate = {
    ...dataPlane.certificate,
    id: 'EF',
    pem: { ...pem, certificate: 'of the next start' },
  };
  attachment.use(dataPlane);
  attachment.connected('boot-2', 0);
  await eventually(() => expect(attachment.isReady).toBe(true));
  expect(dataPlane.configuration?.certificates).toEqual([pem]);
});

const TIMEOUT: Event = {
  kind: 'mediaTimeout',
  session: 'a',
  revision: 1,
  reason: 'media',
  lastPacketMsAgo: null,
};
