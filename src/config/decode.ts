import {
  boolean,
  choice,
  finish,
  integer,
  list,
  mistake,
  optionalInteger,
  type Section,
  section,
  shown,
  subsection,
  text,
} from './fields.js';
import { decodeRtpproxy, isUdp, rtpproxyListeners } from './control-listeners.js';
import { decodeDtls } from './dtls.js';
import { decodeFastPath } from './fast-path.js';
import { decodeGraphite } from './graphite.js';
import { decodeHttp } from './http.js';
import { parseListenAddress, showTransportAddress } from './addresses.js';
import { decodeLoadLimits } from './load-limits.js';
import { decodeNotify } from './notify.js';
import { decodeInterfaces, type Host } from './interfaces.js';
import { decodeRecording } from './recording.js';
import { decodeReplication } from './replication.js';
import { decodeTurn } from './turn.js';
import type { Config, ListenAddress, LogLevel, TimeoutConfig } from './schema.js';
import { LOG_SUBSYSTEM_NAMES } from '../command/log-subsystems.js';
import { lintTemplates } from '../control/ng/lint-templates.js';
import type { Mistake, Value } from './value.js';

/** Reads the whole configuration; `config` is only to be used if there are no mistakes. */
export function decodeConfig(
  root: Value | undefined,
  host: Host,
): { config: Config; mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  const top = section(root, '', mistakes);
  const listen = subsection(top, 'listen');
  const log = subsection(top, 'log');
  const dataPlane = subsection(top, 'dataPlane');
  const rtpproxySection = subsection(top, 'rtpproxy');
  const http = listenAddresses(listen, 'http', []);
  const https = listenAddresses(listen, 'https', []);
  const cli = listenAddresses(listen, 'cli', []);

  const ngTcp = listenAddresses(listen, 'ngTcp', []);
  const ng = listenAddresses(listen, 'ng', [{ address: '127.0.0.1', port: 2223 }]);
  const rtpproxy = rtpproxyListeners(listen);
  const listeners = [...ng, ...ngTcp, ...rtpproxy, ...http, ...https];
  if (listeners.length === 0 && listen.mistakes.length === 0) {
    mistake(listen, 'ng', 'at least one address is needed');
  }
  const interfaces = decodeInterfaces(top, [...ng, ...rtpproxy.filter(isUdp)], host);
  const config: Config = {
    listen: { ng, ngTcp, rtpproxy, http, https, cli },
    http: decodeHttp(top),
    interfaces,
    turn: decodeTurn(subsection(top, 'turn'), interfaces),
    portRestSeconds: integer(top, 'portRestSeconds', SECONDS, 5),
    maxSessions: optionalInteger(top, 'maxSessions', CALLS, null),
    limits: decodeLoadLimits(subsection(top, 'limits')),
    timeouts: decodeTimeouts(subsection(top, 'timeouts')),
    deleteDelaySeconds: integer(top, 'deleteDelaySeconds', SECONDS, 30),
    rtcpIntervalMs: integer(top, 'rtcpIntervalMs', RTCP_INTERVAL_MS, 5000),
    keyGapMs: integer(top, 'keyGapMs', KEY_GAP_MS, 2500),
    endpointLearning: choice(
      top,
      'endpointLearning',
      ['heuristic', 'delayed', 'immediate', 'off'],
      'heuristic',
    ),
    strictSource: boolean(top, 'strictSource', true),
    sipSource: boolean(top, 'sipSource', false),
    rtpproxy: decodeRtpproxy(rtpproxySection),
    notify: decodeNotify(subsection(top, 'notify')),
    tos: integer(top, 'tos', TOS, 0),
    controlTos: integer(top, 'controlTos', TOS, 0),
    templates: decodeTemplates(subsection(top, 'templates')),
    dtls: decodeDtls(top),
    fastPath: decodeFastPath(top),
    recording: decodeRecording(subsection(top, 'recording')),
    replication: decodeReplication(subsection(top, 'replication')),
    log: {
      level: choice(log, 'level', LOG_LEVELS, 'info'),
      levels: decodeLogLevels(subsection(log, 'levels')),
      format: choice(log, 'format', ['text', 'json'], 'text'),
      timestamps: boolean(log, 'timestamps', true),
      callRecords: boolean(log, 'callRecords', false),
      callRecordForm: choice(log, 'callRecordForm', ['fields', 'commas'], 'fields'),
    },
    graphite: decodeGraphite(subsection(top, 'graphite')),
    dataPlane: {
      socket: text(dataPlane, 'socket') ?? null,
      io: choice(dataPlane, 'io', ['auto', 'io_uring', 'mmsg'], 'auto'),
      shards: optionalInteger(dataPlane, 'shards', SHARDS, null),
      patterns: boolean(dataPlane, 'patterns', true),
    },
  };
  if (https.length > 0 && config.http.files === null) mistake(listen, 'https', 'needs http.certificate');
  finish(listen);
  finish(log);
  finish(rtpproxySection);
  finish(dataPlane);
  finish(top, OTHER_NAMES);
  return { config, mistakes };
}

function decodeTimeouts(timeouts: Section): TimeoutConfig {
  const limit = { min: 1, max: 30 * 86_400, what: 'a number of seconds' };
  const orOff = { ...limit, none: 'off' } as const;
  const decoded = {
    mediaSeconds: integer(timeouts, 'mediaSeconds', limit, 60),
    silentSeconds: integer(timeouts, 'silentSeconds', limit, 3600),
    offerSeconds: integer(timeouts, 'offerSeconds', limit, 3600),
    finalSeconds: optionalInteger(timeouts, 'finalSeconds', orOff, null),
    firstPacketSeconds: optionalInteger(timeouts, 'firstPacketSeconds', orOff, 10),
  };
  finish(timeouts);
  return decoded;
}

function listenAddresses(
  listen: Section,
  key: string,
  fallback: readonly ListenAddress[],
): readonly ListenAddress[] {
  const items = list(listen, key);
  if (items === undefined) return fallback;
  const addresses = new Map<string, ListenAddress>();
  for (const { value, path } of items) {
    const address = value.kind === 'scalar' ? parseListenAddress(String(value.value)) : undefined;
    const refuse = (text: string): number => listen.mistakes.push({ where: value.where, path, text });
    if (address === undefined) {
      refuse(`${shown(value)} is not an address with a port, such as 127.0.0.1:2223 or "[::1]:2223"`);
      continue;
    }
    const name = showTransportAddress(address);
    if (addresses.has(name)) refuse(`${name} is named twice`);
    addresses.set(name, address);
  }
  return [...addresses.values()];
}

function decodeTemplates(templates: Section): ReadonlyMap<string, string> {
  const decoded = new Map<string, string>();
  for (const name of templates.entries.keys()) {
    const flags = text(templates, name);
    if (flags !== undefined) decoded.set(name, flags);
  }
  for (const { name, text: why } of lintTemplates(decoded)) mistake(templates, name, why);
  return decoded;
}

function decodeLogLevels(levels: Section): Config['log']['levels'] {
  const given = LOG_SUBSYSTEM_NAMES.filter((name) => levels.entries.has(name));
  const decoded = new Map(given.map((name) => [name, choice(levels, name, LOG_LEVELS, 'info')]));
  for (const name of LOG_SUBSYSTEM_NAMES) levels.known.add(name);
  finish(levels);
  return decoded;
}

const LOG_LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug', 'trace'];
const CALLS = { min: 0, max: 1_000_000, what: 'a number of calls', none: 'off' } as const;
const SECONDS = { min: 0, max: 86_400, what: 'a number of seconds' };
const SHARDS = { min: 1, max: 64, what: 'a number of threads', none: 'auto' } as const;
const KEY_GAP_MS = { min: 100, max: 60_000, what: 'a number of milliseconds' };
const RTCP_INTERVAL_MS = { min: 100, max: 120_000, what: 'a number of milliseconds' };
const TOS = { min: 0, max: 255, what: 'a type-of-service byte' };

/** What rtpengine calls our keys, for those who bring its configuration along. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['interface', 'interfaces'],
  ['listen-ng', 'listen.ng'],
  ['listen-http', 'listen.http'],
  ['listen-cli', 'listen.cli'],
  ['listen-https', 'listen.https'],
  ['https-cert', 'http.certificate'],
  ['https-key', 'http.privateKey'],
  ['timeout', 'timeouts.mediaSeconds'],
  ['silent-timeout', 'timeouts.silentSeconds'],
  ['offer-timeout', 'timeouts.offerSeconds'],
  ['final-timeout', 'timeouts.finalSeconds'],
  ['delete-delay', 'deleteDelaySeconds'],
  ['max-load', 'limits.loadAverage'],
  ['max-cpu', 'limits.cpuPercent'],
  ['max-bandwidth', 'limits.bytesPerSecond'],
  ['rtcp-interval', 'rtcpIntervalMs'],
  ['dtmf-digit-delay', 'keyGapMs'],
  ['b2b-url', 'notify.xmlrpc.url'],
  ['xmlrpc-format', 'notify.xmlrpc.format'],
  ['dtmf-log-dest', 'notify.dtmf.udp'],
  ['dtmf-log-ng-tcp', 'notify.dtmf.ngTcp'],
  ['log-level', 'log.level'],
  ['log-facility-cdr', 'log.callRecords'],
  ['graphite-interval', 'graphite.intervalSeconds'],
  ['graphite-prefix', 'graphite.prefix'],
  ['graphite-timeout', 'graphite.timeoutSeconds'],
  ['num-threads', 'dataPlane.shards'],
  ['dtls-cert-cipher', 'dtls.key'],
  ['dtls-rsa-key-size', 'dtls.key'],
  ['io-uring', 'dataPlane.io'],
  ['recording-dir', 'recording.dir'],
  ['recording-method', 'recording.method'],
  ['recording-format', 'recording.format'],
  ['record-egress', 'recording.side'],
  ['record-both', 'recording.side'],
  ['redis', 'replication.redis'],
  ['redis-write', 'replication.write'],
  ['redis-expires', 'replication.expireSeconds'],
  ['subscribe-keyspace', 'replication.follow'],
  ['vsc-start-rec', 'recording.codes.start'],
  ['vsc-stop-rec', 'recording.codes.stop'],
  ['vsc-start-stop-rec', 'recording.codes.startStop'],
  ['vsc-pause-rec', 'recording.codes.pause'],
  ['vsc-pause-resume-rec', 'recording.codes.pauseResume'],
  ['vsc-start-pause-resume-rec', 'recording.codes.startPauseResume'],
  ['table', 'fastPath'],
  ['no-fallback', 'fastPath'],
]);
