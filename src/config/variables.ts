import { editDistance } from './suggestion.js';
import { type Mistake, parseVariable, type Value, withValue } from './value.js';

/** Keys that an environment variable can set: `TANDEM_` and the key path in capitals. */
const PATHS: readonly string[] = [
  'listen.ng',
  'listen.ngTcp',
  'listen.rtpproxy',
  'listen.http',
  'listen.https',
  'listen.cli',
  'http.webPages',
  'http.certificate',
  'http.privateKey',
  'interfaces',
  'portMin',
  'portMax',
  'portRestSeconds',
  'maxSessions',
  'limits.loadAverage',
  'limits.cpuPercent',
  'limits.bytesPerSecond',
  'timeouts.mediaSeconds',
  'timeouts.silentSeconds',
  'timeouts.offerSeconds',
  'timeouts.finalSeconds',
  'timeouts.firstPacketSeconds',
  'deleteDelaySeconds',
  'rtcpIntervalMs',
  'keyGapMs',
  'endpointLearning',
  'strictSource',
  'sipSource',
  'rtpproxy.notify',
  'rtpproxy.socketMode',
  'rtpproxy.asymmetricBridge',
  'notify.xmlrpc.url',
  'notify.xmlrpc.format',
  'notify.jsonrpc.url',
  'notify.webhook.url',
  'notify.webhook.secret',
  'notify.webhook.events',
  'notify.webhook.deadLetterFile',
  'notify.ngTcp',
  'notify.dtmf.udp',
  'notify.dtmf.ngTcp',
  'notify.dtmf.events',
  'notify.dtmf.log',
  'turn.server',
  'turn.transport',
  'turn.username',
  'turn.password',
  'turn.interfaces',
  'tos',
  'controlTos',
  'recording.dir',
  'recording.method',
  'recording.format',
  'recording.side',
  'recording.rtcp',
  'recording.everyCall',
  'recording.codes.start',
  'recording.codes.stop',
  'recording.codes.startStop',
  'recording.codes.pause',
  'recording.codes.pauseResume',
  'recording.codes.startPauseResume',
  'recording.forwardTo',
  'replication.redis',
  'replication.write',
  'replication.database',
  'replication.username',
  'replication.password',
  'replication.passwordFile',
  'replication.tls',
  'replication.caFile',
  'replication.node',
  'replication.group',
  'replication.keyspace',
  'replication.follow',
  'replication.keyFile',
  'replication.plaintext',
  'replication.expireSeconds',
  'replication.connectTimeoutMs',
  'replication.commandTimeoutMs',
  'replication.allowedErrors',
  'replication.disableSeconds',
  'replication.required',
  'replication.leaseSeconds',
  'replication.takeOverAfterSeconds',
  'replication.takeOverWithAddress',
  'log.level',
  'log.format',
  'log.timestamps',
  'log.callRecords',
  'log.callRecordForm',
  'graphite.server',
  'graphite.intervalSeconds',
  'graphite.prefix',
  'graphite.timeoutSeconds',
  'dtls.certificate',
  'dtls.privateKey',
  'dtls.key',
  'dtls.rotationHours',
  'fastPath.mode',
  'fastPath.devices',
  'fastPath.pinDirectory',
  'fastPath.maxStreams',
  'fastPath.hook',
  'dataPlane.socket',
  'dataPlane.io',
  'dataPlane.shards',
  'dataPlane.patterns',
];

/** `timeouts.mediaSeconds` → `TANDEM_TIMEOUTS_MEDIA_SECONDS`. */
export function variableOf(path: string): string {
  const words = path
    .replace('dataPlane', 'dataplane')
    .replaceAll('.', '_')
    .replaceAll(/([A-Z])/g, '_$1');
  return `TANDEM_${words.toUpperCase()}`;
}

export const VARIABLES: ReadonlyMap<string, string> = new Map(PATHS.map((path) => [variableOf(path), path]));

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Lays the environment over the file's values. A variable that looks like a misspelt one is a mistake; others
 * are let pass, since orchestrators put `TANDEM_…` variables of their own into containers.
 */
export function withEnvironment(
  root: Value,
  environment: Environment,
): { value: Value; mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  let value = root;
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith('TANDEM_')) continue;
    const path = VARIABLES.get(name);
    if (path !== undefined) {
      value = withValue(value, path.split('.'), parseVariable(text, name));
      continue;
    }
    const meant = [...VARIABLES.keys()].find((known) => editDistance(name, known) <= 2);
    if (meant !== undefined)
      mistakes.push({ where: name, path: '', text: `unknown variable, did you mean ${meant}?` });
  }
  return { value, mistakes };
}

/** Lays `--set KEY=VALUE` over everything else. */
export function withSettings(
  root: Value,
  settings: readonly string[],
): { value: Value; mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  let value = root;
  for (const setting of settings) {
    const equals = setting.indexOf('=');
    const path = setting.slice(0, equals).trim();
    if (equals < 1 || path === '') {
      mistakes.push({ where: '--set', path: '', text: `${setting} is not KEY=VALUE` });
      continue;
    }
    value = withValue(value, path.split('.'), parseVariable(setting.slice(equals + 1), `--set ${path}`));
  }
  return { value, mistakes };
}
