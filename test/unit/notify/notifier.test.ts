import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { StreamNotifier } from '../../../src/notify/notifier.js';
import { parseTarget } from '../../../src/notify/stream-target.js';

type Listener = { text: string; readonly connections: Socket[]; readonly path: string };

function path(): string {
  const directory = mkdtempSync(join(tmpdir(), 'notify-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return join(directory, 'target');
}

async function listening(at = path()): Promise<Listener> {
  const listener: Listener = { text: '', connections: [], path: at };
  const server = createServer((connection) => {
    listener.connections.push(connection);
    connection.on('data', (chunk) => {
      listener.text += String(chunk);
    });
    connection.on('error', () => {});
  }).listen(at);
  onTestFinished(() => {
    for (const connection of listener.connections) connection.destroy();
    server.close();
  });
  await once(server, 'listening');
  return listener;
}

function notifier() {
  const dropped: { target: string; reason: string; notices: number }[] = [];
  const made = new StreamNotifier({
    noticeSent() {},
    noticesDropped: (target, reason, notices) => void dropped.push({ target, reason, notices }),
  });
  onTestFinished(() => made.close());
  return { made, dropped };
}

describe('targets', () => {
  test.each([
    ['unix:/run/x', { path: '/run/x' }],
    ['tcp:127.0.0.1:99', { host: '127.0.0.1', port: 99 }],
    ['tcp:[::1]:99', { host: '::1', port: 99 }],
    ['unix:', undefined],
    ['tcp:host', undefined],
    ['tcp:host:0', undefined],
    ['xmlrpc:http://x', undefined],
  ])('%s', (target, destination) => expect(parseTarget(target)).toEqual(destination));
});

describe('the notifier', () => {
  test('writes lines, in order, on one connection', async () => {
    const listener = await listening();
    const { made } = notifier();
    const lines = Array.from({ length: 200 }, (_, index) => `T${index}`);
    for (const line of lines) made.notify(`unix:${listener.path}`, line, 'c');
    await expect.poll(() => listener.text).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(listener.connections).toHaveLength(1);
  });

  test('connects anew when the listener has closed', async () => {
    const listener = await listening();
    const { made } = notifier();
    made.notify(`unix:${listener.path}`, 'one', 'c');
    await expect.poll(() => listener.text).toBe('one\n');
    const [first] = listener.connections;
    first?.destroy();
    await expect.poll(() => first?.destroyed).toBe(true);
    await expect
      .poll(() => {
        made.notify(`unix:${listener.path}`, 'more', 'c');
        return listener.text;
      })
      .toContain('more\n');
    expect(listener.connections).toHaveLength(2);
  });

  test('waits for a listener that comes soon', async () => {
    const at = path();
    const { made, dropped } = notifier();
    made.notify(`unix:${at}`, 'early', 'c');
    const listener = await listening(at);
    await expect.poll(() => listener.text, { timeout: 3000 }).toBe('early\n');
    expect(dropped).toEqual([]);
  });

  test('a dead target drops and counts its notices, and delays no other', async () => {
    const listener = await listening();
    const dead = path();
    const { made, dropped } = notifier();
    for (let index = 0; index < 1005; index += 1) made.notify(`unix:${dead}`, 'lost', 'c');
    made.notify(`unix:${listener.path}`, 'arrives', 'c');
    await expect.poll(() => listener.text).toBe('arrives\n');
    const count = () => dropped.reduce((sum, { notices }) => sum + notices, 0);
    expect(count()).toBe(5);
    await expect.poll(count, { timeout: 4000 }).toBe(1005);
    expect(existsSync(dead)).toBe(false);
    // And it is tried again when there is something new to say.
    const late = await listening(dead);
    made.notify(`unix:${dead}`, 'again', 'c');
    await expect.poll(() => late.text).toBe('again\n');
  });

  test('what is no stream is dropped with a reason', () => {
    const { made, dropped } = notifier();
    made.notify('xmlrpc:http://x', 'x', 'c');
    expect(dropped).toEqual([{ target: 'xmlrpc:http://x', reason: 'not a stream target', notices: 1 }]);
  });
});
