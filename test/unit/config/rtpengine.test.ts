import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../src/config/rtpengine/command-line.js';
import { parseIni } from '../../../src/config/rtpengine/ini.js';
import { translate } from '../../../src/config/rtpengine/translate.js';
import type { Value } from '../../../src/config/value.js';

const NO_FILE = parseIni('');
const HOST = {
  addressesOf: (name: string) => (name === 'eth0' ? ['192.0.2.10', '2001:db8::10'] : []),
  ownAddresses: ['127.0.0.1', '::1', '192.0.2.10'],
  cores: 2,
};

function plain(value: Value): unknown {
  if (value.kind === 'scalar') return value.value;
  if (value.kind === 'list') return value.items.map(plain);
  return Object.fromEntries([...value.entries].map(([key, item]) => [key, plain(item)]));
}

function translated(
  line: string,
  file = '',
): ReturnType<typeof translate> & { plain: Record<string, unknown> } {
  const { options, mistakes } = parseCommandLine(line.split(' '));
  expect(mistakes).toEqual([]);
  const result = translate(options, parseIni(file), HOST);
  return { ...result, plain: plain(result.value) as Record<string, unknown> };
}

describe('command line', () => {
  it.each([
    ['--port-min=4000', 'port-min', '4000'],
    ['--port-min 4000', 'port-min', '4000'],
    ['-m 4000', 'port-min', '4000'],
    ['-m4000', 'port-min', '4000'],
    ['-t -1', 'table', '-1'],
    ['-f', 'foreground', 'true'],
  ])('%s sets %s', (line, name, value) => {
    const { options, mistakes } = parseCommandLine(line.split(' '));
    expect(mistakes).toEqual([]);
    expect(options.get(name)?.map((given) => given.value)).toEqual([value]);
  });

  it('short flags run together, the last one with its value', () => {
    const { options } = parseCommandLine(['-fEn', '2223']);
    expect([...options.keys()]).toEqual(['foreground', 'log-stderr', 'listen-ng']);
    expect(options.get('listen-ng')?.[0]?.value).toBe('2223');
  });

  it('every mistake is named, not only the first', () => {
    const { mistakes } = parseCommandLine(['--prot-min=1', '-Z', 'stray', '--port-max']);
    expect(mistakes.map(({ where, text }) => `${where}: ${text}`)).toEqual([
      '--prot-min: unknown option',
      '-Z: unknown option',
      'stray: not an option',
      '--port-max: needs a value',
    ]);
  });

  it('a semicolon in a value of the command line does not split it', () => {
    const { options } = parseCommandLine(['--interface=a/192.0.2.1;b/192.0.2.2']);
    expect(options.get('interface')).toHaveLength(1);
  });
});

describe('translation', () => {
  it('combined short options of a test suite give a whole configuration', () => {
    const { plain, warnings } = translated('-t -1 -i 127.0.0.1 -n 2223 -f -E -u 2222');
    expect(plain).toMatchObject({
      listen: { ng: ['127.0.0.1:2223', '[::1]:2223', '192.0.2.10:2223'] },
      interfaces: ['default/127.0.0.1'],
    });
    expect(plain).toMatchObject({
      listen: { rtpproxy: ['udp:127.0.0.1:2222', 'udp:[::1]:2222', 'udp:192.0.2.10:2222'] },
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['-n 2223', 'auto'],
    ['-n 2223 --table=0', 'auto'],
    ['-n 2223 --table=0 --no-fallback', 'require'],
    ['-n 2223 --table=-1 --no-fallback', 'off'],
  ])('%s: the fast path stands in for the kernel module', (line, mode) => {
    expect(translated(line)).toMatchObject({ plain: { fastPath: mode }, warnings: [] });
  });

  it.each([
    ['192.0.2.10', ['default/192.0.2.10']],
    ['pub/192.0.2.10!203.0.113.10', ['pub/192.0.2.10!203.0.113.10']],
    ['priv/eth0', ['priv/192.0.2.10', 'priv/2001:db8::10']],
    ['eth0!203.0.113.10', ['default/192.0.2.10!203.0.113.10', 'default/2001:db8::10']],
    ['pub/[2001:db8::1]', ['pub/2001:db8::1']],
    ['192.0.2.10!eth0', ['default/192.0.2.10!192.0.2.10']],
    ['2001:db8::1!eth0', ['default/2001:db8::1!2001:db8::10']],
    ['pub/[2001:db8::1]![2001:db8::2]', ['pub/2001:db8::1!2001:db8::2']],
    ['pub2=pub', ['pub2=pub']],
    ['base:one/192.0.2.10', ['base:one/192.0.2.10']],
  ])('interface %s', (written, expected) => {
    expect(translated(`--interface ${written}`).plain.interfaces).toEqual(expected);
  });

  it('an advertised name without addresses is a mistake', () => {
    expect(translated('--interface=192.0.2.10!nowhere').mistakes).toEqual([
      { where: '--interface', path: '', text: 'nowhere is no address, device or host name' },
    ]);
  });

  it('a timeout that is not above zero stands for the default, as in rtpengine', () => {
    const { plain } = translated('--timeout=0 --silent-timeout=0 --offer-timeout=-1 --final-timeout=-5');
    expect(plain.timeouts).toEqual({ finalSeconds: 'off' });
  });

  it('a number may be hexadecimal', () => {
    expect(translated('--tos=0xb8').plain.tos).toBe(184);
  });

  it('two dashes alone end nothing and mean nothing', () => {
    expect(translated('--tos=8 --').plain.tos).toBe(8);
  });

  it('an interface that is neither address, device nor host name is a mistake', () => {
    expect(translated('--interface=nowhere').mistakes).toEqual([
      { where: '--interface', path: '', text: 'nowhere is no address, device or host name' },
    ]);
  });

  it('sections describe interfaces one address each', () => {
    const file = [
      '[rtpengine]',
      '[interface-pub]',
      'address = 192.0.2.10',
      'advertised = 203.0.113.10',
      'port-min = 40000',
      '[interface-pub6]',
      'name = pub',
      'address = 2001:db8::10',
      '[interface-other]',
      'alias = pub',
    ].join('\n');
    expect(translated('--interfaces-config=interface', file).plain.interfaces).toEqual([
      { name: 'pub', addresses: ['192.0.2.10!203.0.113.10', '2001:db8::10'], portMin: 40000 },
      'other=pub',
    ]);
  });

  it('limits, times and levels keep their meaning', () => {
    const { plain } = translated(
      '--timeout=30 --silent-timeout=600 --final-timeout=0 --max-sessions=-1 --log-level=7 --num-threads=8',
    );
    expect(plain).toMatchObject({
      timeouts: { mediaSeconds: 30, silentSeconds: 600, finalSeconds: 'off' },
      maxSessions: 'off',
      log: { level: 'debug' },
      dataPlane: { shards: 2 },
    });
  });

  it('timeout notices go where they went, in the format they had', () => {
    const { plain } = translated('--b2b-url=http://%%:5060/RPC2 --xmlrpc-format=2');
    expect(plain).toMatchObject({ notify: { xmlrpc: { url: 'http://%%:5060/RPC2', format: 'dialog' } } });
    expect(translated('--dtmf-log-dest=192.0.2.1:3333 --dtmf-log-ng-tcp').plain).toMatchObject({
      notify: { dtmf: { udp: '192.0.2.1:3333', ngTcp: true } },
    });
    expect(translated('--b2b-url=http://192.0.2.1/').plain).toMatchObject({
      notify: { xmlrpc: { format: 'sems' } },
    });
    expect(translated('--timeout=30').plain.notify).toBeUndefined();
  });

  it('templates come from the section that is named', () => {
    const file = '[templates]\nto-webrtc = ICE=force\n';
    expect(translated('--templates=templates', file).plain.templates).toEqual({ 'to-webrtc': 'ICE=force' });
    expect(translated('--templates=other', file).mistakes[0]?.text).toBe('there is no section [other]');
  });

  it('a listener that is no port is a mistake', () => {
    const { options } = parseCommandLine(['--listen-ng=localhost:99999']);
    expect(translate(options, NO_FILE, HOST).mistakes[0]?.text).toBe('localhost:99999 is not [ADDRESS:]PORT');
  });

  it.each(['listen-ng', 'listen-tcp-ng', 'listen-cli', 'listen-http', 'listen-udp', 'listen-tcp'])(
    '--%s of a host that nobody knows is a mistake',
    (option) => {
      const { mistakes } = translated(`--${option}=nowhere:2223`);
      expect(mistakes).toEqual([
        { where: `--${option}`, path: '', text: 'nowhere is no address, device or host name' },
      ]);
    },
  );

  it.each(['--table=abc', '-t 1.5'])('%s is no table', (line) => {
    const [written = ''] = /[^ =]+$/.exec(line) ?? [];
    expect(translated(line).mistakes.map(({ text }) => text)).toEqual([`${written} is no number of a table`]);
  });

  it('threads are a number; none or fewer are as many as there are cores', () => {
    expect(translated('--num-threads=many').plain).toMatchObject({ dataPlane: { shards: 'many' } });
    expect(translated('--num-threads=0').plain.dataPlane).toBeUndefined();
  });
});

describe('configuration file', () => {
  it('lines that are neither section nor entry are named', () => {
    expect(parseIni('[rtpengine]\nlisten-ng = 2223\nnonsense\n# comment\n; comment\n').unreadable).toEqual([
      3,
    ]);
  });

  it('an entry before the first section belongs nowhere', () => {
    expect(parseIni('a = b\n[x]\n').unreadable).toEqual([1]);
  });
});
