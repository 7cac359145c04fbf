import { describe, expect, test } from 'vitest';
import { Process, ROOT } from '../support/process.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

const demo = (...words: string[]) => new Process('demo', ['node', `${ROOT}dist/demo/main.js`, ...words]);

describe('the demo', () => {
  test('places a call through a running Tandem and shows where media really goes', async () => {
    const tandem = await Tandem.start();
    const process = demo('--ng', `${tandem.address}:${tandem.ngPort}`, '--seconds', '4');
    expect(await process.exited()).toEqual({ code: 0, signal: null });
    expect(process.stdout).toMatch(/Alice +192\.168\.77\.20:\d+ +127\.\S+ \(learned\) +PCMU /);
    expect(process.stdout).toMatch(/Alice heard [1-9]\d+ packets, Bob heard [1-9]\d+/);
  });

  test('starts a Tandem of its own and ends it', async () => {
    const process = demo('--seconds', '1');
    expect(await process.exited(), process.stderr).toEqual({ code: 0, signal: null });
    const ng = /through Tandem at (\S+)\.$/m.exec(process.stdout)?.[1] ?? '';
    const again = demo('--ng', ng);
    expect(await again.exited()).toEqual({ code: 1, signal: null });
  });

  test('says so when nobody answers', async () => {
    const address = loopbackAddress();
    const process = demo('--ng', `${address}:${await freePort(address)}`);
    expect(await process.exited()).toEqual({ code: 1, signal: null });
    expect(process.stderr).toContain('nobody answers at');
  });
});
