import { RECORDING_CODES } from '../../command/flags.js';
import { LOG_SUBSYSTEM_NAMES } from '../../command/log-subsystems.js';

/** An option of rtpengine's command line and configuration file. */
export type OptionRule = {
  readonly short?: string;
  /** `flag` takes no value; `list` may be given several times. */
  readonly takes: 'flag' | 'value' | 'list';
  /**
   * What becomes of it: used; harmless to leave out here (`noted` says why); or part of a feature that does not
   * exist here yet, named so that the operator knows what to expect.
   */
  readonly fate: 'used' | { readonly noted: string } | { readonly missing: string };
};

const used = (takes: OptionRule['takes'], short?: string): OptionRule => ({
  takes,
  fate: 'used',
  ...(short === undefined ? {} : { short }),
});
const noted = (takes: OptionRule['takes'], why: string, short?: string): OptionRule => ({
  takes,
  fate: { noted: why },
  ...(short === undefined ? {} : { short }),
});
const missing = (takes: OptionRule['takes'], feature: string, short?: string): OptionRule => ({
  takes,
  fate: { missing: feature },
  ...(short === undefined ? {} : { short }),
});

function all(rule: OptionRule, ...names: readonly string[]): [string, OptionRule][] {
  return names.map((name) => [name, rule]);
}

const KERNEL = 'there is no kernel module';
const THREADS = 'the data plane chooses its threads itself';
const WHOLE_LINES = 'a message is one line, however long';
const KEYS = 'keys are never written to the log';

/** Options of 10.5 and of the 2026 line by their long names. */
export const OPTIONS: ReadonlyMap<string, OptionRule> = new Map([
  ['config-file', used('value')],
  ['config-section', used('value')],
  ['interface', used('list', 'i')],
  ['interfaces-config', used('value')],
  [
    'save-interface-ports',
    noted('flag', 'ports are opened on one address anyway, unless ICE offers them all', 'S'),
  ],
  ['listen-ng', used('list', 'n')],
  ['listen-tcp-ng', used('list', 'N')],
  ['port-min', used('value', 'm')],
  ['port-max', used('value', 'M')],
  ['tos', used('value', 'T')],
  ['control-tos', used('value')],
  ['endpoint-learning', used('value')],
  ['sip-source', used('flag')],
  ['timeout', used('value', 'o')],
  ['silent-timeout', used('value', 's')],
  ['offer-timeout', used('value')],
  ['final-timeout', used('value', 'a')],
  ['delete-delay', used('value', 'd')],
  ['rtcp-interval', used('value')],
  ['max-sessions', used('value')],
  ...all(used('value'), 'max-load', 'max-cpu', 'max-bandwidth'),
  ['num-threads', used('value')],
  ['io-uring', noted('flag', 'io_uring is used whenever the host has it')],
  ['foreground', used('flag', 'f')],
  ['pidfile', used('value', 'p')],
  ['version', used('flag', 'v')],
  ['help', used('flag', 'h')],
  ['log-level', used('value', 'L')],
  ['log-stderr', used('flag', 'E')],
  ['templates', used('value')],
  ['signalling-templates', used('value')],
  ['table', used('value', 't')],
  ['no-fallback', used('flag', 'F')],

  ...all(used('value'), ...LOG_SUBSYSTEM_NAMES.map((subsystem) => `log-level-${subsystem}`)),
  ...all(used('value'), 'log-facility', 'log-name'),
  ['no-log-timestamps', used('flag')],
  ['log-format', noted('value', 'each line names its call as callId=…; log.format: json is easier to parse')],
  ...all(noted('value', WHOLE_LINES), 'max-log-line-length'),
  ...all(noted('flag', WHOLE_LINES), 'split-logs'),
  ...all(
    noted('value', 'addresses are in the log from debug on only, and are not marked'),
    'log-mark-prefix',
    'log-mark-suffix',
  ),
  ...all(noted('value', THREADS), 'media-num-threads', 'codec-num-threads', 'thread-stack', 'poller-size'),
  ...all(noted('value', THREADS), 'scheduling', 'priority', 'idle-scheduling', 'idle-priority'),
  ...all(
    noted('value', THREADS),
    'socket-cpu-affinity',
    'timer-accuracy',
    'max-recv-iters',
    'io-uring-buffers',
  ),
  ...all(noted('flag', THREADS), 'poller-per-thread'),
  ...all(
    noted('value', KERNEL),
    'nftables-chain',
    'nftables-base-chain',
    'nftables-family',
    'iptables-chain',
  ),
  ...all(
    noted('value', KERNEL),
    'kernel-num-threads',
    'kernel-slots',
    'kernel-player',
    'kernel-player-media',
  ),
  ...all(noted('flag', KERNEL), 'nftables-append', 'xtables'),
  ['control-pmtu', noted('value', 'path MTU discovery is left to the kernel')],
  ['software-id', noted('value', 'no session name is made here')],
  ['reject-invalid-sdp', noted('flag', 'an SDP that cannot be read is always refused')],

  ['listen-cli', used('list', 'c')],
  ...all(used('list'), 'listen-http', 'listen-https'),
  ...all(used('value'), 'https-cert', 'https-key'),
  ...all(noted('value', 'one thread is enough for HTTP'), 'http-threads', 'http-buf-size'),
  ['http-idle-timeout', noted('value', 'an idle connection is closed after five seconds')],
  ['listen-udp', used('list', 'u')],
  ['listen-tcp', used('list', 'l')],
  ['janus-secret', missing('value', 'the Janus interface')],
  ...all(missing('value', 'remote transcoding'), 'ng-client-timeout', 'ng-client-retries'),
  ['dtmf-log-dest', used('value')],
  ['dtmf-log-ng-tcp', used('flag')],
  ['b2b-url', used('value', 'b')],
  ['xmlrpc-format', used('value', 'x')],
  ['redis', used('value', 'r')],
  ['redis-write', used('value', 'w')],
  ['redis-subscribe', used('value')],
  ['subscribe-keyspace', used('list', 'k')],
  ['no-redis-required', used('flag', 'q')],
  ['active-switchover', used('flag')],
  ...all(
    used('value'),
    ...['expires', 'allowed-errors', 'disable-time', 'cmd-timeout', 'connect-timeout'].map(
      (name) => `redis-${name}`,
    ),
  ),
  ['redis-delete-async', noted('flag', 'nothing waits for Redis', 'y')],
  ['redis-delete-async-interval', noted('value', 'nothing waits for Redis')],
  ['redis-num-threads', noted('value', 'calls are read over one connection, many at a time')],
  ['redis-format', noted('value', 'what is stored has a form of its own (docs/redundancy.md)')],
  ['redis-resolve-on-reconnect', noted('flag', 'names are looked up for each connection')],
  ...all(
    noted('value', 'a connection on which nothing is answered is given up'),
    ...['time', 'intvl', 'probes'].map((name) => `redis-tcp-keepalive-${name}`),
  ),
  ...all(used('value'), 'recording-dir', 'recording-method', 'recording-format'),
  ...all(used('flag'), 'record-egress', 'record-both'),
  ...all(used('value'), ...RECORDING_CODES.map((code) => `vsc-${code}-rec`)),
  ['dtls-passive', used('flag')],
  ['dtls-cert-cipher', used('value')],
  ['dtls-rsa-key-size', used('value')],
  ['dtls-signature', noted('value', 'certificates are signed with SHA-256')],
  ['dtls-mtu', noted('value', 'datagrams of a handshake hold at most 1200 bytes')],
  ['dtls-ciphers', noted('value', 'the ciphers of the TLS library are offered')],
  ...all(noted('flag', KEYS), 'debug-srtp', 'log-srtp-keys'),
  ['dtmf-digit-delay', used('value')],
  ['log-facility-dtmf', used('value')],
  ...all(missing('flag', 'transcoding and injection of DTMF'), 'dtmf-no-suppress', 'dtmf-no-log-injects'),
  ['log-facility-cdr', used('value')],
  ['log-facility-rtcp', missing('value', 'a log of RTCP reports')],
  ...all(missing('value', 'transcoding'), 'dtx-delay', 'max-dtx', 'dtx-buffer', 'dtx-lag', 'dtx-shift'),
  ...all(
    missing('value', 'transcoding'),
    'dtx-cn-params',
    'amr-dtx',
    'evs-dtx',
    'silence-detect',
    'cn-payload',
  ),
  ...all(
    missing('value', 'transcoding'),
    'jitter-buffer',
    'jb-adaptive-min',
    'jb-adaptive-max',
    'evs-lib-path',
  ),
  ...all(missing('flag', 'transcoding'), 'jb-clock-drift', 'jb-adaptive', 'codecs'),
  ...all(missing('value', 'transcoding'), 'transcode-config', 'codec-chain-lib-path', 'codec-chain-runners'),
  ...all(
    missing('value', 'transcoding'),
    'codec-chain-concurrency',
    'codec-chain-async',
    'codec-chain-interval',
  ),
  ...all(missing('value', 'transcoding'), 'codec-chain-opus-application', 'codec-chain-opus-complexity'),
  ['codec-chain-nonblock', missing('flag', 'transcoding')],
  ['mos', noted('list', 'measured and reported quality are both kept')],
  ['measure-rtp', noted('flag', 'quality is always measured')],
  ['ssrc-reporting', noted('value', 'statistics always name every source')],
  ...all(
    missing('value', 'announcements'),
    ...['host', 'port', 'user', 'pass', 'query'].map((name) => `mysql-${name}`),
    'media-files-reload',
    'media-files-expire',
    'expiry-timer',
    'preload-db-media',
    'db-media-reload',
    'db-media-expire',
    'db-media-cache',
    'preload-db-cache',
    'db-cache-reload',
    'db-cache-expire',
    'audio-buffer-length',
    'audio-buffer-delay',
    'audio-player',
    'moh-max-duration',
    'moh-max-repeats',
    'moh-attr-name',
  ),
  ['preload-media-files', missing('list', 'announcements')],
  ...all(missing('flag', 'announcements'), 'player-cache', 'moh-prevent-double-hold'),
  ['graphite', used('value', 'g')],
  ['graphite-interval', used('value', 'G')],
  ...all(used('value'), 'graphite-prefix', 'graphite-timeout'),
  ...all(missing('value', 'Homer'), 'homer', 'homer-protocol', 'homer-id', 'homer-ng-capture-proto'),
  ...all(missing('flag', 'Homer'), 'homer-disable-rtcp-stats', 'homer-enable-ng'),
  ...all(
    missing('value', 'MQTT'),
    ...[
      'host',
      'port',
      'id',
      'user',
      'pass',
      'cafile',
      'capath',
      'certfile',
      'keyfile',
      'keepalive',
      'tls-alpn',
    ].map((name) => `mqtt-${name}`),
    ...['qos', 'topic', 'interval', 'scope'].map((name) => `mqtt-publish-${name}`),
  ),
]);

/** The long name of a short option. */
export const SHORT_NAMES: ReadonlyMap<string, string> = new Map(
  [...OPTIONS].flatMap(([name, rule]) => (rule.short === undefined ? [] : [[rule.short, name] as const])),
);
