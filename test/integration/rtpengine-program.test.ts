import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ngClient } from '../support/loopback-ng.js';
import { until } from '../support/netns-until.js';
import { nativeProgram, Process, ROOT } from '../support/process.js';
import { childrenOf } from '../support/supervised.js';
import { freePort, loopbackAddress } from '../support/tandem.js';

/** `bin/rtpengine` with the given words; `--config-file=none` unless the test has a file of its own. */
function rtpengine(...words: readonly string[]): Process {
  const own = words.some((word) => word.startsWith('--config-file')) ? [] : ['--config-file=none'];
  return new Process('rtpengine', [`${ROOT}bin/rtpengine`, ...own, ...words], {
    TANDEM_SUPERVISOR: nativeProgram('tandem-supervisor'),
  });
}

async function place(): Promise<{ address: string; port: number }> {
  const address = loopbackAddress();
  return { address, port: await freePort(address) };
}

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'tandem-rtpengine-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  'it answers, and ends on %s with status 0 and nothing left',
  async (signal) => {
    const { address, port } = await place();
    const program = rtpengine('-t', '-1', '-i', address, '-n', `${address}:${port}`, '-fE');
    await program.printed(/^ready$/m);
    expect(await ngClient(address, port).command({ command: 'ping' })).toMatchObject({ result: 'pong' });
    const children = childrenOf(program.pid);
    expect(children).toHaveLength(2);
    program.signal(signal);
    expect(await program.exited()).toEqual({ code: 0, signal: null });
    for (const child of children) expect(() => process.kill(child, 0)).toThrow();
  },
);

test('a configuration file gives what the command line does not', async () => {
  const { address, port } = await place();
  const file = join(directory(), 'rtpengine.conf');
  writeFileSync(
    file,
    [
      '[rtpengine]',
      `interface = ${address}!203.0.113.7`,
      'listen-ng = 127.0.0.1:1',
      'port-min = 41000 ; no comment',
      'port-max = 41999',
      'homer = 192.0.2.1:9060',
    ]
      .join('\n')
      .replace(' ; no comment', ''),
  );
  const program = rtpengine(`--config-file=${file}`, '--foreground', `--listen-ng=${address}:${port}`);
  await program.printed(/^ready$/m);
  expect(program.stdout).toContain(`interface default: ${address} → 203.0.113.7, ports 41000-41999`);
  await program.printed(/--homer is accepted and has no effect: Homer does not exist here yet/);
  expect(await ngClient(address, port).command({ command: 'ping' })).toMatchObject({ result: 'pong' });
});

test('every wrong option is refused with its name', async () => {
  const program = rtpengine('-f', '--prot-min=1', '-Z', '--interface=nowhere.invalid', '--listen-ng=x');
  expect(await program.exited()).toEqual({ code: 2, signal: null });
  for (const name of ['--prot-min', '-Z', '--interface', '--listen-ng'])
    expect(program.stderr).toContain(`${name}: `);
});

test('as a daemon it writes its pid file and ends by that pid', async () => {
  const { address, port } = await place();
  const pidfile = join(directory(), 'rtpengine.pid');
  const program = rtpengine('-i', address, '-n', `${address}:${port}`, '-p', pidfile);
  expect(await program.exited()).toEqual({ code: 0, signal: null });
  const pid = await until('the pid file', () => pidIn(pidfile));
  onTestFinished(() => void end(pid));
  const ng = ngClient(address, port);
  expect(await ng.command({ command: 'ping' })).toMatchObject({ result: 'pong' });
  end(pid);
  await until('its end', () => (childrenOf(pid).length === 0 ? true : undefined));
});

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended already.
  }
}
