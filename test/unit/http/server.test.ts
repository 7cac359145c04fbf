import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { EventStream } from '../../../src/http/event-stream.js';
import { Drain } from '../../../src/service/drain.js';
import { FakeDataPlane, NOTHING_SUSPECT } from '../../support/fake-data-plane.js';
import { NOTICE } from '../notify/sample.js';
import { startedHttp } from './started.js';

let calls: number;
let refusing: boolean;
let file: string;

beforeEach(() => {
  calls = 2;
  refusing = false;
  const directory = mkdtempSync(join(tmpdir(), 'tandem-drain-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  file = join(directory, 'draining');
});

function newDrain(): Drain {
  const drain = new Drain({
    refuse: (on) => {
      refusing = on;
    },
    remaining: () => calls,
    file,
    failed: (error) => {
      throw error;
    },
  });
  onTestFinished(() => drain.close());
  return drain;
}

async function start(
  suspect = NOTHING_SUSPECT,
): Promise<{ url: string; eventStream: EventStream; drain: Drain }> {
  const drain = newDrain();
  const status = async () => {
    const { counters, ...rest } = await new FakeDataPlane().status();
    return { ...rest, counters: { ...counters, suspect } };
  };
  return { ...(await startedHttp({ drain, status })), drain };
}

describe('HTTP', () => {
  test('answers a ping', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/ping`);
    expect(response.headers.get('content-type')).toBe('text/plain');
    expect(await response.text()).toBe('pong\n');
  });

  test('tells which way packets take, and why', async () => {
    const { url } = await start();
    expect(await (await fetch(`${url}/fast-path`)).json()).toMatchObject({
      mode: 'off',
      reason: 'in memory',
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('\ntandem_fast_path_active 0\n');
    expect(metrics).toContain('\ntandem_relayed_packets_total{path="kernel"} 0\n');
    expect(metrics).toContain('\ntandem_requests_total{answered="pattern"} 0\n');
  });

  test('counts suspect packets by cause', async () => {
    const { url } = await start({ ...NOTHING_SUSPECT, foreign: 7, notAuthentic: 3 });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('# TYPE tandem_suspect_packets_total counter\n');
    const counts = [...metrics.matchAll(/^tandem_suspect_packets_total\{cause="(\w+)"\} (\d+)$/gm)];
    const byCause = Object.fromEntries(counts.map(([, cause, count]) => [cause, Number(count)]));
    expect(byCause).toEqual({ ...NOTHING_SUSPECT, foreign: 7, notAuthentic: 3 });
  });

  test('drains, says how far it is, and thinks better of it', async () => {
    const { url } = await start();
    const ask = async (method: string): Promise<unknown> => (await fetch(`${url}/drain`, { method })).json();
    expect(await ask('GET')).toEqual({ draining: false, calls: 2 });
    expect(await ask('POST')).toEqual({ draining: true, calls: 2 });
    expect(refusing).toBe(true);
    expect(await ask('DELETE')).toEqual({ draining: false, calls: 2 });
    expect(refusing).toBe(false);
  });

  test('does nothing for a web page', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/drain`, {
      method: 'POST',
      headers: { Origin: 'http://evil.example' },
    });
    expect(response.status).toBe(403);
    expect(refusing).toBe(false);
  });

  test('says what it does not know', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/calls`)).status).toBe(404);
  });

  test('tells events to everybody who listens', async () => {
    const { url, eventStream } = await start();
    const response = await fetch(`${url}/events`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe(': listening\n\n');
    eventStream.tell(NOTICE);
    const text = (await reader?.read())?.value ?? '';
    const [, id, event, data] = /^id: (\w+)\nevent: (\w+)\ndata: (.*)\n\n$/.exec(text) ?? [];
    expect(event).toBe('mediaTimeout');
    expect(JSON.parse(data ?? '')).toMatchObject({ id, callId: 'c1@host', fromTag: 'a', toTag: 'b' });
    await reader?.cancel();
  });
});

describe('a drain', () => {
  test('is over when the last call has ended', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const drain = newDrain();
    let over = false;
    void drain.emptied().then(() => {
      over = true;
    });
    calls = 0;
    await vi.advanceTimersByTimeAsync(1000);
    expect(over).toBe(false);
    calls = 2;
    drain.start();
    await vi.advanceTimersByTimeAsync(1000);
    expect(over).toBe(false);
    calls = 0;
    await vi.advanceTimersByTimeAsync(1000);
    expect(over).toBe(true);
  });

  test('goes on after a crash, and is forgotten at a proper end', () => {
    newDrain().start();
    refusing = false;
    const next = newDrain();
    expect(next.on).toBe(true);
    expect(refusing).toBe(true);
    next.close();
    expect(existsSync(file)).toBe(false);
    expect(newDrain().on).toBe(false);
  });
});
