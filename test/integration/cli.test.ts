import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { sdpOf } from '../support/loopback-call.js';
import { describeLocalPeers } from '../support/netns-peers.js';
import { until } from '../support/netns-until.js';
import { SupervisedTandem } from '../support/supervised.js';
import { freePort, loopbackAddress } from '../support/tandem.js';

type Operated = { readonly tandem: SupervisedTandem; readonly place: string; readonly http: string };

async function started(): Promise<Operated> {
  const address = loopbackAddress();
  const [cli, http] = [`${address}:${await freePort(address)}`, `${address}:${await freePort(address)}`];
  return {
    tandem: await SupervisedTandem.start([`listen.cli=${cli}`, `listen.http=${http}`]),
    place: cli,
    http,
  };
}

/** A line over a connection of its own. */
async function said({ place }: Operated, line: string): Promise<string> {
  const [address = '', port] = place.split(':');
  const connection = connect(Number(port), address);
  onTestFinished(() => void connection.destroy());
  let text = '';
  connection.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  connection.write(`${line}\n`);
  await once(connection, 'close');
  return text;
}

async function setUp({ tandem }: Operated, callId: string): Promise<void> {
  const keys = { 'call-id': callId, 'from-tag': `a-${callId}`, sdp: SDP, flags: [] };
  await sdpOf(tandem.ng, { command: 'offer', ...keys });
  await sdpOf(tandem.ng, { command: 'answer', ...keys, 'to-tag': `b-${callId}` });
}

async function byPattern({ http }: Operated): Promise<number> {
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  return Number(/^tandem_requests_total\{answered="pattern"\} (\d+)$/m.exec(metrics)?.[1]);
}

test('the command line shows calls and ends them, over TCP and HTTP', async () => {
  const operated = await started();
  await setUp(operated, 'one@h');
  await setUp(operated, 'two@h');
  expect(await said(operated, 'list numsessions')).toMatch(/^Current sessions own: 2\n/);
  const list = await said(operated, 'list sessions all');
  expect(list.match(/^ID: (one|two)@h \| del:n \| creat: \d+ \| prx:127\.0\.0\.1:\d+ \|/gm)).toHaveLength(2);
  const shown = await (await fetch(`http://${operated.http}/cli/call+one@h+info`)).text();
  expect(shown).toContain("--- Tag 'a-one@h'");
  expect(shown).toMatch(/Media #1 \(audio over RTP\/AVP\) using PCMU\/8000/);
  expect(await said(operated, 'terminate one@h')).toBe(
    '\nCall Id (one@h) successfully terminated by operator.\n\n',
  );
  expect(await operated.tandem.ng.command({ command: 'list' })).toMatchObject({ calls: ['two@h'] });
  const options = { method: 'POST', body: 'terminate all', headers: { 'Content-Type': 'text/plain' } };
  await fetch(`http://${operated.http}/cli`, options);
  expect(await operated.tandem.ng.command({ command: 'list' })).toMatchObject({ calls: [] });
  expect(await said(operated, 'list totals')).toContain(
    ' Total forced terminated sessions                :2\n',
  );
});

test('what is set holds for the next calls, also for those the data plane answers by itself', async () => {
  const operated = await started();
  for (let number = 0; (await byPattern(operated)) === 0; number += 1)
    await setUp(operated, `before-${number}`);
  expect(await said(operated, 'set timeout 1')).toBe('Success setting timeout to 1\n');
  await setUp(operated, 'after');
  await until('the end of the silent call', async () =>
    (await said(operated, 'list sessions after')).includes('Call ID not found (after).') ? true : undefined,
  );
  expect(await said(operated, 'list sessions before-0')).toContain('callid: before-0\n');
  expect(await said(operated, 'params diff')).toBe('timeout: 60 => 1\n');
});

test('a limit that is set is kept to the call, whoever answers', async () => {
  const operated = await started();
  let calls = 0;
  for (; (await byPattern(operated)) === 0; calls += 1) await setUp(operated, `call-${calls}`);
  await said(operated, `set maxsessions ${calls + 1}`);
  await setUp(operated, 'last');
  await expect(setUp(operated, 'one too many')).rejects.toThrow('Parallel session limit reached');
  await said(operated, 'set maxsessions -1');
  await setUp(operated, 'once more');
});

test('a client that says nothing, or no end of it, disturbs nobody', async () => {
  const operated = await started();
  const [address = '', port] = operated.place.split(':');
  const [silent, endless] = [connect(Number(port), address), connect(Number(port), address)];
  onTestFinished(() => void silent.destroy());
  endless.on('error', () => {});
  endless.write('x'.repeat(5_000));
  await once(endless, 'close');
  expect(await said(operated, 'nonsense')).toBe('Unknown command: nonsense\n');
  operated.tandem.process.signal('SIGTERM');
  expect(await operated.tandem.process.exited()).toEqual({ code: 0, signal: null });
});

describeLocalPeers(['rtpengine-ctl'], 'Debian’s rtpengine-ctl', () => {
  test('understands it', async () => {
    const operated = await started();
    await setUp(operated, 'one@h');
    const ctl = async (...words: string[]): Promise<string> =>
      (await promisify(execFile)('rtpengine-ctl', ['-ip', operated.place, ...words])).stdout;
    expect(await ctl('list', 'sessions', 'all')).toMatch(/^ID: one@h \|/);
    expect(await ctl('set', 'silenttimeout', '77')).toContain('Success setting silenttimeout to 77');
    expect(await ctl('list', 'silenttimeout')).toContain('SILENT_TIMEOUT=77');
    expect(await ctl('terminate', 'one@h')).toContain('Call Id (one@h) successfully terminated by operator.');
  });
});

const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
