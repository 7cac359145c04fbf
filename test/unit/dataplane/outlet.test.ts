import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outlet } from '../../../src/dataplane/outlet.js';
import { eventually } from '../../support/eventually.js';

let directory: string;
let server: Server;
let near: Socket;
let far: Socket;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'outlet-test-'));
  const path = join(directory, 'socket');
  const accepted = new Promise<Socket>((resolve) => {
    server = createServer(resolve);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  near = createConnection({ path });
  far = await accepted;
});

afterEach(async () => {
  near.destroy();
  far.destroy();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

function reading(socket: Socket): { bytes(): Buffer } {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { bytes: () => Buffer.concat(chunks) };
}

test('whatever the other side is slow to take arrives whole and in order', async () => {
  const outlet = new Outlet(near);
  const parts = Array.from({ length: 64 }, (_, part) => Buffer.alloc(64 * 1024, part));
  for (const part of parts) outlet.write(part);
  const heard = reading(far);
  await eventually(() => expect(heard.bytes().length).toBe(64 * 64 * 1024));
  expect(heard.bytes().equals(Buffer.concat(parts))).toBe(true);
});

test('what is left when the socket closes is forgotten', async () => {
  const outlet = new Outlet(near);
  for (let part = 0; part < 64; part++) outlet.write(Buffer.alloc(64 * 1024));
  const closed = new Promise((resolve) => near.once('close', resolve));
  near.on('error', () => {});
  near.resume();
  far.destroy();
  await closed;
  expect(() => outlet.write(Buffer.from('more'))).not.toThrow();
});
