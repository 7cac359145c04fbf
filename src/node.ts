import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { callDefaults, certificateSource, dataPlaneConfiguration, interfaceFacts } from './config/derive.js';
import { isCarried, parseInheritedListeners } from './config/launch.js';
import type { Config } from './config/schema.js';
import type { Dictionary } from './control/ng/value.js';
import { CarriedSockets } from './control/carried.js';
import { CommandLine } from './control/cli/interpreter.js';
import { answeringLines } from './control/cli/over-ng.js';
import { startCliServer } from './control/cli/server.js';
import { SDP_REPLY, writeNg } from './control/ng/encode.js';
import { type NgServer, startNgServer } from './control/ng/server.js';
import { ReplyCache } from './control/reply-cache.js';
import { startRtpproxyServer } from './control/rtpproxy/server.js';
import { openGraphite } from './graphite/exporter.js';
import { EventStream } from './http/event-stream.js';
import { copyMetrics } from './http/copy-metrics.js';
import { limitMetrics } from './http/limit-metrics.js';
import { relayMetrics } from './http/relay-metrics.js';
import { replicationMetrics } from './http/replication-metrics.js';
import { rtpengineMetrics } from './http/rtpengine-metrics.js';
import { startHttpServer } from './http/server.js';
import { DataPlaneClient } from './dataplane/client.js';
import type { Status } from './dataplane/protocol.gen.js';
import { rtpproxyListen, tlsListen, withInherited } from './listeners.js';
import { bridgeOf } from './negotiation/pair-places.js';
import type { Capability } from './negotiation/facts.js';
import { planOf } from './negotiation/plan.js';
import { openChannels } from './notify/channels.js';
import { ngNotification } from './notify/ng-push.js';
import { KeyDatagrams } from './notify/key-datagrams.js';
import { keyNotification } from './notify/key-json.js';
import { NodeNotifier } from './notify/node-notifier.js';
import { detailRecorder, keyRecorder } from './observability/detail-records.js';
import { newCounters } from './observability/counters.js';
import { IntervalMeter } from './observability/intervals.js';
import { createEvents, type Events } from './observability/events.js';
import { greeting } from './observability/greeting.js';
import { LogBook } from './observability/log-book.js';
import { createLogger } from './observability/logger.js';
import { randomPool } from './random-pool.js';
import { ReplicatedNode } from './replicated-node.js';
import { obeySignals, type SignalMeaning } from './signals.js';
import { Attachment } from './service/attachment.js';
import { CallService } from './service/call-service.js';
import { CertificateRotation } from './service/certificate-rotation.js';
import { Certificates } from './service/certificates.js';
import { Drain } from './service/drain.js';
import { entrance } from './service/entrance.js';
import { dataPlaneFailure } from './service/failures.js';
import { decidedFastPath } from './service/fast-path.js';
import { linuxLoad } from './service/host-load.js';
import { LoadWatch } from './service/load-watch.js';
import { DataPlaneError } from './service/ports.js';
import { operatedNode } from './service/operator.js';
import { RecordingFiles } from './service/recording-files.js';
import { recordedCall } from './service/recorded.js';
import { CallRegistry } from './service/registry.js';
import { kernelRoutes } from './service/routes.js';
import { Snapshots } from './service/snapshots.js';

export type Program = {
  readonly version: string;
  /** Where the configuration comes from. */
  readonly file: string;
  readonly signals: SignalMeaning;
};

/**
 * Puts the parts together and runs them until a signal, or until a drained node has no call left. Calls are not
 * released: they live in the data plane. Resolves with the exit code.
 */
export async function runNode(config: Config, program: Program): Promise<number> {
  const stopped = signalled();
  const unavailable = deferred<string>();
  const logs = new LogBook(createLogger(config.log), config.log);
  const [logger, controlLogger] = [logs.logger('core'), logs.lines('control')];
  const counters = newCounters();
  const events = createEvents(logs.lines(), counters);
  const registry = new CallRegistry();
  const inherited = parseInheritedListeners(process.env.TANDEM_LISTEN_FDS);
  const node = hostname();
  const now = (): number => Date.now();
  const intervals = new IntervalMeter(performance.now(), config.graphite.intervalSeconds * 1000);
  const { channels, clientTargets } = openChannels(config.notify, { events, node, now });
  const notifier = new NodeNotifier(clientTargets, channels);
  notifier.addForKeys(new KeyDatagrams(config.notify.dtmf.udp, events));
  const bridge = bridgeOf(interfaceFacts(config));

  const recordingFiles = recordingFilesOf(config, events);
  const unusable = await recordingFiles?.prepare().catch(textOf);
  if (unusable !== undefined) {
    process.stderr.write(`tandem: recording.dir cannot be used: ${unusable}\n`);
    return WRONG_CONFIGURATION;
  }

  const defaults = callDefaults(config, node);
  const certificates = new Certificates({
    ...certificateSource(config, now),
    events,
    now,
    // What repeats may announce the one before.
    onChanged: () => service.repetitions.forget(),
  });
  const attachment: Attachment = new Attachment({
    configuration: dataPlaneConfiguration(config),
    certificates,
    registry,
    events,
    read: recordedCall,
    planOf: (call) => snapshots.resumed(planOf(call)),
    adopt: (call) => service.adopt(call),
    onEvent: (event) => service.handleEvent(event),
    onConnected: () => service.repetitions.connected(),
    onAgreed: () => {
      service.repetitions.agreed();
      replicated?.replica.attached();
      if (replicated === null) service.agreed();
      else void replicated.replica.begun().then(() => service.agreed());
    },
    onRepeated: (repetition) => service.repetitions.take(repetition),
    onDatagram: (datagram) => carrier.receive(datagram),
    onLost: (call) => service.lost(call),
    onUnavailable: (reason) =>
      unavailable.resolve(`no fast path, and the configuration requires it: ${reason}`),
  });
  const socket = config.dataPlane.socket ?? DEFAULT_SOCKET;
  const dataPlane = new DataPlaneClient({
    path: socket,
    node,
    listener: attachment,
  });
  attachment.use(dataPlane);
  const carrier: CarriedSockets = new CarriedSockets((datagram) => dataPlane.send(datagram), controlLogger);
  const snapshots: Snapshots = new Snapshots({
    dataPlane,
    isReady: () => attachment.isReady,
    taken: (sessions) => {
      events.snapshotTaken(sessions.size);
      replicated?.replica.saved(sessions);
    },
    failed: events.snapshotFailed,
  });
  const replicated: ReplicatedNode | null =
    config.replication &&
    new ReplicatedNode({
      ...{ config: config.replication, registry, events, attachment, snapshots },
      service: () => service,
    });
  const load: LoadWatch = new LoadWatch({
    limits: config.limits,
    host: linuxLoad(),
    dataPlane,
    clock: { now },
    events,
    changed: () => service.loadChanged(),
  });
  const service: CallService = new CallService({
    load,
    dataPlane,
    attachment,
    registry,
    events,
    counters,
    clock: { now },
    intervals,
    random: randomPool(),
    interfaces: interfaceFacts(config),
    defaults,
    maxSessions: config.maxSessions,
    ...(config.log.callRecords && { keepDetails: detailRecorder(logger, config.log.callRecordForm) }),
    notifier,
    recordingFiles,
    routes: kernelRoutes,
    pairRules: { bridge, asymmetricBridge: config.rtpproxy.asymmetricBridge },
    cpuSeconds: () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
    protection: () => ({ capabilities: CAPABILITIES, certificate: certificates.facts }),
    inherits: replicated?.inherits,
    foreignCalls: () => replicated?.replica.foreign.size ?? 0,
    repetitions: {
      reply: inherited.some(isCarried) ? { sdp: SDP_REPLY, write: writeNg } : null,
      answered: (client, command, seconds) => server.answered(client, command, seconds),
    },
  });

  const drain = new Drain({
    refuse: (on) => service.drain(on),
    remaining: () => service.calls,
    file: `${socket}.draining`,
    failed: events.drainNotRemembered,
  });
  const operated = operatedNode({
    ...{ config, defaults, load, service, registry, events, logs },
    controls: () => server.controls(),
    replication: replicated?.operated,
  });
  obeySignals({ drain, logs, events, meaning: program.signals });
  const cli = new CommandLine(operated, controlLogger);

  if (config.replication?.required) {
    const unreached = await replicated?.replica.reached();
    if (unreached !== undefined) {
      process.stderr.write(`tandem: no Redis, and the configuration requires it: ${unreached}\n`);
      await replicated?.close();
      return WRONG_CONFIGURATION;
    }
  }
  dataPlane.start();
  replicated?.start();
  snapshots.start();
  load.start();
  const rotation = new CertificateRotation({ certificates, attachment, failed: events.certificateNotTended });
  rotation.start();
  const attached = untilAttached(attachment, dataPlane, replicated);
  const lost = dataPlaneFailure(new DataPlaneError({ code: 'disconnected' }));
  const rules = { ready: attached, patienceMs: PATIENCE_MS, refusal: () => lost };
  const server: NgServer = await startNgServer({
    carrier,
    listen: withInherited('udp', config.listen.ng, inherited),
    listenTcp: withInherited('tcp', config.listen.ngTcp, inherited),
    handler: entrance(
      answeringLines(cli, (command, client) => service.handle(command, client)),
      { ...rules, isFree: ({ kind }) => kind === 'ping' },
    ),
    cache: new ReplyCache(),
    logger: controlLogger,
    templates: config.templates,
    counted: (command, seconds) => intervals.record(command, seconds),
  });
  const rtpproxy = await startRtpproxyServer({
    listen: config.listen.rtpproxy.map((listener) => rtpproxyListen(listener, config, inherited)),
    handler: entrance(service.handlePair, { ...rules, isFree: () => false }),
    cache: new ReplyCache({ generationMs: RTPPROXY_MEMORY_MS }),
    bridged: bridge !== null,
    notify: config.rtpproxy.notify,
    logger: controlLogger,
  });
  const push = (notification: Dictionary): void => {
    const cutOff = server.broadcast(notification);
    if (cutOff > 0) events.noticesDropped('ng over TCP', 'a client does not read', cutOff);
  };
  if (config.notify.ngTcp) {
    notifier.add({ tell: (notice) => push(ngNotification(notice)), waiting: 0, close() {} });
  }
  if (config.notify.dtmf.ngTcp) {
    notifier.addForKeys({ tellKey: (press) => push(keyNotification(press)), close() {} });
  }
  const eventStream = new EventStream(node, (notices) =>
    events.noticesDropped('/events', 'a client does not read', notices),
  );
  notifier.add(eventStream);
  if (config.notify.dtmf.log) notifier.addForKeys(keyRecorder(logger));
  if (config.notify.dtmf.events) notifier.addForKeys(eventStream);
  const cliServer = await startCliServer({ listen: config.listen.cli, cli, logger: controlLogger });
  const http = await startHttpServer({
    listen: config.listen.http,
    tls: tlsListen(config),
    webPages: config.http.webPages,
    ng: server.responder,
    cli,
    logger: logs.lines('http'),
    drain,
    eventStream,
    status: () => dataPlane.status(),
    metrics: (status) =>
      relayMetrics(counters) +
      copyMetrics(counters) +
      limitMetrics(counters, load.exceeded) +
      replicationMetrics(counters, replicated?.replica.state) +
      rtpengineMetrics(service.node.totals(status), server.controls()),
  });
  const exporter = openGraphite(config.graphite, {
    ...{ intervals, dataPlane, events, clock: { now } },
    totals: (status) => service.node.totals(status),
    families: () => registry.families(),
    controls: () => server.controls(),
  });
  const seconds = setInterval(() => {
    if (intervals.second(performance.now(), registry.size)) void exporter?.intervalOver();
  }, 1_000);
  const outcome = await Promise.race([attached, stopped, unavailable.promise]);
  const status = typeof outcome === 'string' ? undefined : outcome;
  if (typeof outcome === 'string') process.stderr.write(`tandem: ${outcome}\n`);
  if (status !== undefined) {
    exporter?.attached(status);
    process.stdout.write(greeting(config, { ...program, status, calls: registry.size }));
  }

  const drained = status !== undefined && (await Promise.race([stopped, drain.emptied().then(() => true)]));
  if (drained) await Promise.race([stopped, delivered(notifier)]);
  drain.close();
  await Promise.all([server.close(), rtpproxy.close(), cliServer.close(), http.close()]);
  clearInterval(seconds);
  exporter?.close();
  snapshots.close();
  await replicated?.close();
  load.close();
  rotation.close();
  service.close();
  dataPlane.close();
  notifier.close();
  await recordingFiles?.settled();
  if (typeof outcome === 'string') return WRONG_CONFIGURATION;
  return drained ? DRAINED : 0;
}

function recordingFilesOf({ recording }: Config, events: Events): RecordingFiles | null {
  const { directory } = recording;
  return directory === null ? null : new RecordingFiles({ directory, failed: events.recordingTextFailed });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the last calls left to tell, as far as it can be told soon. */
async function delivered(notifier: NodeNotifier): Promise<void> {
  for (const started = Date.now(); notifier.waiting > 0 && Date.now() - started < LAST_NOTICES_MS; ) {
    await setTimeout(100);
  }
}

async function untilAttached(
  attachment: Attachment,
  dataPlane: DataPlaneClient,
  replicated: ReplicatedNode | null,
): Promise<Status> {
  for (;;) {
    try {
      await attachment.ready(60_000);
      await decidedFastPath(dataPlane);
      await replicated?.replica.begun();
      return await dataPlane.status();
    } catch (error) {
      if (!(error instanceof DataPlaneError)) throw error;
    }
  }
}

function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve: (value) => resolve(value) };
}

function signalled(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(undefined));
  });
}

/** How long a repeated datagram is answered from memory, at least. */
const RTPPROXY_MEMORY_MS = 35_000;

/** Exit code that tells the supervisor that starting again would not help. */
const WRONG_CONFIGURATION = 2;

/** Exit code that tells the supervisor not to start anything again. */
const DRAINED = 3;

const LAST_NOTICES_MS = 10_000;

/** What the data plane can do besides relaying. */
const CAPABILITIES: ReadonlySet<Capability> = new Set<Capability>(['srtp', 'ice']);
/** How long a client waits for a program that still starts; it asks again after a second. */
const PATIENCE_MS = 1_500;
const DEFAULT_SOCKET = '/run/tandem/dataplane.sock';
