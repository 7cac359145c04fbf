import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LoadLimits } from '../../../src/command/load.js';
import { newCounters } from '../../../src/observability/counters.js';
import { createEvents } from '../../../src/observability/events.js';
import { createLogger } from '../../../src/observability/logger.js';
import { linuxLoad } from '../../../src/service/host-load.js';
import { LoadWatch } from '../../../src/service/load-watch.js';
import { DataPlaneError } from '../../../src/service/ports.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';

const OFF: LoadLimits = { cpuPercent: null, loadAverage: null, bytesPerSecond: null };

/** A host whose `/proc` and media traffic are what the test says. */
class Host {
  readonly files: Record<string, string> = {
    '/proc/loadavg': '0.10 0.10 0.10 1/100 4711\n',
    '/proc/stat': stat(0, 0),
  };
  readonly asked: string[] = [];
  sentBytes = 0;
  isAway = false;
  now = 0;
  changes = 0;
  readonly log: string[] = [];
  readonly watch: LoadWatch;

  constructor(limits: Partial<LoadLimits>) {
    const logger = createLogger({ level: 'info', format: 'text' }, { write: (line) => this.#write(line) });
    this.watch = new LoadWatch({
      limits: { ...OFF, ...limits },
      host: linuxLoad(async (path) => this.#read(path)),
      dataPlane: { status: () => this.#status() },
      clock: { now: () => this.now },
      events: createEvents(logger, newCounters()),
      changed: () => {
        this.changes += 1;
      },
    });
  }

  /** A second passes. */
  async second(more: { load?: number; busy?: number; idle?: number; bytes?: number } = {}): Promise<void> {
    this.now += 1_000;
    this.sentBytes += more.bytes ?? 0;
    if (more.load !== undefined)
      this.files['/proc/loadavg'] = `${more.load.toFixed(2)} 9.99 9.99 1/100 4711\n`;
    if (more.busy !== undefined) {
      this.#busy += more.busy;
      this.#idle += more.idle ?? 0;
      this.files['/proc/stat'] = stat(this.#busy, this.#idle);
    }
    await this.watch.look();
  }

  #busy = 0;
  #idle = 0;

  #read(path: string): string {
    this.asked.push(path);
    const text = this.files[path];
    if (text === undefined) throw new Error(`ENOENT: ${path}`);
    return text;
  }

  async #status() {
    this.asked.push('status');
    if (this.isAway) throw new DataPlaneError({ code: 'disconnected' });
    const status = await new FakeDataPlane().status();
    return { ...status, counters: { ...status.counters, sentBytes: this.sentBytes } };
  }

  #write(line: string): void {
    this.log.push(line.trim().split(' ').slice(1).join(' '));
  }
}

/** Ticks of everything but idling are spread, those of guests counted twice, as Linux does it. */
function stat(busy: number, idle: number): string {
  return `cpu  ${busy} 0 0 ${idle} 0 0 0 0 ${busy} 0\ncpu0 ${busy} 0 0 ${idle} 0 0 0 0 0 0\nintr 1\n`;
}

describe('a limit of the load average', () => {
  test('is exceeded as long as the host has more, and each change is told once', async () => {
    const host = new Host({ loadAverage: 2.5 });
    await host.second({ load: 2.5 });
    expect(host.watch.exceeded).toEqual([]);
    await host.second({ load: 2.51 });
    await host.second({ load: 7 });
    expect(host.watch.exceeded).toEqual(['loadAverage']);
    await host.second({ load: 2 });
    expect(host.watch.exceeded).toEqual([]);
    expect(host.changes).toBe(2);
    expect(host.log).toEqual([
      'warn too much load: new calls are refused limit=loadAverage value=2.51 allowed=2.5',
      'info no longer too much load limit=loadAverage value=2 allowed=2.5',
    ]);
  });
});

describe('a limit of processor time', () => {
  test('is about the time since the look before', async () => {
    const host = new Host({ cpuPercent: 70 });
    await host.second({ busy: 1_000_000, idle: 0 });
    expect(host.watch.exceeded).toEqual([]);
    await host.second({ busy: 70, idle: 30 });
    expect(host.watch.exceeded).toEqual([]);
    await host.second({ busy: 71, idle: 29 });
    expect(host.watch.exceeded).toEqual(['cpuPercent']);
    await host.second({ busy: 0, idle: 100 });
    expect(host.watch.exceeded).toEqual([]);
  });

  test('counts what waits for disks as idle, and interrupts and stolen time as busy', async () => {
    const host = new Host({ cpuPercent: 50 });
    const look = async (times: string): Promise<boolean> => {
      host.files['/proc/stat'] = `cpu  ${times}\n`;
      await host.second();
      return host.watch.exceeded.length > 0;
    };
    await look('0 0 0 0 0 0 0 0');
    expect(await look('0 0 0 0 100 0 0 0')).toBe(false);
    expect(await look('10 10 10 0 149 10 10 10')).toBe(true);
    // Only what every kernel has.
    await look('0 0 0 0');
    expect(await look('0 0 60 40')).toBe(true);
  });

  test('says nothing while no time passes, or times run backwards', async () => {
    const host = new Host({ cpuPercent: 1 });
    await host.second({ busy: 500, idle: 0 });
    await host.second();
    await host.second({ busy: -400, idle: 0 });
    expect(host.watch.exceeded).toEqual([]);
  });
});

describe('a limit of bandwidth', () => {
  test('is about what was sent since the look before, not what a data plane has sent ever', async () => {
    const host = new Host({ bytesPerSecond: 1_000 });
    await host.second({ bytes: 1_000_000_000 });
    expect(host.watch.exceeded).toEqual([]);
    await host.second({ bytes: 1_000 });
    expect(host.watch.exceeded).toEqual([]);
    await host.second({ bytes: 1_001 });
    expect(host.watch.exceeded).toEqual(['bytesPerSecond']);
    host.now += 1_000;
    await host.second({ bytes: 1_900 });
    expect(host.watch.exceeded).toEqual([]);
  });

  test('begins anew with another data plane, and does not apply while there is none', async () => {
    const host = new Host({ bytesPerSecond: 1_000 });
    await host.second({ bytes: 50_000 });
    await host.second({ bytes: 50_000 });
    expect(host.watch.exceeded).toEqual(['bytesPerSecond']);
    host.isAway = true;
    await host.second();
    expect(host.watch.exceeded).toEqual([]);
    host.isAway = false;
    host.sentBytes = 0;
    await host.second({ bytes: 9_000 });
    await host.second({ bytes: 900 });
    expect(host.watch.exceeded).toEqual([]);
    host.sentBytes = 0;
    await host.second({ bytes: 900 });
    expect(host.watch.exceeded).toEqual([]);
    expect(host.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });
});

describe('several limits', () => {
  test('hold side by side, and calls are admitted again after the last one', async () => {
    const host = new Host({ cpuPercent: 50, loadAverage: 1, bytesPerSecond: 10 });
    await host.second({ busy: 0, idle: 100, load: 5 });
    await host.second({ busy: 90, idle: 10, bytes: 11 });
    expect(host.watch.exceeded).toEqual(['cpuPercent', 'loadAverage', 'bytesPerSecond']);
    await host.second({ busy: 0, idle: 100, load: 0.5 });
    expect(host.watch.exceeded).toEqual([]);
    expect(host.changes).toBe(2);
    expect(host.log).toHaveLength(6);
  });

  test('that are off are not measured', async () => {
    const host = new Host({ loadAverage: 1 });
    await host.second({ load: 3 });
    expect(host.asked).toEqual(['/proc/loadavg']);
    host.watch.adjust(OFF);
    expect(host.watch.exceeded).toEqual([]);
    await host.second({ load: 3 });
    expect(host.asked).toHaveLength(1);
  });

  test('that are set later hold at once for what was measured last', async () => {
    const host = new Host({ loadAverage: 10 });
    await host.second({ load: 3 });
    host.watch.adjust({ ...OFF, loadAverage: 2 });
    expect(host.watch.exceeded).toEqual(['loadAverage']);
    expect(host.changes).toBe(1);
    host.watch.adjust({ ...OFF, loadAverage: 4, cpuPercent: 50 });
    expect(host.watch.exceeded).toEqual([]);
    await host.second({ load: 3, busy: 1, idle: 9 });
    await host.second({ busy: 9, idle: 1 });
    expect(host.watch.exceeded).toEqual(['cpuPercent']);
  });
});

describe('what cannot be measured', () => {
  test.each([
    ['loadAverage', '/proc/loadavg', ''],
    ['loadAverage', '/proc/loadavg', 'junk\n'],
    ['loadAverage', '/proc/loadavg', '-1.0 0 0\n'],
    ['loadAverage', '/proc/loadavg', '1e9 0 0\n'],
    ['cpuPercent', '/proc/stat', ''],
    ['cpuPercent', '/proc/stat', 'cpu  1 2 3\n'],
    ['cpuPercent', '/proc/stat', 'cpu  1 2 3 x\n'],
    ['cpuPercent', '/proc/stat', 'cpu0 1 2 3 4\n'],
    ['cpuPercent', '/proc/stat', 'cpu  \n'],
  ] as const)('has no limit, which is told once: %s of %s %j', async (limit, path, junk) => {
    const host = new Host({ [limit]: 1 });
    host.files[path] = junk;
    for (const _ of [1, 2, 3]) await host.second();
    expect(host.watch.exceeded).toEqual([]);
    expect(host.log).toEqual([
      expect.stringContaining(`error load cannot be measured: its limit does not apply limit=${limit}`),
    ]);
  });

  test('has none where there is no such file, and has one again when there is', async () => {
    const host = new Host({ loadAverage: 1, bytesPerSecond: 10 });
    await host.second({ load: 2 });
    delete host.files['/proc/loadavg'];
    await host.second({ bytes: 11 });
    expect(host.watch.exceeded).toEqual(['bytesPerSecond']);
    await host.second({ load: 2 });
    expect(host.watch.exceeded).toEqual(['loadAverage']);
    delete host.files['/proc/loadavg'];
    await host.second();
    expect(host.log.filter((line) => line.startsWith('error'))).toHaveLength(2);
  });
});

describe('the watch', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('looks once a second until it is closed', async () => {
    const host = new Host({ loadAverage: 1 });
    host.watch.start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(host.asked).toHaveLength(10);
    host.watch.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(host.asked).toHaveLength(10);
  });
});
