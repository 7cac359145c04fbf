import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { sdpOf } from '../support/loopback-call.js';
import { ngExchange } from '../support/loopback-ng.js';
import { until } from '../support/netns-until.js';
import { webSocketNgClient } from '../support/ng-over-http.js';
import { createNgClient, type NgClient } from '../support/oracle-ng-client.js';
import { listenForPushes } from '../support/push-listener.js';
import { childrenOf, SupervisedTandem } from '../support/supervised.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

// How long each half may take, and that the sum is below a second, is tested in virtual time: `ending.rs`.
const CALLS = 250;

describe('with calls, connections and listeners open', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the program with status 0', async (signal) => {
    const tandem = await busy();
    const children = childrenOf(tandem.process.pid);
    tandem.process.signal(signal);
    await expectEnded(tandem, children);
  });

  test.each([
    ['the data plane', ['tandem-dataplane'], 2_000],
    ['the control plane', ['main.js'], CALLS],
    ['both halves', ['tandem-dataplane', 'main.js'], CALLS],
  ] as const)('it ends with status 0 with %s frozen', async (_, frozen, calls) => {
    const tandem = await busy(calls);
    const children = childrenOf(tandem.process.pid);
    for (const half of frozen) process.kill(tandem.pidOf(half), 'SIGSTOP');
    tandem.process.signal('SIGTERM');
    await expectEnded(tandem, children);
  });

  test('the control plane ends by itself, and so does the data plane', async () => {
    const { address, ports, settings } = await listeners();
    const tandem = await Tandem.start({ settings });
    await open(tandem.ng, { address, ports });
    tandem.control.signal('SIGTERM');
    expect(await tandem.control.exited()).toEqual({ code: 0, signal: null });
    tandem.dataPlane.signal('SIGTERM');
    expect(await tandem.dataPlane.exited()).toEqual({ code: 0, signal: null });
  });

  test('the control plane ends by itself while a frozen data plane owes it replies', async () => {
    const { address, ports, settings } = await listeners();
    const tandem = await Tandem.start({ settings });
    await open(tandem.ng, { address, ports });
    tandem.dataPlane.signal('SIGSTOP');
    const once = createNgClient(ngExchange(tandem.address, tandem.ngPort, { times: 1 }));
    const waiting = once.command(offer('waits'));
    tandem.control.signal('SIGTERM');
    expect(await tandem.control.exited()).toEqual({ code: 0, signal: null });
    await waiting.catch(() => undefined);
  });
});

async function busy(calls = CALLS): Promise<SupervisedTandem> {
  const { address, ports, settings } = await listeners();
  const tandem = await SupervisedTandem.start(settings);
  await open(tandem.ng, { address, ports, calls });
  return tandem;
}

type Listening = {
  readonly address: string;
  readonly ports: { readonly ngTcp: number; readonly http: number };
};

async function listeners() {
  const address = loopbackAddress();
  const ports = { ngTcp: await freePort(address), http: await freePort(address) };
  const settings = [`listen.ngTcp=${address}:${ports.ngTcp}`, `listen.http=${address}:${ports.http}`];
  return { address, ports, settings };
}

/** Calls, clients in the middle of a request, a WebSocket, one that waits for pushes, and a listener to events. */
async function open(
  ng: NgClient,
  { address, ports, calls = CALLS }: Listening & { readonly calls?: number },
): Promise<void> {
  const { events } = await listenForPushes(address, ports);
  // The connection breaks when the program ends.
  void events?.read().catch(() => undefined);
  for (const [port, beginning] of [
    [ports.ngTcp, '1 d7:command'],
    [ports.http, POST],
  ] as const) {
    const hesitant = connect(port, address);
    hesitant.on('error', () => {});
    onTestFinished(() => void hesitant.destroy());
    hesitant.write(beginning);
  }
  const webSocket = await webSocketNgClient(`http://${address}:${ports.http}`);
  webSocket.socket.on('error', () => {});
  for (let number = 0; number < calls; number += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, at) => setUp(ng, `call-${number + at}`)));
  }
}

async function setUp(ng: NgClient, callId: string): Promise<void> {
  await sdpOf(ng, offer(callId));
  await sdpOf(ng, { ...offer(callId), command: 'answer', 'to-tag': 'b' });
}

function offer(callId: string) {
  return { command: 'offer', 'call-id': callId, 'from-tag': 'a', sdp: SDP, flags: [] };
}

async function expectEnded({ process: supervisor }: SupervisedTandem, children: readonly number[]) {
  expect(children).toHaveLength(2);
  expect(await supervisor.exited()).toEqual({ code: 0, signal: null });
  for (const pid of children)
    await until(`the end of ${pid}`, () => (existsSync(`/proc/${pid}`) ? undefined : true));
}

const POST =
  'POST /ng HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-rtpengine-ng\r\nContent-Length: 20\r\n\r\n1 d7:';
const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
