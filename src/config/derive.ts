import { createHash } from 'node:crypto';
import type { CertificateKey, Configuration } from '../dataplane/protocol.gen.js';
import type { CallDefaults, InterfaceFacts } from '../negotiation/facts.js';
import { familyOf, showTransportAddress } from './addresses.js';
import { readCertificate } from './certificate-files.js';
import type { Config } from './schema.js';

/** The part of the configuration the data plane works by. */
export function dataPlaneConfiguration({
  interfaces,
  portRestSeconds,
  maxSessions,
  fastPath,
  turn,
}: Config): Configuration {
  return {
    interfaces: interfaces.map(({ name, addresses, portMin, portMax, excludePorts }) => ({
      name,
      addresses: addresses.map(({ bind }) => bind),
      portMin,
      portMax,
      excluded: [...excludePorts],
    })),
    portRestMs: portRestSeconds * 1000,
    // Calls are counted here, where clients can be told in their own words.
    maxSessions: null,
    // The last ones are counted one by one.
    maxRepeated: maxSessions === null ? null : Math.max(0, maxSessions - COUNTED_SESSIONS),
    // Which ones there are is known at run time.
    certificates: [],
    fastPath: { ...fastPath, devices: [...fastPath.devices] },
    relayServer: turn && {
      address: showTransportAddress(turn.server),
      username: turn.username,
      password: turn.password,
    },
  };
}

/** Where the certificate of DTLS comes from, and how long it is used. */
export function certificateSource({ dtls }: Config, now: () => number) {
  const { files, key, rotationHours } = dtls;
  const made: CertificateKey =
    key === 'ecdsa' ? { kind: 'ecdsa' } : { kind: 'rsa', bits: Number(key.slice(4)) };
  return {
    files: files === null ? null : () => readCertificate(files, now()),
    key: made,
    rotationMs: rotationHours === null ? null : rotationHours * 3_600_000,
  };
}

export function interfaceFacts({ interfaces, turn }: Config): readonly InterfaceFacts[] {
  return interfaces.map(({ name, aliases, addresses }) => ({
    name,
    aliases,
    addresses,
    ...(turn?.interfaces.includes(name) && { relayFamily: familyOf(turn.server.address) ?? 'IP4' }),
  }));
}

export function callDefaults(config: Config, hostname: string): CallDefaults {
  const { timeouts } = config;
  return {
    mediaTimeoutMs: timeouts.mediaSeconds * 1000,
    silentTimeoutMs: timeouts.silentSeconds * 1000,
    offerTimeoutMs: timeouts.offerSeconds * 1000,
    firstPacketTimeoutMs: inMs(timeouts.firstPacketSeconds),
    finalTimeoutMs: inMs(timeouts.finalSeconds),
    deleteDelaySeconds: config.deleteDelaySeconds,
    rtcpIntervalMs: config.rtcpIntervalMs,
    recordingCodes: config.recording.codes,
    longestKeyGapMs: config.keyGapMs,
    tos: config.tos,
    endpointLearning: config.endpointLearning,
    strictSource: config.strictSource,
    sipSource: config.sipSource,
    tellsKeys: Object.values(config.notify.dtmf).some((wanted) => wanted !== null && wanted !== false),
    instanceId: instanceId(config, hostname),
    recording: recordingRules(config),
    forwardTo: forwardTarget(config),
  };
}

function recordingRules({ recording }: Config): CallDefaults['recording'] {
  const { directory, format, side, rtcp, everyCall } = recording;
  if (directory === null) return null;
  return { directory, link: format === 'raw' ? 'rawIp' : 'ethernet', side, rtcp, everyCall };
}

/** RTCP goes to the next port. */
function forwardTarget({ recording }: Config): CallDefaults['forwardTo'] {
  const { forwardTo } = recording;
  if (forwardTo === null) return null;
  const { port } = forwardTo;
  const rtcp = showTransportAddress({ ...forwardTo, port: port + 1 });
  return { kind: 'datagrams', rtp: showTransportAddress(forwardTo), rtcp };
}

/** The same after a restart, so that our own SDP is still known as ours; different for every other node. */
function instanceId({ listen, interfaces }: Config, hostname: string): string {
  const binds = interfaces.flatMap(({ addresses }) => addresses.map(({ bind }) => bind));
  const identity = [hostname, ...[...listen.ng, ...listen.ngTcp].map(showTransportAddress), ...binds].join(
    ' ',
  );
  return createHash('sha256').update(identity).digest('hex').slice(0, 12);
}

/** More than there are ever commands under way near the limit. */
const COUNTED_SESSIONS = 256;

function inMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000;
}
