import { createServer } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { at } from '../support/loopback-call.js';
import { overStream, RtpproxyClient } from '../support/rtpproxy-client.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

type Node = { readonly tandem: Tandem; readonly client: RtpproxyClient; readonly directory: string };

async function start(settings: readonly string[] = []): Promise<Node> {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-rtpproxy-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const control = loopbackAddress();
  const port = await freePort(control);
  const listen = [`udp:${control}:${port}`, `unix:${directory}/once.sock`, `cunix:${directory}/lines.sock`];
  const tandem = await Tandem.start({ settings: [`listen.rtpproxy=${listen.join(';')}`, ...settings] });
  return { tandem, client: new RtpproxyClient(control, port), directory };
}

function aim(peer: RtpPeer, reply: string): void {
  const [port, address] = reply.split(' ');
  peer.aim(`c=IN IP4 ${address}\r\nm=audio ${port}`);
}

/** A call as Kamailio's module makes one. */
class PairCall {
  readonly id: string;
  readonly client: RtpproxyClient;
  readonly caller: RtpPeer;
  readonly callee: RtpPeer;

  private constructor(id: string, client: RtpproxyClient, caller: RtpPeer, callee: RtpPeer) {
    this.id = id;
    this.client = client;
    this.caller = caller;
    this.callee = callee;
  }

  static async setUp(client: RtpproxyClient, id: string, notice = ''): Promise<PairCall> {
    const call = new PairCall(id, client, await RtpPeer.open(), await RtpPeer.open());
    const { caller, callee } = call;
    aim(callee, await client.command(`Uc0,101 ${id} ${caller.address} ${caller.port} f;1${notice}`));
    aim(caller, await client.command(`Lc0 ${id} ${callee.address} ${callee.port} f;1 t;1`));
    return call;
  }

  async talks(packets = 5): Promise<void> {
    const [atCaller, atCallee] = [this.caller.received.length, this.callee.received.length];
    this.caller.send(packets);
    this.callee.send(packets);
    await Promise.all([this.caller.hears(atCaller + packets), this.callee.hears(atCallee + packets)]);
  }
}

test('a call is relayed both ways, counted, and deleted', async () => {
  const { tandem, client } = await start();
  const call = await PairCall.setUp(client, 'plain;z9hG4bK1');
  await call.talks(20);
  expect(await client.command('Q plain;z9hG4bK1 f;1 t;1')).toMatch(/^(60|5\d) 20 20 40 0$/);
  expect(await client.command('Qv plain;z9hG4bK1 t;1 f;1 npkts_ina rtpa_nrcvd rtpa_nlost')).toBe(
    'npkts_ina=20 rtpa_nrcvd=20 rtpa_nlost=0',
  );
  expect(await client.command('D plain;z9hG4bK1 f t')).toBe('0');
  expect(await client.command('D plain;z9hG4bK1 f t')).toBe('E50');
  await tandem.control.printed(/call ended/);
});

test('clients of ng see the call, and its packets', async () => {
  const { tandem, client } = await start();
  const call = await PairCall.setUp(client, 'seen');
  await call.talks();
  expect(await tandem.ng.command({ command: 'list' })).toMatchObject({ calls: ['seen'] });
  const statistics = await tandem.ng.command({ command: 'query', 'call-id': 'seen' });
  expect(at(statistics, 'totals', 'RTP', 'packets')).toBe(10);
  expect(Object.keys(at(statistics, 'tags') as object).sort()).toEqual(['f', 't']);
  await tandem.ng.command({ command: 'delete', 'call-id': 'seen', 'delete-delay': 0 });
  expect(await client.command('Q seen f;1 t;1')).toBe('E50');
});

test('RTCP goes the way of its RTP', async () => {
  const { client } = await start();
  const call = await PairCall.setUp(client, 'rtcp');
  await call.talks();
  call.caller.sendRaw(Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 7]), 1);
  await expect.poll(() => call.callee.rtcpReceived.length).toBe(1);
});

test('fax, handshakes and multiplexed RTCP go through as well: no SDP says what the parties use', async () => {
  const { client } = await start();
  const call = await PairCall.setUp(client, 'anything');
  const [fax, handshake, report] = [Buffer.alloc(20, 0x01), Buffer.alloc(20, 0x16), Buffer.alloc(20, 0)];
  report.set([0x80, 201, 0, 4]);
  for (const packet of [fax, handshake, report]) call.caller.sendRaw(packet);
  await expect.poll(() => call.callee.muxedRtcp).toEqual([report]);
  expect(call.callee.received.map(({ payload }) => payload)).toEqual(
    [fax, handshake].map((packet) => packet.subarray(12)),
  );
  await call.talks();
});

test('a re-INVITE of the callee keeps the ports, and moves the caller', async () => {
  const { client } = await start();
  const call = await PairCall.setUp(client, 'again');
  await call.talks();
  const moved = await RtpPeer.open();
  const toCaller = await client.command(`U again ${call.callee.address} ${call.callee.port} t;1 f;1`);
  const toCallee = await client.command(`L again ${moved.address} ${moved.port} t;1 f;1`);
  aim(moved, toCaller);
  aim(call.callee, toCallee);
  moved.send(5);
  call.callee.send(5);
  await Promise.all([moved.hears(5), call.callee.hears(10)]);
});

test('requests come over Unix sockets, one a connection or in lines', async () => {
  const { directory } = await start();
  expect(await overStream({ path: `${directory}/once.sock` }, 'V')).toBe('20040107\n');
  expect(await overStream({ path: `${directory}/once.sock` }, 'VF 20050322\n')).toBe('1\n');
  // Two lines in one write are one command with too many words.
  expect(await overStream({ path: `${directory}/once.sock` }, 'V\nV\n')).toBe('E1\n');
  expect(await overStream({ path: `${directory}/lines.sock` }, 'V\nVF 1\nV\n', 3)).toBe(
    '20040107\n0\n20040107\n',
  );
});

test('a call survives the control plane', async () => {
  const { tandem, client } = await start();
  const call = await PairCall.setUp(client, 'survivor');
  await call.talks();
  await tandem.control.kill('SIGKILL');
  tandem.startControl();
  await call.talks();
  await tandem.ready();
  expect(await client.command('Q survivor f;1 t;1')).toMatch(/^(60|5\d) 10 10 20 0$/);
  expect(await client.command('D survivor f t')).toBe('0');
});

test('the target of a call whose media died is told, once for all its media', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-notice-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  let heard = '';
  const listener = createServer((connection) => {
    connection.on('data', (chunk) => {
      heard += chunk.toString('latin1');
    });
    onTestFinished(() => void connection.destroy());
  }).listen(`${directory}/notices`);
  onTestFinished(() => void listener.close());
  await once(listener, 'listening');
  const target = `unix:${directory}/notices`;
  const { client } = await start([`rtpproxy.notify=${target}`, 'timeouts.mediaSeconds=3']);
  await PairCall.setUp(client, 'dead', ` ${directory}/notices half%2Bdone`);
  await client.command(`U dead 127.0.0.1 4000 f;2 ${target} half%2Bdone`);
  await expect.poll(() => heard).toBe('half+done\n');
  expect(await client.command('D dead f t')).toBe('E50');
});
