import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { entrance } from '../../../src/service/entrance.js';

describe('while the program starts', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function starting() {
    let becomeReady = (): void => {};
    const ready = new Promise<void>((resolve) => {
      becomeReady = resolve;
    });
    const handled: string[] = [];
    const enter = entrance(
      async (command: { kind: string }) => {
        handled.push(command.kind);
        return 'done';
      },
      { ready, isFree: ({ kind }) => kind === 'ping', patienceMs: 1_500, refusal: () => 'refused' },
    );
    return { enter, handled, becomeReady };
  }

  it('a ping is answered at once', async () => {
    const { enter } = starting();
    expect(await enter({ kind: 'ping' }, undefined)).toBe('done');
  });

  it('another command waits and is carried out once', async () => {
    const { enter, handled, becomeReady } = starting();
    const reply = enter({ kind: 'offer' }, undefined);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(handled).toEqual([]);
    becomeReady();
    expect(await reply).toBe('done');
    expect(handled).toEqual(['offer']);
  });

  it('who has waited too long is refused, and nothing is done', async () => {
    const { enter, handled, becomeReady } = starting();
    const reply = enter({ kind: 'offer' }, undefined);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await reply).toBe('refused');
    becomeReady();
    await vi.advanceTimersByTimeAsync(0);
    expect(handled).toEqual([]);
  });
});
