import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { showTransportAddress } from './config/addresses.js';
import { callDefaults, dataPlaneConfiguration, interfaceFacts } from './config/derive.js';
import { type InheritedListener, parseInheritedListeners } from './config/launch.js';
import type { Config, ListenAddress, RtpproxyListenConfig } from './config/schema.js';
import { startNgServer } from './control/ng/server.js';
import { ReplyCache } from './control/reply-cache.js';
import { type RtpproxyListen, startRtpproxyServer } from './control/rtpproxy/server.js';
import { DataPlaneClient } from './dataplane/client.js';
import type { Status } from './dataplane/protocol.gen.js';
import { bridgeOf } from './negotiation/pair-places.js';
import { RELAY_ONLY } from './negotiation/facts.js';
import { planOf } from './negotiation/plan.js';
import { StreamNotifier } from './notify/notifier.js';
import { newCounters } from './observability/counters.js';
import { createEvents } from './observability/events.js';
import { greeting } from './observability/greeting.js';
import { createLogger } from './observability/logger.js';
import { Attachment } from './service/attachment.js';
import { CallService } from './service/call-service.js';
import { DataPlaneError } from './service/ports.js';
import { recordedCall } from './service/recorded.js';
import { CallRegistry } from './service/registry.js';
import { kernelRoutes } from './service/routes.js';

export type Program = {
  readonly version: string;
  /** Where the configuration comes from. */
  readonly file: string;
  /** On SIGHUP no calls are taken any more, and the program ends with the last one. */
  readonly endsOnHangup?: boolean;
};

/** Puts the parts together and runs them until a signal. Calls are not released: they live in the data plane. */
export async function runNode(config: Config, program: Program): Promise<void> {
  const stopped = signalled();
  const logger = createLogger(config.log);
  const counters = newCounters();
  const events = createEvents(logger, counters);
  const registry = new CallRegistry();
  const notifier = new StreamNotifier(events);
  const bridge = bridgeOf(interfaceFacts(config));

  const attachment: Attachment = new Attachment({
    configuration: dataPlaneConfiguration(config),
    registry,
    events,
    read: recordedCall,
    planOf,
    adopt: (call) => service.adopt(call),
    onEvent: (event) => service.handleEvent(event),
  });
  const dataPlane = new DataPlaneClient({
    path: config.dataPlane.socket ?? DEFAULT_SOCKET,
    node: hostname(),
    listener: attachment,
  });
  attachment.use(dataPlane);
  const service: CallService = new CallService({
    dataPlane,
    attachment,
    registry,
    events,
    counters,
    clock: { now: () => Date.now() },
    random: { bytes: (length) => randomBytes(length) },
    interfaces: interfaceFacts(config),
    defaults: callDefaults(config, hostname()),
    maxSessions: config.maxSessions,
    notifier,
    routes: kernelRoutes,
    pairRules: { bridge, asymmetricBridge: config.rtpproxy.asymmetricBridge },
    cpuSeconds: () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
    protection: () => RELAY_ONLY,
  });

  // Control sockets open only when calls and data plane agree: no command meets an empty registry.
  dataPlane.start();
  const status = await Promise.race([untilAttached(attachment, dataPlane), stopped]);
  if (status === undefined) return;
  const inherited = parseInheritedListeners(process.env.TANDEM_LISTEN_FDS);
  const server = await startNgServer({
    listen: withInherited('udp', config.listen.ng, inherited),
    listenTcp: withInherited('tcp', config.listen.ngTcp, inherited),
    handler: (command, client) => service.handle(command, client),
    cache: new ReplyCache(),
    logger,
    templates: config.templates,
  });
  const rtpproxy = await startRtpproxyServer({
    listen: config.listen.rtpproxy.map((listener) => rtpproxyListen(listener, config, inherited)),
    handler: service.handlePair,
    cache: new ReplyCache({ generationMs: RTPPROXY_MEMORY_MS }),
    bridged: bridge !== null,
    notify: config.rtpproxy.notify,
    logger,
  });
  process.stdout.write(greeting(config, { ...program, status, calls: registry.size }));

  await (program.endsOnHangup === true ? Promise.race([stopped, emptied(service, registry)]) : stopped);
  await Promise.all([server.close(), rtpproxy.close()]);
  service.close();
  dataPlane.close();
  notifier.close();
}

async function untilAttached(attachment: Attachment, dataPlane: DataPlaneClient): Promise<Status> {
  for (;;) {
    try {
      await attachment.ready(60_000);
      return await dataPlane.status();
    } catch (error) {
      if (!(error instanceof DataPlaneError)) throw error;
    }
  }
}

function withInherited(
  protocol: string,
  configured: readonly ListenAddress[],
  inherited: readonly InheritedListener[],
): readonly (ListenAddress & { fd?: number })[] {
  const ofProtocol = inherited.filter((listener) => listener.protocol === protocol);
  const fds = new Map(ofProtocol.map((listener) => [showTransportAddress(listener), listener.fd]));
  return configured.map((address) => {
    const fd = fds.get(showTransportAddress(address));
    return fd === undefined ? address : { ...address, fd };
  });
}

function rtpproxyListen(
  listener: RtpproxyListenConfig,
  config: Config,
  inherited: readonly InheritedListener[],
): RtpproxyListen {
  if ('path' in listener) return { ...listener, mode: config.rtpproxy.socketMode };
  const [held] = withInherited(listener.kind, [listener], inherited);
  return { ...listener, ...held };
}

/** Resolves when the last call has ended after a hangup, and has the supervisor end, too. */
function emptied(service: CallService, registry: CallRegistry): Promise<undefined> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (registry.size > 0) return;
      if (process.env.TANDEM_LISTEN_FDS !== undefined) process.kill(process.ppid, 'SIGTERM');
      resolve(undefined);
    };
    process.on('SIGHUP', () => {
      if (service.draining) return;
      service.drain(true);
      setInterval(look, LOOK_MS).unref();
    });
  });
}

const LOOK_MS = 200;

function signalled(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(undefined));
  });
}

/** How long a repeated datagram is answered from memory, at least. */
const RTPPROXY_MEMORY_MS = 35_000;

const DEFAULT_SOCKET = '/run/tandem/dataplane.sock';
