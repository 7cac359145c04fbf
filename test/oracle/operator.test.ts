import { expect, it } from 'vitest';
import { describeLocalPeers } from '../support/netns-peers.js';
import { type OperatedProxy, startOperated } from '../support/operated-pair.js';

const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n';

describeLocalPeers(['rtpengine'], 'the command line, of rtpengine 10.5 as well', () => {
  it('answers the same, but for what is listed', async () => {
    await using oracle = await startOperated('rtpengine');
    await using subject = await startOperated('tandem');
    for (const { ng } of [oracle, subject]) {
      for (const call of ['one', 'two']) {
        const common = { 'call-id': call, 'from-tag': 'a', sdp: SDP, ICE: 'remove' };
        await ng.command({ command: 'offer', ...common });
        await ng.command({ command: 'answer', 'to-tag': 'b', ...common });
      }
    }
    const differing: string[] = [];
    const unexpected: string[] = [];
    for (const line of LINES) {
      const [theirs, ours] = [await answer(oracle, line), await answer(subject, line)];
      if (theirs === ours) continue;
      differing.push(line);
      if (!DIFFERENT.has(line)) unexpected.push(`${line}\n at rtpengine: ${theirs}\n here: ${ours}`);
    }
    expect(unexpected.join('\n')).toBe('');
    expect([...DIFFERENT.keys()].filter((line) => !differing.includes(line))).toEqual([]);
  });
});

/** Without what differs between two processes anyway. */
async function answer(proxy: OperatedProxy, line: string): Promise<string> {
  const text = await proxy.say(line);
  return text
    .replaceAll(/127\.\d+\.\d+\.\d+/g, 'ADDRESS')
    .replace(/: \d+; cat \/proc\/\d+\//, ': N; cat /proc/PID/');
}

/** In this order: the calls are there until they are ended. */
const LINES: readonly string[] = [
  ...['list', 'get', 'set', 'call', 'terminate', 'params', 'list sessions', 'set timeout', 'call one tag'],
  ...['list numsessions', 'list counters', 'list transcoders', 'list interfaces', 'list maxopenfiles'],
  ...['list timeout', 'list silenttimeout', 'list offertimeout', 'list finaltimeout', 'list deletedelay'],
  ...['list maxsessions', 'list maxcpu', 'list maxload', 'list maxbw', 'list controltos'],
  ...['list loglevels', 'list loglevel', 'list loglevel core', 'list loglevel ice', 'list loglevel foo'],
  ...['set loglevel', 'set loglevel 7', 'set loglevel ice', 'set loglevel ice 5', 'list loglevel ice'],
  ...['set loglevel all 6', 'list loglevel control', 'list loglevel internals', 'set loglevel foo 5'],
  ...[
    'set maxsessions 5',
    'list maxsessions',
    'set maxsessions -1',
    'set maxsessions -5',
    'set maxsessions x',
  ],
  ...['set maxcpu 50', 'list maxcpu', 'set maxcpu 0', 'set maxload 2', 'list maxload', 'set maxload 0'],
  ...['set maxbw 1000', 'list maxbw', 'set maxbw 0', 'set timeout 61', 'list timeout', 'set timeout x'],
  ...['set silenttimeout 3601', 'list silenttimeout', 'set finaltimeout 0', 'set deletedelay 20'],
  ...['list deletedelay', 'set deletedelay x', 'set maxopenfiles 2000', 'set foo 1', 'params diff'],
  ...['params revert', 'params diff', 'foo', 'list foo', 'params foo'],
  ...['debug', 'debug one', 'debug one on', 'debug one off', 'debug one maybe', 'debug x', 'debug x on'],
  ...['call x info', 'call one debug', 'call one debug off', 'call one debug maybe', 'call x debug on'],
  ...['call one tag x info', 'call x tag a info', 'call one tag a detect-dtmf 1', 'call one tag a delay 10'],
  ...['list sessions x', 'list sessions foreign', 'list sessions all', 'list sessions one', 'call one info'],
  ...['call one terminate', 'call one terminate', 'terminate x', 'terminate two', 'list sessions own'],
  ...['terminate all', 'terminate own', 'terminate foreign'],
];

const NEWER = 'as newer versions write it';
const WHY_NOT = 'the same refusal, with a reason of our own';
/** By the line, why it is answered otherwise. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ['list interfaces', 'ports are not given out in order: there is no last one'],
  ['list loglevels', 'says what of the log is in each part here'],
  ['list loglevel foo', '10.5 answers with nothing'],
  ['set loglevel foo 5', '10.5 claims to have set it'],
  ['list loglevel control', '10.5 claims to have set all of them'],
  ['list loglevel internals', '10.5 claims to have set all of them'],
  ['list maxbw', '10.5 multiplies what was set by a hundred'],
  ['set maxopenfiles 2000', WHY_NOT],
  ['set maxsessions -5', WHY_NOT],
  ['set maxsessions x', WHY_NOT],
  ['set timeout x', WHY_NOT],
  ['set deletedelay x', WHY_NOT],
  ['set silenttimeout 3601', '10.5 says timeout, whichever was set'],
  ['set finaltimeout 0', '10.5 says timeout, whichever was set'],
  ['foo', NEWER],
  ['list foo', NEWER],
  ['set foo 1', NEWER],
  ['params foo', NEWER],
  ['params diff', '10.5 tells nothing where it has set a number to another'],
  ['call one tag a detect-dtmf 1', 'no tones are heard here'],
  ['call one tag a delay 10', 'media is relayed as it comes'],
  ['list sessions foreign', NEWER],
  ['list sessions all', NEWER],
  ['list sessions own', NEWER],
  ['list sessions one', NEWER],
  ['call one info', NEWER],
  ['terminate x', NEWER],
]);
