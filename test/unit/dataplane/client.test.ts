import { mkdtempSync, rmSync, stat } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DataPlaneClient } from '../../../src/dataplane/client.js';
import { encodeFrame, FrameDecoder } from '../../../src/dataplane/framing.js';
import {
  type Event,
  FINGERPRINT,
  type FromDataPlane,
  type Request,
  type Response,
  type SessionPlan,
  type ToDataPlane,
} from '../../../src/dataplane/protocol.gen.js';
import { DataPlaneError } from '../../../src/service/ports.js';
import { WITHOUT_INTERFACES } from '../../support/fake-data-plane.js';
import { eventually } from '../../support/eventually.js';

type Answer = Response | { error: Extract<FromDataPlane, { kind: 'error' }>['error'] } | undefined;

/** The other end of the socket, with scripted answers. */
class ScriptedDataPlane {
  readonly requests: Request[] = [];
  seen = 0;
  readonly sockets = new Set<Socket>();
  answer: (request: Request) => Answer = () => undefined;
  #server: Server | undefined;
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async listen(): Promise<void> {
    this.#server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve) => this.#server?.listen(this.path, resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
    this.#server = undefined;
  }

  event(seq: number, event: Event): void {
    this.sends({ kind: 'event', seq, event });
  }

  sends(message: FromDataPlane): void {
    for (const socket of this.sockets) socket.write(encodeFrame(message));
  }

  #accept(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    const decoder = new FrameDecoder();
    socket.on('data', (chunk) => {
      for (const message of decoder.push(chunk)) {
        const { id, seen, request } = message as ToDataPlane;
        this.seen = seen;
        this.requests.push(request);
        const answer =
          request.kind === 'hello'
            ? { kind: 'hello' as const, boot: 'b1', sessions: 0 }
            : this.answer(request);
        if (answer === undefined) continue;
        if ('error' in answer) socket.write(encodeFrame({ kind: 'error', id, error: answer.error }));
        else socket.write(encodeFrame({ kind: 'ok', id, response: answer }));
      }
    });
  }
}

const PLAN: SessionPlan = {
  session: 'call-1',
  revision: 1,
  memo: '',
  tos: 0,
  timeouts: { mediaMs: 1, silentMs: 1, offerMs: 1, firstPacketMs: null },
  streams: [],
  reportTelephoneEvents: false,
  routes: [],
};

const FOREIGN: Event = { kind: 'noFirstPacket', session: 'call-1', revision: 1, stream: 1 };

let directory: string;
let dataPlane: ScriptedDataPlane;
let client: DataPlaneClient;
const listener = {
  connected: vi.fn(),
  disconnected: vi.fn(),
  event: vi.fn(),
  repeated: vi.fn(),
  datagram: vi.fn(),
};

beforeEach(() => {
  vi.resetAllMocks();
  directory = mkdtempSync(join(tmpdir(), 'client-test-'));
  dataPlane = new ScriptedDataPlane(join(directory, 'socket'));
  client = newClient();
});

/** Waits longer than a test unless told otherwise. */
function newClient(limits = { responseMs: 60_000, reconnectMs: 60_000 }): DataPlaneClient {
  const timing = { ...limits, firstRetryMs: 5, lastRetryMs: 20 };
  return new DataPlaneClient({ path: dataPlane.path, node: 'test', listener, timing });
}

afterEach(async () => {
  client.close();
  await dataPlane.close();
  rmSync(directory, { recursive: true });
});

async function connected(): Promise<void> {
  await dataPlane.listen();
  client.start();
  await eventually(() => expect(listener.connected).toHaveBeenCalled());
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof DataPlaneError ? error.detail.code : String(error);
}

describe('the connection to the data plane', () => {
  test('opens with the fingerprint of the schema', async () => {
    await connected();
    expect(dataPlane.requests).toEqual([
      { kind: 'hello', fingerprint: FINGERPRINT, node: 'test', position: null },
    ]);
    expect(listener.connected).toHaveBeenCalledWith('b1', 0);
  });

  test('gives each request its own response, in whatever order they come', async () => {
    await connected();
    dataPlane.answer = (request) =>
      request.kind === 'apply'
        ? { kind: 'applied', bound: [{ local: 1, port: request.plan.revision }] }
        : undefined;
    const ports = await Promise.all([7, 8, 9].map((revision) => client.apply({ ...PLAN, revision })));
    expect(ports.map((bound) => bound[0]?.port)).toEqual([7, 8, 9]);
  });

  test('passes on why a request was refused', async () => {
    await connected();
    dataPlane.answer = () => ({ error: { code: 'portBusy', address: '127.0.0.1', port: 30000 } });
    await expect(client.apply(PLAN)).rejects.toMatchObject({ detail: { code: 'portBusy', port: 30000 } });
  });

  test('fails a request that gets no response', async () => {
    client.close();
    client = newClient({ responseMs: 150, reconnectMs: 60_000 });
    await connected();
    expect(await codeOf(client.apply(PLAN))).toBe('timeout');
  });

  test('fails what was sent when it breaks, and comes back', async () => {
    await connected();
    const outcome = codeOf(client.apply(PLAN));
    await eventually(() => expect(dataPlane.requests).toHaveLength(2));
    for (const socket of dataPlane.sockets) socket.destroy();
    expect(await outcome).toBe('disconnected');
    await eventually(() => expect(listener.connected).toHaveBeenCalledTimes(2));
    expect(listener.disconnected).toHaveBeenCalledTimes(1);
  });

  test('lets requests wait for it, behind those its listener makes', async () => {
    dataPlane.answer = (request) =>
      request.kind === 'apply' ? { kind: 'applied', bound: [] } : { kind: 'configured', certificates: [] };
    listener.connected.mockImplementation(() => {
      void client.configure(WITHOUT_INTERFACES);
    });
    const applied = client.apply(PLAN);
    await connected();
    await applied;
    expect(dataPlane.requests.map(({ kind }) => kind)).toEqual(['hello', 'configure', 'apply']);
  });

  test('reads to the end what a data plane has said before it died, whatever is sent to it meanwhile', async () => {
    await connected();
    // Within one turn of the event loop nothing is read before the request goes out.
    await new Promise((resolve) => stat(directory, resolve));
    const outcome = codeOf(client.apply(PLAN));
    dataPlane.event(1, FOREIGN);
    for (const socket of dataPlane.sockets) socket.destroy();
    expect(await outcome).toBe('disconnected');
    expect(listener.event).toHaveBeenCalledWith(FOREIGN);
  });

  test('fails requests that waited too long for it', async () => {
    client.close();
    client = newClient({ responseMs: 60_000, reconnectMs: 300 });
    client.start();
    expect(await codeOf(client.status())).toBe('disconnected');
  });

  test('fails everything when it is closed', async () => {
    await connected();
    const outcome = codeOf(client.status());
    client.close();
    expect(await outcome).toBe('disconnected');
    expect(await codeOf(client.status())).toBe('disconnected');
  });

  test('is given up and made anew when an event is missing', async () => {
    await connected();
    dataPlane.event(4, FOREIGN);
    dataPlane.event(5, FOREIGN);
    await eventually(() => expect(listener.event).toHaveBeenCalledTimes(2));
    dataPlane.event(7, FOREIGN);
    await eventually(() => expect(listener.connected).toHaveBeenCalledTimes(2));
    expect(listener.event).toHaveBeenCalledTimes(2);
  });

  test('reads sessions page by page', async () => {
    await connected();
    dataPlane.answer = (request) => {
      if (request.kind !== 'list') return undefined;
      const session = request.after === null ? 'a' : 'b';
      return { kind: 'sessions', plans: [{ ...PLAN, session }], more: session === 'a' };
    };
    expect((await client.list()).map(({ session }) => session)).toEqual(['a', 'b']);
  });
});

describe('what the data plane does by patterns', () => {
  const repeated = (seq: number): FromDataPlane => ({
    kind: 'repeated',
    seq,
    pattern: 1,
    micros: 9,
    values: `1 call-${seq}`,
  });

  test('is told in order, and each request says how much of it was known', async () => {
    await connected();
    dataPlane.answer = () => ({ kind: 'released', stats: null });
    dataPlane.sends(repeated(41));
    dataPlane.sends(repeated(42));
    await eventually(() => expect(listener.repeated).toHaveBeenCalledTimes(2));
    expect(listener.repeated).toHaveBeenLastCalledWith({ pattern: 1, micros: 9, values: '1 call-42' });
    await client.release('call-1');
    expect(dataPlane.seen).toBe(42);
  });

  test('is continued where it was left when the connection comes back', async () => {
    await connected();
    dataPlane.sends(repeated(1));
    await eventually(() => expect(listener.repeated).toHaveBeenCalledTimes(1));
    for (const socket of dataPlane.sockets) socket.destroy();
    await eventually(() => expect(listener.connected).toHaveBeenCalledTimes(2));
    expect(dataPlane.requests.at(-1)).toMatchObject({ kind: 'hello', position: { boot: 'b1', seq: 1 } });
  });

  test('must not have a gap: the connection begins anew', async () => {
    await connected();
    dataPlane.sends(repeated(1));
    dataPlane.sends(repeated(3));
    await eventually(() => expect(listener.connected).toHaveBeenCalledTimes(2));
    expect(listener.repeated).toHaveBeenCalledTimes(1);
  });
});

test('datagrams of clients go to and fro byte by byte', async () => {
  await connected();
  const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
  dataPlane.sends({ kind: 'datagram', socket: 1, from: '192.0.2.1:5060', bytes });
  await eventually(() =>
    expect(listener.datagram).toHaveBeenCalledWith({ socket: 1, client: '192.0.2.1:5060', bytes }),
  );
  client.send({ socket: 1, client: '192.0.2.1:5060', bytes });
  await eventually(() =>
    expect(dataPlane.requests.at(-1)).toEqual({ kind: 'send', socket: 1, to: '192.0.2.1:5060', bytes }),
  );
});
