import { beforeEach, describe, expect, test } from 'vitest';
import type { CallStatistics } from '../../../../src/command/reply.js';
import { CommandLine } from '../../../../src/control/cli/interpreter.js';
import type { LogLevels } from '../../../../src/command/log-subsystems.js';
import type { CliNode } from '../../../../src/control/cli/node.js';
import { COMMANDS } from '../../../../src/control/cli/grammar.js';
import { SETTINGS } from '../../../../src/control/cli/settings.js';
import { streamStats } from '../../service/stream-stats.js';
import { NODE } from '../ng/node.js';

const START = {
  ...{ timeout: 60, silenttimeout: 3600, offertimeout: 3600, finaltimeout: 0 },
  ...{ deletedelay: 30, maxsessions: -1, controltos: 0 },
  ...{ maxcpu: 0, maxload: 2.5, maxbw: 100_000 },
  ...{ redisallowederrors: -1, redisdisabletime: 10, redisdisable: 0 },
  ...{ redisconnecttimeout: 1_000, rediscmdtimeout: 1_000 },
};

const LEVELS: LogLevels = {
  ...{ core: 6, spandsp: 6, ffmpeg: 6, transcoding: 6, codec: 6, rtcp: 6, ice: 6, crypto: 6, srtp: 6 },
  ...{ internals: -1, http: 6, control: 6, dtx: 6 },
};

let calls: string[];
let foreign: string[];
let keyspaces: number[];
let unstorable: number;
let redundancy: CliNode['redundancy'];
let current: CliNode['settings']['current'];
let levels: LogLevels;
let watched: string[];
let line: CommandLine;
const errors: unknown[] = [];

beforeEach(() => {
  calls = ['one@h', 'two@h'];
  foreign = [];
  keyspaces = [2];
  unstorable = 0;
  redundancy = {
    async activate() {
      calls = [...calls, ...foreign.splice(0)];
    },
    async standBy() {
      foreign.push(...calls.splice(0));
      return unstorable;
    },
    keyspaces: () => keyspaces,
    follow(keyspace, on) {
      if (keyspaces.includes(keyspace) === on) return false;
      keyspaces = on ? [...keyspaces, keyspace] : keyspaces.filter((one) => one !== keyspace);
      return true;
    },
  };
  current = START;
  levels = LEVELS;
  watched = [];
  errors.length = 0;
  const node: CliNode = {
    statistics: async () => NODE,
    callIds: () => [...calls],
    foreignCallIds: () => foreign,
    get redundancy() {
      return redundancy;
    },
    families: () => ({ IP4: 1, IP6: 0, mixed: 1 }),
    session: (callId) =>
      calls.includes(callId) || foreign.includes(callId)
        ? {
            ...{ keyspace: foreign.includes(callId) ? 2 : 1, isForeign: foreign.includes(callId) },
            ...{ callId, createdMs: 1_700_000_000_500, lastSignalMs: 1_700_000_001_000 },
            ...{
              isDeleted: callId === 'two@h',
              createdFrom: '192.0.2.1:5060',
              tos: 184,
              isRecorded: callId === 'two@h',
            },
          }
        : undefined,
    call: async (callId) => (calls.includes(callId) ? described(callId) : undefined),
    end: async (callId) => {
      if (callId === 'broken') throw new Error('of the data plane');
      const existed = calls.includes(callId);
      calls = calls.filter((one) => one !== callId);
      return existed;
    },
    settings: {
      start: START,
      get current() {
        return current;
      },
      change(name, value) {
        current = { ...current, [name]: value };
      },
    },
    logLevels: {
      start: LEVELS,
      get current() {
        return levels;
      },
      change(name, level) {
        levels = { ...levels, [name]: level };
      },
    },
    watch: (callId, on) => void watched.push(`${callId} ${on}`),
    openFiles: () => ({ limit: '65536', pid: 4711 }),
  };
  const logger = { debug() {}, warn() {}, error: (fields: object) => void errors.push(fields) };
  line = new CommandLine(node, logger);
});

function described(callId: string): CallStatistics {
  const media = {
    ...{
      index: 1,
      type: 'audio',
      protocol: 'RTP/AVP',
      codecs: ['PCMU/8000'],
      flags: [],
      packetFlags: [],
      stream: 0,
    },
    local: { address: '192.0.2.9', rtpPort: 30_000, rtcpPort: 30_001 },
    advertised: { rtp: '198.51.100.1:4000', rtcp: '198.51.100.1:4001' },
  };
  const party = {
    ...{ tag: 'a', tagAliases: [], createdMs: 1_700_000_000_500, medias: [media] },
    subscriptions: [{ tag: 'b', type: 'offer/answer' as const }],
    subscribers: [],
  };
  const counted = streamStats(0, 7);
  const rtp = { ...counted.rtp, remote: '198.51.100.77:4100', foreign: 2, malformed: 1 };
  return {
    ...{ callId, createdMs: 0, lastSignalMs: 0, parties: [party], atMs: 1_700_000_002_500 },
    media: { session: callId, revision: 1, streams: [{ ...counted, rtp }] },
  };
}

describe('the command line lists', () => {
  test('how many calls there are', async () => {
    expect(await line.answer('list numsessions')).toBe(
      [
        ...['own: 3', 'foreign: 0', 'total: 3'].map((count) => `Current sessions ${count}\n`),
        'Current transcoded media: 0\n',
        ...['ipv4 only', 'ipv6 only', 'ip mixed '].map((kind, at) => {
          return `Current sessions ${kind} media: ${[1, 0, 1][at]}\n`;
        }),
      ].join(''),
    );
  });

  test.each(['list sessions all', 'list sessions own', 'get sessions all', '  list   sessions all\r'])(
    'the calls, a line each: %j',
    async (asked) => {
      expect(await line.answer(asked)).toBe(
        [
          'ID: one@h | del:n | creat: 1700000000 | prx:192.0.2.1:5060 | redis:1 | frgn:n | rec:n\n',
          'ID: two@h | del:y | creat: 1700000000 | prx:192.0.2.1:5060 | redis:1 | frgn:n | rec:y\n',
        ].join(''),
      );
    },
  );

  test('that there are none', async () => {
    expect(await line.answer('list sessions foreign')).toBe('No sessions on this media relay.\n');
    calls = [];
    expect(await line.answer('list sessions all')).toBe('No sessions on this media relay.\n');
  });

  test.each(['list sessions one@h', 'call one@h info'])('one call with its parties: %s', async (asked) => {
    const text = await line.answer(asked);
    expect(text).toContain('\ncallid: one@h\ndeletionmark: no\ncreated: 1700000000\nproxy: 192.0.2.1:5060\n');
    expect(text).toContain(
      "\n--- Tag 'a', label '', branch '', callduration 2.000000\n---     subscribed to 'b'\n",
    );
    expect(text).toContain('------ Media #1 (audio over RTP/AVP) using PCMU/8000\n');
    expect(text).toContain('Port 192.0.2.9:30000 <> 198.51.100.77:4100, 7 p, 0 b, 3 e\n');
    expect(text).toContain('Port 192.0.2.9:30001 <> 198.51.100.1:4001  (RTCP), 0 p, 0 b, 0 e\n');
  });

  test('one party of a call', async () => {
    const text = await line.answer('call one@h tag a info');
    expect(text).toMatch(/^--- Tag 'a', .*\n--- {5}subscribed to 'b'\n------ Media #1 /);
    expect(text).toMatch(/ \(RTCP\), 0 p, 0 b, 0 e\n$/);
    expect(await line.answer('call one@h tag x info')).toBe("No such tag 'x'\n");
    expect(await line.answer('call x tag a info')).toBe("No such call 'x'\n");
  });

  test('what it knows', async () => {
    const lines = (await line.answer('usage')).split('\n');
    expect(lines).toHaveLength(COMMANDS.length + 1);
    for (const known of ['list totals', 'call * tag * info', 'terminate *']) expect(lines).toContain(known);
  });

  test('totals, counters and interfaces as rtpengine lays them out', async () => {
    const totals = await line.answer('list totals');
    expect(totals).toContain(' Total relayed packet errors (kernel)            :0\n');
    expect(totals).toContain(
      [
        '\nMOS statistics:\n\n',
        ' Sum of all MOS values sampled                   :12.600000\n',
        ' Sum of all MOS square values sampled            :52.920000\n',
        ' Total number of MOS samples                     :3\n',
        ' Average MOS                                     :4.200000\n',
        ' MOS standard deviation                          :0.000000\n',
        '\nControl statistics:\n\n',
        '                Proxy |       Ping |      Offer |     Answer |',
      ].join(''),
    );
    expect(totals).toContain(
      [
        '\n\n\nGraphite interval statistics (last reported values to graphite):\n',
        ' Total calls duration                            :7.500000 seconds\n\n',
        ' Min managed sessions                            :1\n',
        ' Max managed sessions                            :4\n',
        ' Min/Max/Avg ping processing delay               :0.000000/0.000000/0.000000 sec\n',
        ' Min/Max/Avg offer processing delay              :0.000500/0.002000/0.001250 sec\n',
      ].join(''),
    );
    expect(totals).toContain(' Min/Max/Avg offer requests per second           :1/3/2 per sec\n');
    expect(totals).toMatch(/\n {12}192\.0\.2\.1 \| {10}0 \| {10}2 \| {10}0 \|/);
    expect(totals).toContain(' Total managed sessions                          :10\n');
    expect(totals).toContain(' Total relayed packets (kernel)                  :60\n');
    expect(await line.answer('list counters')).toContain(
      ' Packets per second (total)                      :150\n',
    );
    expect(await line.answer('list interfaces')).toBe(
      "Interface 'pub' address '192.0.2.10' (IPv4)\n Port range: 30000 - 39999\n Ports used:   250 / 10000 (  2.5%)\n",
    );
  });

  test('all statistics as JSON', async () => {
    expect(JSON.parse(await line.answer('list jsonstats'))).toMatchObject({
      currentstatistics: { sessionsown: 3 },
      controlstatistics: { totaloffercount: 2 },
    });
  });

  test('settings, in the words of rtpengine', async () => {
    expect(await line.answer('list timeout')).toBe('TIMEOUT=60\n');
    expect(await line.answer('list silenttimeout')).toBe('SILENT_TIMEOUT=3600\n');
    expect(await line.answer('list finaltimeout')).toBe('FINAL_TIMEOUT=0\n');
    expect(await line.answer('list offertimeout')).toBe('OFFER_TIMEOUT=3600\n');
    expect(await line.answer('list maxsessions')).toBe('Maximum sessions configured on rtpengine: -1\n');
    expect(await line.answer('list deletedelay')).toBe('30\n');
    expect(await line.answer('list maxopenfiles')).toBe(
      'Maximum open-files configured on rtpengine: 65536; cat /proc/4711/limits\n',
    );
    expect(await line.answer('list maxcpu')).toBe('Maximum CPU usage configured on rtpengine: 0.0\n');
    expect(await line.answer('list maxload')).toBe('Maximum load average configured on rtpengine: 2.50\n');
    expect(await line.answer('list maxbw')).toBe('Maximum bandwidth configured on rtpengine: 100000\n');
  });
});

describe('each part of the log has a level', () => {
  test('that is listed, alone or with all others', async () => {
    expect(await line.answer('list loglevel')).toMatch(/^core = 6\nspandsp = 6\n(?:.+\n)+dtx = 6\n$/);
    expect(await line.answer('list loglevel ice')).toBe('6\n');
    expect(await line.answer('list loglevel internals')).toBe('-1\n');
    expect(await line.answer('list loglevel foo')).toBe("No such subsystem of the log 'foo'\n");
    expect(await line.answer('list loglevels')).toMatch(/^core - Everything that isn't part of another/);
  });

  test.each(['set loglevel 7', 'set loglevel all 7'])('%s is for all', async (asked) => {
    expect(await line.answer(asked)).toBe('Success setting loglevel to 7\n');
    expect(new Set(Object.values(levels))).toEqual(new Set([7]));
  });

  test('set alone it leaves the others, shows what differs, and is taken back', async () => {
    expect(await line.answer('set loglevel ice 8')).toBe('Success setting loglevel to 8\n');
    expect(levels).toEqual({ ...LEVELS, ice: 8 });
    await line.answer('set timeout 61');
    expect(await line.answer('params diff')).toBe('log-level-ice: 6 => 8\ntimeout: 60 => 61\n');
    expect(await line.answer('params current')).toMatch(/^log-level-core = 6\n(?:.*\n)*log-level-ice = 8\n/);
    await line.answer('params revert');
    expect(levels).toEqual(LEVELS);
  });

  test.each([
    ['set loglevel 9', 'Fail setting loglevel to 9; not a number from -1 to 8\n'],
    ['set loglevel ice 7.5', 'Fail setting loglevel to 7.5; not a number from -1 to 8\n'],
    ['set loglevel ice', 'More parameters required.\n'],
    ['set loglevel foo 7', "No such subsystem of the log 'foo'\n"],
  ])('%s is refused', async (asked, answer) => {
    expect(await line.answer(asked)).toBe(answer);
    expect(levels).toEqual(LEVELS);
  });
});

describe('everything is told of a call', () => {
  test.each([
    ['debug one@h', 'Enabled', true],
    ['debug one@h on', 'Enabled', true],
    ['debug one@h off', 'Disabled', false],
    ['call one@h debug', 'Enabled', true],
    ['call one@h debug on', 'Enabled', true],
    ['call one@h debug off', 'Disabled', false],
  ])('%s', async (asked, done, on) => {
    expect(await line.answer(asked)).toBe(`${done} debugging for call 'one@h'\n`);
    expect(watched).toEqual([`one@h ${on}`]);
  });

  test.each([
    ['debug', 'No call ID specified\n'],
    ['debug x', "Call ID 'x' not found\n"],
    ['debug one@h maybe', "Invalid on/off flag ('maybe') specified\n"],
    ['call x debug', "No such call 'x'\n"],
  ])('unless it makes no sense: %s', async (asked, answer) => {
    expect(await line.answer(asked)).toBe(answer);
    expect(watched).toEqual([]);
  });
});

test.each([
  ['call one@h tag a delay 10', 'Fail setting delay: media is relayed as it comes here\n'],
  ['call one@h tag a detect-dtmf 1', 'Fail changing audio DTMF detection: no tones are heard here; '],
  ['call one@h tag x delay 10', "No such tag 'x'\n"],
  ['call x tag a detect-dtmf 1', "No such call 'x'\n"],
  ['set maxopenfiles 100000', 'Fail setting open_files to 100000; it is decided when the program starts\n'],
])('what cannot be done here is refused: %s', async (asked, answer) => {
  expect((await line.answer(asked)).slice(0, answer.length)).toBe(answer);
});

describe('the command line ends', () => {
  test.each([
    ['terminate one@h', '\nCall Id (one@h) successfully terminated by operator.\n\n'],
    ['call one@h terminate', "\nCall 'one@h' terminated.\n\n"],
  ])('one call: %s', async (asked, answer) => {
    expect(await line.answer(asked)).toBe(answer);
    expect(calls).toEqual(['two@h']);
  });

  test('all calls', async () => {
    expect(await line.answer('terminate foreign')).toBe('All foreign calls terminated by operator.\n');
    expect(calls).toHaveLength(2);
    expect(await line.answer('terminate all')).toBe('All calls terminated by operator.\n');
    expect(calls).toEqual([]);
  });

  test('none that is not there', async () => {
    for (const asked of ['terminate x', 'list sessions x'])
      expect(await line.answer(asked)).toBe('\nCall ID not found (x).\n\n');
    for (const asked of ['call x terminate', 'call x info'])
      expect(await line.answer(asked)).toBe("No such call 'x'\n");
  });
});

describe('the command line sets', () => {
  test('a value, shows what differs, and takes it back', async () => {
    expect(await line.answer('set timeout 61')).toBe('Success setting timeout to 61\n');
    expect(await line.answer('set deletedelay 20')).toBe('Success setting delete-delay to 20\n');
    expect(await line.answer('set deletedelay 30')).toBe('Success setting delete-delay to 30\n');
    expect(await line.answer('set maxsessions -1')).toBe(
      'Success setting maxsessions to -1; disable feature\n',
    );
    expect(await line.answer('set maxsessions 5')).toBe('Success setting maxsessions to 5\n');
    expect(current).toEqual({ ...START, timeout: 61, maxsessions: 5 });
    expect(await line.answer('params diff')).toBe('max-sessions: -1 => 5\ntimeout: 60 => 61\n');
    expect(await line.answer('params current')).toContain('\ntimeout = 61\n');
    expect(await line.answer('params start')).toContain('\ntimeout = 60\n');
    await line.answer('params revert');
    expect(current).toEqual(START);
    expect(await line.answer('params diff')).toBe('');
  });

  test('limits of load with as many digits as rtpengine', async () => {
    expect(await line.answer('set maxload 3.756')).toBe('Success setting maxload to 3.76\n');
    expect(await line.answer('set maxcpu 55')).toBe('Success setting maxcpu to 55.0\n');
    expect(await line.answer('set maxbw 2000000000')).toBe('Success setting maxbw to 2000000000\n');
    expect(current).toMatchObject({ maxload: 3.76, maxcpu: 55, maxbw: 2_000_000_000 });
    expect(await line.answer('params diff')).toBe(
      'max-cpu: 0.0 => 55.0\nmax-load: 2.50 => 3.76\nmax-bw: 100000 => 2000000000\n',
    );
  });

  test.each([
    ['set maxload junk', 'not a number from 0 to 10000'],
    ['set maxload -1', 'not a number from 0 to 10000'],
    ['set maxload 1e3', 'not a number from 0 to 10000'],
    ['set maxload 1.', 'not a number from 0 to 10000'],
    ['set maxload 10001', 'not a number from 0 to 10000'],
    ['set maxcpu 100.1', 'not a number from 0 to 100'],
    ['set maxcpu NaN', 'not a number from 0 to 100'],
    ['set maxbw 1.5', 'not a number from 0 to 1000000000000'],
    ['set timeout 1.5', 'not a number from 1 to 2592000'],
    ['set timeout 0', 'not a number from 1 to 2592000'],
    ['set timeout abc', 'not a number from 1 to 2592000'],
    ['set timeout 99999999999999999999', 'not a number from 1 to 2592000'],
    ['set maxsessions -2', 'not a number from -1 to 1000000'],
    ['set controltos 184', 'it is decided when the program starts'],
  ])('not what makes no sense: %s', async (asked, why) => {
    const [, name, value] = asked.split(' ');
    expect(await line.answer(asked)).toBe(`Fail setting ${name} to ${value}; ${why}\n`);
    expect(current).toEqual(START);
  });
});

describe('the command line', () => {
  test.each(['', 'list', 'list sessions', 'set', 'set timeout', 'terminate', 'params', 'call', 'call one@h'])(
    'asks for more: %j',
    async (asked) => {
      expect(await line.answer(asked)).toBe('More parameters required.\n');
    },
  );

  test.each([
    'foo',
    'list foo',
    'set foo 1',
    'params foo',
    'list totals now',
    'call one@h dance',
    'POST / HTTP/1.1',
  ])('does not know %j', async (asked) => {
    expect(await line.answer(asked)).toBe(`Unknown command: ${asked}\n`);
  });

  test('only looks where it may do no more', async () => {
    for (const { words, changes } of COMMANDS) {
      const asked = words.join(' ').replace('set * *', 'set timeout 61').replace('*', 'one@h');
      const looked = await line.look(asked);
      if (changes) expect([asked, looked]).toEqual([asked, undefined]);
      else expect(looked).not.toBe(undefined);
    }
    expect(calls).toHaveLength(2);
    expect(current).toEqual(START);
    for (const { name } of SETTINGS) expect(await line.look(`list ${name}`)).toMatch(/\n$/);
  });

  test('survives a defect, and says so', async () => {
    expect(await line.answer('terminate broken')).toBe('Internal error\n');
    expect(errors).toHaveLength(1);
  });
});

describe('together with other nodes', () => {
  test('their calls are listed as foreign ones, and with all', async () => {
    foreign = ['three@h'];
    const line3 = 'ID: three@h | del:n | creat: 1700000000 | prx:192.0.2.1:5060 | redis:2 | frgn:y | rec:n\n';
    expect(await line.answer('list sessions foreign')).toBe(line3);
    expect(await line.answer('list sessions own')).not.toContain('three@h');
    expect(await line.answer('list sessions all')).toMatch(/two@h .*\n.*three@h/);
  });

  test('all calls change sides', async () => {
    expect(await line.answer('standby')).toBe('Ok, all own calls are foreign calls now\n');
    unstorable = 2;
    expect(await line.answer('standby')).toBe('Fail: 2 calls cannot be stored and are still own calls\n');
    expect(await line.answer('list sessions own')).toBe('No sessions on this media relay.\n');
    expect(await line.answer('active')).toBe('Ok, all foreign calls are own calls now\n');
    expect(calls).toEqual(['one@h', 'two@h']);
  });

  test('keyspaces are followed and left', async () => {
    expect(await line.answer('ksadd 5')).toBe('Success adding keyspace 5 to redis notifications.\n');
    expect(await line.answer('ksadd 5')).toBe('Keyspace 5 is already among redis notifications.\n');
    expect(await line.answer('ksrm 2')).toBe('Success removing keyspace 2 from redis notifications.\n');
    expect(await line.answer('ksrm 2')).toBe('Keyspace 2 is not among redis notifications.\n');
    expect(await line.answer('ksrm two')).toBe('Fail: two is not the number of a keyspace\n');
    expect(await line.answer('kslist')).toBe('\nSubscribed-on keyspaces:\n5\n');
    expect(await line.look('ksadd 6')).toBeUndefined();
    expect(await line.look('active')).toBeUndefined();
  });

  test.each(['active', 'standby', 'ksadd 1', 'ksrm 1', 'kslist'])('%s without other nodes', async (words) => {
    redundancy = undefined;
    expect(await line.answer(words)).toBe('No redis configured: calls are known to this node alone.\n');
  });

  test('what concerns Redis is set like everything else', async () => {
    expect(await line.answer('list redisallowederrors')).toBe('-1\n');
    expect(await line.answer('set redisallowederrors 3')).toBe('Success setting redisallowederrors to 3\n');
    expect(await line.answer('set redisdisable 2')).toContain('Fail setting redisdisable to 2');
    expect(await line.answer('list redisdisabletime')).toBe('10\n');
  });
});
