import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GraphiteSender } from '../../../src/graphite/sender.js';

/** The listener's end of a connection, as far as the sender sees it. */
class Connection extends Duplex {
  readonly read_: string[] = [];
  isReading = true;
  readonly #unread: (() => void)[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _: string, done: () => void): void {
    const read = (): void => {
      this.read_.push(String(chunk));
      done();
    };
    if (this.isReading) read();
    else this.#unread.push(read);
  }

  readOn(): void {
    this.isReading = true;
    for (const read of this.#unread.splice(0)) read();
  }

  setKeepAlive(): this {
    return this;
  }
}

let connections: Connection[];
let log: string[];
let sender: GraphiteSender;

beforeEach(() => {
  vi.useFakeTimers();
  connections = [];
  log = [];
  sender = new GraphiteSender({
    ...{ host: 'graphite', port: 2003, timeoutMs: 5_000 },
    open: () => {
      const connection = new Connection();
      connections.push(connection);
      return connection as unknown as Socket;
    },
    events: {
      graphiteConnected: (server, dropped) => void log.push(`connected ${server}, ${dropped} dropped`),
      graphiteLost: (server, reason) => void log.push(`lost ${server}: ${reason}`),
    },
  });
  sender.start();
});

afterEach(() => {
  sender.close();
  vi.useRealTimers();
});

function last(): Connection {
  const connection = connections.at(-1);
  if (connection === undefined) throw new Error('nobody has connected');
  return connection;
}

async function accept(): Promise<Connection> {
  last().emit('connect');
  await settled();
  return last();
}

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

describe('what is sent to Graphite', () => {
  test('is written as it comes', async () => {
    const connection = await accept();
    sender.send('a 1 1\n');
    sender.send('b 2 1\n');
    await settled();
    expect(connection.read_).toEqual(['a 1 1\n', 'b 2 1\n']);
    expect(log).toEqual(['connected graphite:2003, 0 dropped']);
  });

  test('waits for the first connection', async () => {
    sender.send('a 1 1\n');
    const connection = await accept();
    expect(connection.read_).toEqual(['a 1 1\n']);
  });

  test('waits while there is no connection, and follows when there is one again', async () => {
    (await accept()).destroy(new Error('reset'));
    await settled();
    sender.send('a 1 1\n');
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await accept()).read_).toEqual(['a 1 1\n']);
    expect(log).toEqual([
      'connected graphite:2003, 0 dropped',
      'lost graphite:2003: reset',
      'connected graphite:2003, 0 dropped',
    ]);
  });

  test('gives way to the newest when too much waits, and that is told', async () => {
    const text = `${'x'.repeat(100_000)}\n`;
    for (let at = 0; at < 8; at += 1) sender.send(`${at}${text}`);
    const connection = await accept();
    await settled();
    expect(log).toEqual(['connected graphite:2003, 3 dropped']);
    expect(connection.read_.map((one) => one[0])).toEqual(['3', '4', '5', '6', '7']);
  });

  test('goes elsewhere when a listener does not read, and no more than a little is held for it', async () => {
    const stuck = await accept();
    stuck.isReading = false;
    const text = `${'x'.repeat(20_000)}\n`;
    for (let at = 0; at < 100; at += 1) sender.send(text);
    expect(stuck.writableLength).toBeLessThan(50_000);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(stuck.destroyed).toBe(true);
    expect(log.at(-1)).toBe('lost graphite:2003: does not read');
  });

  test('waits for a listener that reads late, but in time', async () => {
    const slow = await accept();
    slow.isReading = false;
    sender.send('a 1 1\n');
    await vi.advanceTimersByTimeAsync(4_000);
    slow.readOn();
    await vi.advanceTimersByTimeAsync(4_000);
    slow.isReading = false;
    sender.send('b 2 2\n');
    await vi.advanceTimersByTimeAsync(4_000);
    slow.readOn();
    expect(slow.destroyed).toBe(false);
    expect(slow.read_).toEqual(['a 1 1\n', 'b 2 2\n']);
  });
});

describe('a connection', () => {
  test('that does not come is tried again after a second, and then ever less often, to once a minute', async () => {
    const pauses: number[] = [];
    for (let at = 0; at < 9; at += 1) {
      last().destroy(new Error('refused'));
      await settled();
      const before = connections.length;
      let waited = 0;
      while (connections.length === before) {
        await vi.advanceTimersByTimeAsync(1_000);
        waited += 1;
      }
      pauses.push(waited);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(log).toEqual(['lost graphite:2003: refused']);
  });

  test('that is not answered is given up in time', async () => {
    await vi.advanceTimersByTimeAsync(5_000);
    expect(last().destroyed).toBe(true);
    expect(log).toEqual(['lost graphite:2003: no connection in time']);
  });

  test('that has lasted is sought at once again when it is lost', async () => {
    for (const pause of [1_000, 2_000, 4_000]) {
      last().destroy();
      await vi.advanceTimersByTimeAsync(pause);
    }
    const connection = await accept();
    await vi.advanceTimersByTimeAsync(120_000);
    const before = connections.length;
    connection.destroy();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(connections.length).toBe(before + 1);
  });

  test('is not sought any more once it is closed', async () => {
    const connection = await accept();
    sender.close();
    await settled();
    sender.send('a 1 1\n');
    await vi.advanceTimersByTimeAsync(120_000);
    expect(connection.destroyed).toBe(true);
    expect(connections).toHaveLength(1);
    expect(log).toEqual(['connected graphite:2003, 0 dropped']);
  });
});
