import { describe, expect, test } from 'vitest';
import { ReplyCache } from '../../../src/control/reply-cache.js';
import type { CachedRequest } from '../../../src/control/reply-memory.js';

const request = (changes: Partial<CachedRequest> = {}): CachedRequest => ({
  address: '192.0.2.1',
  port: 5000,
  cookie: '1_2_3',
  payload: Buffer.from('d7:command4:pinge'),
  ...changes,
});

/** Asks the cache; the reply says how often something was executed. */
function counted(cache: ReplyCache) {
  let executed = 0;
  return {
    async ask(asked: CachedRequest, nowMs = 0): Promise<string> {
      const answer = cache.reply(asked, nowMs, async () => {
        executed += 1;
        return `reply ${executed}`;
      });
      return answer.kind === 'overload' ? 'overload' : (await answer.reply).toString();
    },
    executed: () => executed,
  };
}

describe('the reply cache', () => {
  test('a repeated request gets the same reply and is not executed again', async () => {
    const { ask, executed } = counted(new ReplyCache());
    expect([await ask(request()), await ask(request())]).toEqual(['reply 1', 'reply 1']);
    expect(executed()).toBe(1);
  });

  test('the same source and cookie are the same request, whatever it says', async () => {
    const { ask } = counted(new ReplyCache());
    await ask(request());
    expect(await ask(request({ payload: Buffer.from('d7:command5:offere') }))).toBe('reply 1');
  });

  test('a cookie that comes back from another port after a restart is a new request', async () => {
    const { ask } = counted(new ReplyCache());
    await ask(request({ payload: Buffer.from('offer of call one') }));
    expect(await ask(request({ port: 6000, payload: Buffer.from('offer of call two') }))).toBe('reply 2');
  });

  test('the identical request from another port of the same address is a repetition', async () => {
    const { ask } = counted(new ReplyCache());
    await ask(request());
    expect(await ask(request({ port: 6000 }))).toBe('reply 1');
  });

  test('the identical request from another address is a new one', async () => {
    const { ask } = counted(new ReplyCache());
    await ask(request());
    expect(await ask(request({ address: '192.0.2.2' }))).toBe('reply 2');
  });

  test('a repetition during the execution waits for it', async () => {
    const cache = new ReplyCache();
    let executed = 0;
    let resolve: (reply: string) => void = () => {};
    const execute = () => {
      executed += 1;
      return new Promise<string>((done) => {
        resolve = done;
      });
    };
    const answers = [1, 2, 3].map(() => cache.reply(request(), 0, execute));
    expect(answers.map(({ kind }) => kind)).toEqual(['fresh', 'duplicate', 'duplicate']);
    resolve('done');
    const replies = await Promise.all(
      answers.map((answer) => ('reply' in answer ? answer.reply : undefined)),
    );
    expect(replies.map(String)).toEqual(['done', 'done', 'done']);
    expect(executed).toBe(1);
  });

  test.each([
    [29_999, 'reply 1'],
    [30_001, 'reply 1'],
    [61_000, 'reply 2'],
    [600_000, 'reply 2'],
  ])('%i ms after the first request: %s', async (laterMs, expected) => {
    const { ask } = counted(new ReplyCache());
    await ask(request(), 0);
    expect(await ask(request(), laterMs)).toBe(expected);
  });

  test('an entry is gone after the second rotation, even with traffic in between', async () => {
    const { ask } = counted(new ReplyCache());
    await ask(request(), 0);
    await ask(request({ cookie: 'other' }), 30_000);
    expect(await ask(request(), 59_000)).toBe('reply 1');
    expect(await ask(request(), 60_000)).toBe('reply 3');
  });

  test('requests with one cookie from many places end in any order', async () => {
    const cache = new ReplyCache();
    const ends: ((reply: string) => void)[] = [];
    const asked = (port: number) => request({ port, payload: Buffer.from(`from ${port}`) });
    const ask = (port: number) =>
      cache.reply(asked(port), 0, () => new Promise<string>((end) => ends.push(end)));
    for (const port of [1, 2, 3, 4]) ask(port);
    for (const at of [1, 3, 0]) {
      ends[at]?.(`reply ${at + 1}`);
      await Promise.resolve();
      await Promise.resolve();
    }
    expect([1, 2, 3, 4].map((port) => ask(port).kind)).toEqual(Array(4).fill('duplicate'));
    ends[2]?.('reply 3');
    const again = ask(3);
    expect('reply' in again && (await again.reply).toString()).toBe('reply 3');
    expect(ends).toHaveLength(4);
  });

  test('a failed execution is not remembered', async () => {
    const cache = new ReplyCache();
    const failing = cache.reply(request(), 0, () => Promise.reject(new Error('no')));
    await expect('reply' in failing ? failing.reply : undefined).rejects.toThrow('no');
    expect(await counted(cache).ask(request())).toBe('reply 1');
  });

  test('a flood of cookies does not grow the memory beyond the limits', async () => {
    const cache = new ReplyCache({ entries: 1000, bytes: 1_000_000 });
    const { ask } = counted(cache);
    for (let cookie = 0; cookie < 20_000; cookie += 1) await ask(request({ cookie: `flood${cookie}` }));
    expect(cache.size.entries).toBeLessThanOrEqual(1000);
    for (let cookie = 0; cookie < 100; cookie += 1) {
      const answer = cache.reply(request({ cookie: `big${cookie}` }), 0, async () => 'x'.repeat(60_000));
      if (answer.kind !== 'overload') await answer.reply;
    }
    expect(cache.size.bytes).toBeLessThan(1_200_000);
  });

  test('beyond the limit of commands under way, requests are left to be repeated', () => {
    const cache = new ReplyCache({ executing: 2 });
    const never = () => new Promise<string>(() => {});
    const kinds = ['a', 'b', 'c'].map((cookie) => cache.reply(request({ cookie }), 0, never).kind);
    expect(kinds).toEqual(['fresh', 'fresh', 'overload']);
  });
});
