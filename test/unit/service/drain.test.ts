import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Drain } from '../../../src/service/drain.js';

test('a node whose last call ends goes on for a moment, so that whoever ended it is told', async () => {
  vi.useFakeTimers();
  const directory = mkdtempSync(join(tmpdir(), 'drain-test-'));
  onTestFinished(() => {
    vi.useRealTimers();
    rmSync(directory, { recursive: true });
  });
  let calls = 1;
  let hasEnded = false;
  const failed = vi.fn();
  const drain = new Drain({ refuse() {}, remaining: () => calls, file: join(directory, 'draining'), failed });
  void drain.emptied().then(() => {
    hasEnded = true;
  });
  drain.start();
  await vi.advanceTimersByTimeAsync(249);
  calls = 0;
  await vi.advanceTimersByTimeAsync(2);
  expect(hasEnded).toBe(false);
  await vi.advanceTimersByTimeAsync(250);
  expect(hasEnded).toBe(true);
  expect(failed).not.toHaveBeenCalled();
  drain.close();
});
