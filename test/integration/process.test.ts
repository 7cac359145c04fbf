import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LoopbackCall } from '../support/loopback-call.js';
import { Process, ROOT } from '../support/process.js';
import { Tandem } from '../support/tandem.js';

test('SIGTERM ends the control plane with exit code 0, and not its calls', async () => {
  const tandem = await Tandem.start();
  const call = await LoopbackCall.setUp(tandem.ng, 'kept');
  tandem.control.signal('SIGTERM');
  expect(await tandem.control.exited()).toEqual({ code: 0, signal: null });
  await call.talks();
});

test('SIGTERM ends a control plane that waits for its data plane', async () => {
  const control = new Process('control plane', [
    'node',
    `${ROOT}dist/main.js`,
    '--set',
    'dataPlane.socket=/nowhere',
  ]);
  await control.printed(/waiting for the data plane/);
  control.signal('SIGTERM');
  expect(await control.exited()).toEqual({ code: 0, signal: null });
});

test('the start says what listens where and which way packets go', async () => {
  const tandem = await Tandem.start({ settings: ['interfaces=pub/127.0.0.1!203.0.113.10'] });
  const { stdout } = tandem.control;
  expect(stdout).toMatch(/^tandem \d+\.\d+\.\d+, configuration config\/default\.yaml$/m);
  expect(stdout).toContain(`ng over UDP on ${tandem.address}:${tandem.ngPort}\n`);
  // The ng port is left out of the range if it lies in it.
  expect(stdout).toMatch(/^interface pub: 127\.0\.0\.1 → 203\.0\.113\.10, ports 30000-39999( except \d+)?$/m);
  expect(stdout).toMatch(/^data path (mmsg|io_uring): .+; \d+ packet threads?$/m);
  expect(stdout).toMatch(/^ready$/m);
});

test('a wrong configuration is refused with all its mistakes and exit code 2', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'wrong.yaml');
  writeFileSync(file, 'portMax: 70000\nlog: {levle: debug}\n');
  const checked = new Process('check', ['bin/tandem', '--check', '--config', file]);
  expect(await checked.exited()).toEqual({ code: 2, signal: null });
  expect(checked.stderr).toBe(
    `${file}:1: portMax: 70000 is not a port (1-65535)\n${file}:2: log.levle: unknown key, did you mean level?\n`,
  );
});

test('a fine configuration is called so', async () => {
  const checked = new Process('check', ['bin/tandem', '--check']);
  expect(await checked.exited()).toEqual({ code: 0, signal: null });
  expect(checked.stdout).toBe('configuration ok\n');
});

test('an unknown option is refused by its name', async () => {
  const refused = new Process('tandem', ['node', 'dist/main.js', '--confg', 'x']);
  expect(await refused.exited()).toEqual({ code: 2, signal: null });
  expect(refused.stderr).toBe('tandem: unknown option --confg, did you mean --config?\n');
});

test('an address another program listens on is named', async () => {
  const tandem = await Tandem.start();
  const second = new Process('second', [
    'node',
    `${ROOT}dist/main.js`,
    ...[
      '--set',
      `listen.ng=${tandem.address}:${tandem.ngPort}`,
      '--set',
      `dataPlane.socket=${tandem.socket}`,
    ],
  ]);
  expect((await second.exited()).code).toBe(1);
  expect(second.stderr).toContain(`${tandem.address}:${tandem.ngPort}`);
});
