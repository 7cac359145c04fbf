import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { nativeProgram, Process, ROOT } from '../support/process.js';
import { RtpproxyClient } from '../support/rtpproxy-client.js';
import { freePort, loopbackAddress } from '../support/tandem.js';

/** `bin/rtpproxy`, started as rtpproxy is. */
async function start(...options: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-rtpproxy-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const address = loopbackAddress();
  const port = await freePort(address);
  const pidfile = join(directory, 'rtpproxy.pid');
  const program = new Process(
    'rtpproxy',
    [
      `${ROOT}bin/rtpproxy`,
      '-f',
      '-F',
      '-s',
      `udp:${address}:${port}`,
      '-l',
      address,
      '-p',
      pidfile,
      ...options,
    ],
    { TANDEM_SUPERVISOR: nativeProgram('tandem-supervisor') },
  );
  await program.printed(/^ready$/m);
  return { program, address, pidfile, client: new RtpproxyClient(address, port) };
}

test('it answers a conversation as rtpproxy does', async () => {
  const { client, address } = await start('-m', '30000', '-M', '30100');
  const ports = new Map<string, string>();
  /** Ports become names in order of appearance, the address becomes `A`; seconds that have passed are given back. */
  const run = async (line: string): Promise<string> => {
    const reply = await client.command(line);
    const told = reply.replaceAll(address, 'A').replace(/\b30\d{3}\b/g, (port) => {
      if (!ports.has(port)) ports.set(port, `P${ports.size}`);
      return ports.get(port) ?? '';
    });
    return told.replace(/^[345]\d (?=\d+ \d+ \d+ \d+$)/, '60 ').replace(/\bttl=[345]\d\b/, 'ttl=55');
  };
  const transcript: [command: string, reply: string][] = [
    ['V', '20040107'],
    ['VF 20050322', '1'],
    ['U a1 10.77.0.10 6000 f1;1', 'P0 A'],
    ['L a1 10.77.0.20 7000 f1;1 t1;1', 'P1 A'],
    ['U a1 10.77.0.10 6002 f1;2', 'P2 A'],
    ['Un a1 10.77.0.10 6000 f1;1', 'P3 A'],
    ['Q a1 f1;1 t1;1', '60 0 0 0 0'],
    ['Q a1 f1 t1', 'E50'],
    ['L a1 10.77.0.20 7000 f1;3 t1;3', '0'],
    ['U a2 10.77.0.10 6000 f t && L 10.77.0.20 7000', 'P4 A && P5 A'],
    ['D a1 f1 t1', '0'],
    ['D a1 f1 t1', 'E50'],
    ['U6 a3 ::1 6000 f', 'E36'],
    ['Z', 'E0'],
    // Silent successes in front of something that speaks, and alone.
    ['U a4 10.77.0.10 6000 f && S ttl=55', 'P6 A'],
    ['U a4 10.77.0.10 6000 f t && S ttl=55 && L 10.77.0.20 7000', 'P6 A && 0 && P7 A'],
    ['Qv a4 f t && D', 'ttl=55 npkts_ina=0 npkts_ino=0 nrelayed=0 ndropped=0'],
    ['Q a4 f t', 'E50'],
    // What does not exist yet.
    ['P a2 file session f t', 'E35'],
    ['P a2 file 0,8 f t', 'E60'],
    ['S a2 f t', '0'],
    ['R a2 f t', 'E50'],
    ['C a2 udp:192.0.2.1:4000 f t', '0'],
    ['N a2 f t', '0'],
    ['U a5 10.77.0.10 6000 f unix:/run/x tag', 'E75'],
    ['UIE a5 10.77.0.10 6000 f', 'E12'],
    ['Gv nsess_created nsess_destroyed nsess_complete', 'nsess_created=4 nsess_destroyed=3 nsess_complete=3'],
    ['X', '0'],
    [
      'Ib',
      'sessions created: 4\nactive sessions: 0\nactive streams: 0\npackets received: 0\npackets transmitted: 0',
    ],
  ];
  const replies: [string, string][] = [];
  for (const [command] of transcript) replies.push([command, await run(command)]);
  expect(replies).toEqual(transcript);
});

test('a cookie seen before is answered from memory, whatever comes with it', async () => {
  const { client } = await start();
  expect(await client.command('VF 20050322', 'same')).toBe('1');
  expect(await client.command('VF 1', 'same')).toBe('1');
  expect(await client.command('', 'alone')).toBe('E5');
  expect(await client.command('G ncmds_rcvd ncmds_rcvd_ndups')).toBe('3 1');
});

test('after SIGHUP it takes no new calls, and ends with the last one', async () => {
  const { program, client, pidfile } = await start();
  await client.command('U old 192.0.2.1 4000 f');
  process.kill(Number(readFileSync(pidfile, 'utf8')), 'SIGHUP');
  await program.printed(/draining/);
  expect(await client.command('U new 192.0.2.1 4000 f')).toBe('E99');
  expect(await client.command('U old 192.0.2.1 4002 f')).toMatch(/^\d+ /);
  expect(program.running).toBe(true);
  expect(await client.command('D old f')).toBe('0');
  expect(await program.exited()).toEqual({ code: 0, signal: null });
  expect(existsSync(pidfile)).toBe(true);
});

test('a half-open session ends after -W, a full one after -T', async () => {
  const { client } = await start('-W', '1', '-T', '15');
  await client.command('U half 192.0.2.1 4000 f');
  await client.command('U full 192.0.2.1 4000 f');
  await client.command('L full 192.0.2.2 4000 f t');
  await expect.poll(() => client.command('Q half f')).toBe('E50');
  expect(await client.command('Q full f')).toMatch(/^\d+ /);
  await expect.poll(() => client.command('Q full f')).toBe('E50');
});

test('mistakes and versions are told before anything starts', async () => {
  const wrong = new Process('rtpproxy', [`${ROOT}bin/rtpproxy`, '-f', '-q'], {
    TANDEM_SUPERVISOR: nativeProgram('tandem-supervisor'),
  });
  expect((await wrong.exited()).code).not.toBe(0);
  expect(wrong.stderr).toContain('-q: unknown option');
  const asked = new Process('rtpproxy', [`${ROOT}bin/rtpproxy`, '-v']);
  expect((await asked.exited()).code).toBe(0);
  expect(asked.stdout).toContain('Basic version: 20040107');
});
