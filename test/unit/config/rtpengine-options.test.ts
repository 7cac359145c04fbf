import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadRtpengine, type RtpengineLoaded } from '../../../src/config/rtpengine/load.js';
import { OPTIONS } from '../../../src/config/rtpengine/options.js';
import { LOG_SUBSYSTEM_NAMES } from '../../../src/command/log-subsystems.js';
import { describeMistake } from '../../../src/config/value.js';

type Loaded = Extract<RtpengineLoaded, { kind: 'config' }>;

const HOST = { isLocal: () => true };
const NEEDED = { interface: '127.0.0.1', 'listen-ng': '127.0.0.1:2223' };
const TEMPLATES = '[words]\ndefault = replace-origin\n';

const RECORDS = { level: 'info', levels: new Map(), format: 'text', timestamps: true, callRecords: true };

/** Every option with an effect that has a value: its letter, a value, and what the configuration says then. */
const WITH_VALUE: readonly (readonly [string, string, string, (loaded: Loaded) => unknown, unknown])[] = [
  ['interface', 'i', 'pub/127.0.0.2!203.0.113.7', interfaces, ['pub/127.0.0.2!203.0.113.7']],
  ['listen-ng', 'n', '127.0.0.2:2224', ({ config }) => config.listen.ng, [at('127.0.0.2', 2224)]],
  ['listen-tcp-ng', 'N', '127.0.0.2:2224', ({ config }) => config.listen.ngTcp, [at('127.0.0.2', 2224)]],
  ['listen-http', '', '127.0.0.2:2225', ({ config }) => config.listen.http, [at('127.0.0.2', 2225)]],
  ['listen-cli', 'c', '127.0.0.2:9900', ({ config }) => config.listen.cli, [at('127.0.0.2', 9900)]],
  ['port-min', 'm', '31000', ({ config }) => config.interfaces[0]?.portMin, 31_000],
  ['port-max', 'M', '39999', ({ config }) => config.interfaces[0]?.portMax, 39_999],
  ['timeout', 'o', '31', ({ config }) => config.timeouts.mediaSeconds, 31],
  ['silent-timeout', 's', '601', ({ config }) => config.timeouts.silentSeconds, 601],
  ['offer-timeout', '', '121', ({ config }) => config.timeouts.offerSeconds, 121],
  ['final-timeout', 'a', '7201', ({ config }) => config.timeouts.finalSeconds, 7201],
  ['delete-delay', 'd', '0', ({ config }) => config.deleteDelaySeconds, 0],
  ['rtcp-interval', '', '2500', ({ config }) => config.rtcpIntervalMs, 2500],
  ['dtmf-digit-delay', '', '1500', ({ config }) => config.keyGapMs, 1500],
  ['vsc-start-rec', '', '*1', ({ config }) => config.recording.codes.start, '*1'],
  ['vsc-stop-rec', '', '*2', ({ config }) => config.recording.codes.stop, '*2'],
  ['vsc-start-stop-rec', '', '*3', ({ config }) => config.recording.codes['start-stop'], '*3'],
  ['vsc-pause-rec', '', '*4', ({ config }) => config.recording.codes.pause, '*4'],
  ['vsc-pause-resume-rec', '', '*5', ({ config }) => config.recording.codes['pause-resume'], '*5'],
  [
    ...(['vsc-start-pause-resume-rec', '', '*6'] as const),
    ({ config }) => config.recording.codes['start-pause-resume'],
    '*6',
  ],
  ['tos', 'T', '184', ({ config }) => config.tos, 184],
  ['control-tos', '', '96', ({ config }) => config.controlTos, 96],
  ['endpoint-learning', '', 'heuristic', ({ config }) => config.endpointLearning, 'heuristic'],
  ['max-sessions', '', '77', ({ config }) => config.maxSessions, 77],
  ['max-load', '', '7.5', ({ config }) => config.limits.loadAverage, 7.5],
  ['max-cpu', '', '80', ({ config }) => config.limits.cpuPercent, 80],
  ['max-bandwidth', '', '125000000', ({ config }) => config.limits.bytesPerSecond, 125_000_000],
  ['num-threads', '', '1', ({ config }) => config.dataPlane.shards, 1],
  ['graphite', 'g', 'monitor:2003', ({ config }) => config.graphite.server, { host: 'monitor', port: 2003 }],
  ['graphite-interval', 'G', '15', ({ config }) => config.graphite.intervalSeconds, 15],
  ['graphite-prefix', '', 'voice.', ({ config }) => config.graphite.prefix, 'voice.'],
  ['graphite-timeout', '', '9', ({ config }) => config.graphite.timeoutSeconds, 9],
  ['log-facility-cdr', '', 'local5', ({ config }) => config.log, { ...RECORDS, callRecordForm: 'commas' }],
  ['log-level', 'L', '7', ({ config }) => config.log.level, 'debug'],
  ...LOG_SUBSYSTEM_NAMES.map(
    (name) =>
      [
        `log-level-${name}`,
        '',
        '4',
        ({ config }: Loaded) => config.log.levels,
        new Map([[name, 'warn']]),
      ] as const,
  ),
  ['log-facility', '', 'local3', ({ daemon }) => daemon.syslog.facility, 'local3'],
  ['log-name', '', 'media-1', ({ daemon }) => daemon.syslog.tag, 'media-1'],
  ['log-facility-dtmf', '', 'local4', ({ config }) => config.notify.dtmf.log, true],
  ['table', 't', '-1', ({ config }) => config.fastPath.mode, 'off'],
  ['pidfile', 'p', '/run/some.pid', ({ daemon }) => daemon.pidfile, '/run/some.pid'],
  ['dtls-cert-cipher', '', 'RSA', ({ config }) => config.dtls.key, 'rsa-2048'],
  ['dtls-rsa-key-size', '', '3072', ({ config }) => config.dtls.key, 'ecdsa'],
  ['templates', '', 'words', templates, { default: 'replace-origin' }],
  ['signalling-templates', '', 'words', templates, { default: 'replace-origin' }],
];

const FLAGS: readonly (readonly [string, string, (loaded: Loaded) => unknown, unknown])[] = [
  ['foreground', 'f', ({ daemon }) => daemon.foreground, true],
  ['log-stderr', 'E', ({ warnings }) => warnings, []],
  ['no-log-timestamps', '', ({ config }) => config.log.timestamps, false],
  ['no-fallback', 'F', ({ config }) => config.fastPath.mode, 'require'],
  ['sip-source', '', ({ config }) => config.sipSource, true],
  ['dtls-passive', '', templates, { 'dtls-passive': 'DTLS=passive', default: 'template=dtls-passive' }],
];

describe('an option means the same in every form', () => {
  test.each(WITH_VALUE)('--%s (-%s) %s', async (name, letter, value, told, expected) => {
    const forms = [[`--${name}=${value}`], [`--${name}`, value]];
    if (letter !== '') forms.push([`-${letter}`, value], [`-${letter}${value}`], [`-fE${letter}`, value]);
    for (const words of forms) expect(told(await given(name, words))).toEqual(expected);
    expect(told(await inFile(`${name} = ${value}`))).toEqual(expected);
  });

  test.each(FLAGS)('--%s (-%s)', async (name, letter, told, expected) => {
    const forms = [[`--${name}`], [`--${name}=true`], ...(letter === '' ? [] : [[`-${letter}`]])];
    for (const words of forms) expect(told(await given(name, words))).toEqual(expected);
    expect(told(await inFile(`${name} = true`))).toEqual(expected);
  });

  test('-t -1 -n 2223 -f -E -u 2222, as test suites start it', async () => {
    const loaded = await load('-t -1 -i 127.0.0.1 -n 127.0.0.1:2223 -f -E -u 127.0.0.1:2222'.split(' '));
    const { config, daemon, warnings } = loaded;
    expect(config.listen.ng).toEqual([at('127.0.0.1', 2223)]);
    expect(config.listen.rtpproxy).toEqual([{ kind: 'udp', ...at('127.0.0.1', 2222) }]);
    expect(config.fastPath.mode).toBe('off');
    expect(daemon).toEqual({
      ...{ foreground: true, pidfile: null },
      syslog: { tag: 'rtpengine', facility: 'daemon' },
    });
    expect(warnings).toEqual([]);
  });

  test('the command line wins over the file', async () => {
    const { config } = await inFile('timeout = 30', '--timeout=40');
    expect(config.timeouts.mediaSeconds).toBe(40);
  });

  test('every option with an effect is in these tables', () => {
    const elsewhere = ['config-file', 'config-section', 'interfaces-config', 'version', 'help'];
    const others = [
      // These go together: http.test.ts.
      ...['listen-https', 'https-cert', 'https-key'],
      'listen-udp',
      'listen-tcp',
      'dtmf-log-dest',
      'dtmf-log-ng-tcp',
      'b2b-url',
      'xmlrpc-format',
      // These need Redis: replication.test.ts.
      ...['redis', 'redis-write', 'redis-subscribe', 'subscribe-keyspace', 'no-redis-required'],
      ...['expires', 'allowed-errors', 'disable-time', 'cmd-timeout', 'connect-timeout'].map(
        (name) => `redis-${name}`,
      ),
      'active-switchover',
      // These need a directory: recording.test.ts.
      ...['recording-dir', 'recording-method', 'recording-format', 'record-egress', 'record-both'],
    ];
    const here = [...WITH_VALUE, ...FLAGS].map(([name]) => name);
    const effective = [...OPTIONS].filter(([, { fate }]) => fate === 'used').map(([name]) => name);
    expect([...here, ...elsewhere, ...others].toSorted()).toEqual(effective.toSorted());
  });
});

test('names for syslog that a shell could misread are refused, both at once', async () => {
  const words = [
    '--interface=127.0.0.1',
    '--listen-ng=2223',
    '--log-name=a; reboot',
    '--log-facility=local8',
  ];
  const loaded = await loadRtpengine(['--config-file=none', ...words], HOST);
  expect(loaded.kind === 'mistakes' && loaded.mistakes.map(describeMistake)).toEqual([
    '--log-facility: local8 is no facility of syslog',
    '--log-name: a; reboot is no name of letters, digits, . - _',
  ]);
});

describe('options without an effect', () => {
  const idle = [...OPTIONS].filter(([, { fate }]) => fate !== 'used');

  test.each(idle.map(([name, { takes }]) => ({ name, takes })))(
    '--$name is accepted with one line that names it',
    async ({ name, takes }) => {
      const one = [expect.stringMatching(`^--${name} is accepted and has no effect: `)];
      const forms = takes === 'flag' ? [[`--${name}`]] : [[`--${name}=1`], [`--${name}`, '1']];
      for (const words of forms) expect((await given(name, words)).warnings).toEqual(one);
      expect((await inFile(`${name} = 1`)).warnings).toEqual(one);
    },
  );

  test('the file may hold what nobody knows: it is named and ignored', async () => {
    expect((await inFile('prot-min = 1')).warnings).toEqual([
      '[rtpengine] line 4: prot-min is not known and ignored',
    ]);
  });
});

describe('mistakes', () => {
  test.each([
    [['--prot-min=1'], '--prot-min: unknown option'],
    [['--prot-min', '1'], '--prot-min: unknown option'],
    [['-Z'], '-Z: unknown option'],
    [['-fZ'], '-Z: unknown option'],
    [['--foreground=maybe'], '--foreground: takes no value'],
    [['--timeout'], '--timeout: needs a value'],
    [['-o'], '-o: needs a value'],
  ])('%s is refused with its name', async (words, mistake) => {
    const loaded = await loadRtpengine([...needed(), ...words], HOST);
    const told = loaded.kind === 'mistakes' ? loaded.mistakes.map(describeMistake) : [];
    expect(told).toContainEqual(expect.stringContaining(mistake));
  });

  test.each([
    'port-min',
    'timeout',
    'tos',
    'control-tos',
    'endpoint-learning',
    'max-sessions',
    'max-load',
    'max-cpu',
    'max-bandwidth',
    'delete-delay',
    'rtcp-interval',
    'dtmf-digit-delay',
    'vsc-start-rec',
    'dtls-cert-cipher',
  ])('--%s with a value that makes no sense is refused with its name', async (name) => {
    const loaded = await loadRtpengine([...needed(), `--${name}=perhaps`], HOST);
    const told = loaded.kind === 'mistakes' ? loaded.mistakes.map(describeMistake) : [];
    expect(told).toEqual([expect.stringContaining(`--${name}`)]);
  });
});

test.each(['0', '0.0', '-1'])('limits of load of %s are none', async (none) => {
  const { config } = await given('max-load', [
    `--max-load=${none}`,
    `--max-cpu=${none}`,
    `--max-bandwidth=${none}`,
  ]);
  expect(config.limits).toEqual({ loadAverage: null, cpuPercent: null, bytesPerSecond: null });
});

describe('--dtls-rsa-key-size', () => {
  test('counts for RSA', async () => {
    const { config } = await given('dtls-cert-cipher', [
      '--dtls-cert-cipher=RSA',
      '--dtls-rsa-key-size=4096',
    ]);
    expect(config.dtls.key).toBe('rsa-4096');
  });

  test('is refused if nothing has such keys', async () => {
    const words = ['--dtls-cert-cipher=RSA', '--dtls-rsa-key-size=512'];
    const loaded = await loadRtpengine([...needed(), ...words], HOST);
    const told = loaded.kind === 'mistakes' ? loaded.mistakes.map(describeMistake) : [];
    expect(told).toEqual([expect.stringContaining('--dtls-')]);
  });
});

describe('--dtls-passive', () => {
  test('stands before what the template for all commands says', async () => {
    const { config } = await inFile('templates = words', '--dtls-passive');
    expect(config.templates.get('default')).toBe('template=dtls-passive replace-origin');
  });
});

/** With what every start needs besides the option. */
async function given(name: string, words: readonly string[]): Promise<Loaded> {
  return load([...needed(name), ...words], TEMPLATES);
}

async function inFile(entry: string, ...words: readonly string[]): Promise<Loaded> {
  const name = entry.split(' ')[0] ?? '';
  const others = Object.entries(NEEDED).filter(([key]) => key !== name);
  const lines = ['[rtpengine]', ...others.map(([key, value]) => `${key} = ${value}`), entry];
  return load(words, `${lines.join('\n')}\n${TEMPLATES}`);
}

async function load(words: readonly string[], text = ''): Promise<Loaded> {
  const loaded = await loadRtpengine([`--config-file=${file(text)}`, ...words], HOST);
  if (loaded.kind !== 'config') throw new Error(JSON.stringify(loaded));
  return loaded;
}

function needed(except = ''): string[] {
  return Object.entries(NEEDED).flatMap(([name, value]) => (name === except ? [] : [`--${name}=${value}`]));
}

function file(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-rtpengine-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'rtpengine.conf');
  writeFileSync(path, text);
  return path;
}

function at(address: string, port: number) {
  return { address, port };
}

function interfaces({ config }: Loaded): readonly string[] {
  return config.interfaces.flatMap(({ name, addresses }) =>
    addresses.map(({ bind, advertise }) => `${name}/${bind}!${advertise}`),
  );
}

function templates({ config }: Loaded): unknown {
  return Object.fromEntries(config.templates);
}
