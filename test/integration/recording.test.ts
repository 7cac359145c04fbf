import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished } from 'vitest';
import { testWithTshark } from '../support/dissector.js';
import { at, LoopbackCall } from '../support/loopback-call.js';
import { until } from '../support/netns-until.js';
import { onlyFile, type RecordedPacket, recordedPackets, recordingDirectory } from '../support/recorded.js';
import { mediaAddress, type RtpPeer } from '../support/rtp-peer.js';
import { RtpproxyClient } from '../support/rtpproxy-client.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

type Site = { readonly tandem: Tandem; readonly directory: string };

async function start(settings: readonly string[] = []): Promise<Site> {
  const directory = recordingDirectory();
  const tandem = await Tandem.start({ settings: [`recording.dir=${directory}`, ...settings] });
  return { tandem, directory };
}

/** What a party has sent, as a recording has to show it. */
function saidBy(peer: RtpPeer, told: string, from = 1): readonly RecordedPacket[] {
  const { address, port } = mediaAddress(told);
  const sequences = Array.from({ length: peer.sent - from + 1 }, (_, index) => from + index);
  return sequences.map((sequence) => ({
    ...{ from: `${peer.address}:${peer.port}`, to: `${address}:${port}` },
    sequence,
  }));
}

async function holds(file: string, wanted: readonly (readonly RecordedPacket[])[]): Promise<void> {
  const count = wanted.flat().length;
  const packets = await until(`${count} packets in ${file}`, () => {
    const found = recordedPackets(file);
    return found.length >= count ? found : undefined;
  });
  for (const said of wanted) {
    expect(packets.filter(({ from }) => from === said[0]?.from)).toEqual(said);
  }
  expect(packets).toHaveLength(count);
}

async function pcapOf({ directory }: Site): Promise<string> {
  return until('a recording', () => onlyFile(directory, 'pcaps'));
}

testWithTshark('a call with record-call is recorded from both parties, with the text beside it', async () => {
  const site = await start();
  const call = await LoopbackCall.setUp(site.tandem.ng, 'a b@rec', { 'record-call': 'yes', metadata: 'k:v' });
  await call.talks(20);
  expect(at(await call.query(), 'recording')).toEqual({ 'call recording': 1, forwarding: 0 });
  const pcap = await pcapOf(site);
  expect(pcap).toMatch(/\/pcaps\/a%20b%40rec-[0-9a-f]{16}\.pcap$/);
  await call.delete();

  await holds(pcap, [saidBy(call.caller, call.answered), saidBy(call.callee, call.offered)]);
  const text = readFileSync(await until('a text', () => onlyFile(site.directory, 'metadata')), 'latin1');
  expect(text.startsWith(`${pcap}\n\n\nTimestamp started ms: `)).toBe(true);
  expect(text).toContain(`SDP mode: offer\nSDP before RTP packet: 1\n\n${call.offered}`);
  expect(text).toContain(`SDP mode: answer\nSDP before RTP packet: 1\n\n${call.answered}`);
  expect(text).toMatch(/\ncall end time: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\n\n\nk:v\n$/);
  await site.tandem.control.printed(/recording ended .*outcome=complete .*packets=40 .*dropped=0/);
});

testWithTshark('the control plane is killed: the recording goes on, and is accounted for', async () => {
  const site = await start();
  const call = await LoopbackCall.setUp(site.tandem.ng, 'control', { 'record-call': 'yes' });
  await call.talks();
  await site.tandem.control.kill('SIGKILL');
  await call.talks();
  site.tandem.startControl();
  await site.tandem.ready();
  await call.talks();
  const pcap = await pcapOf(site);
  await call.delete();
  await holds(pcap, [saidBy(call.caller, call.answered), saidBy(call.callee, call.offered)]);
  await until('a text', () => onlyFile(site.directory, 'metadata'));
  await site.tandem.control.printed(/recording ended .*outcome=complete .*packets=30 /);
});

testWithTshark(
  'the data plane is killed: the recording goes on in its file, and says it is incomplete',
  async () => {
    const site = await start();
    const call = await LoopbackCall.setUp(site.tandem.ng, 'data', { 'record-call': 'yes' });
    await call.talks();
    const pcap = await pcapOf(site);
    // What is written is written; what is in memory when a process dies is lost.
    await holds(pcap, [saidBy(call.caller, call.answered), saidBy(call.callee, call.offered)]);
    await site.tandem.dataPlane.kill('SIGKILL');
    site.tandem.startDataPlane();
    await site.tandem.control.printed(/calls and data plane agree .*reapplied=1 /);
    await call.talks();
    await call.delete();
    await holds(pcap, [saidBy(call.caller, call.answered), saidBy(call.callee, call.offered)]);
    await site.tandem.control.printed(/recording ended .*outcome=incomplete .*packets=10 /);
  },
);

testWithTshark('a recording is paused, goes on, and stops; another one begins in another file', async () => {
  const site = await start();
  const call = await LoopbackCall.setUp(site.tandem.ng, 'commands');
  const record = async (command: string): Promise<void> => {
    expect(await site.tandem.ng.command({ command, 'call-id': 'commands' })).toEqual({ result: 'ok' });
  };
  await call.talks();
  await record('start recording');
  await call.talks();
  await record('pause recording');
  await call.talks();
  await record('start recording');
  await call.talks();
  const pcap = await pcapOf(site);
  await record('stop recording');
  await site.tandem.control.printed(/recording ended .*outcome=complete .*packets=20 /);
  await call.talks();
  const sequences = [...range(6, 10), ...range(16, 20)];
  const isRecorded = ({ sequence }: RecordedPacket) => sequences.includes(sequence);
  await holds(pcap, [
    saidBy(call.caller, call.answered).filter(isRecorded),
    saidBy(call.callee, call.offered).filter(isRecorded),
  ]);
});

testWithTshark(
  'calls that the data plane has answered by patterns are recorded when they are to be',
  async () => {
    const site = await start();
    const calls: LoopbackCall[] = [];
    for (let at = 0; at < 6; at += 1) calls.push(await LoopbackCall.setUp(site.tandem.ng, `pattern-${at}`));
    const [last] = calls.slice(-1);
    if (last === undefined) throw new Error('there are calls');
    await site.tandem.ng.command({ command: 'start recording', 'call-id': last.callId });
    await last.talks(10);
    const pcap = await pcapOf(site);
    await last.delete();
    await holds(pcap, [saidBy(last.caller, last.answered), saidBy(last.callee, last.offered)]);
    await site.tandem.control.printed(/recording ended .*outcome=complete .*packets=20 /);
  },
);

testWithTshark('start forwarding copies what a party says to the configured listener', async () => {
  const listener = createSocket('udp4');
  onTestFinished(() => void listener.close());
  const heard: number[] = [];
  listener.on('message', (packet) => heard.push(packet.readUInt32BE(8)));
  listener.bind(0, '127.0.0.1');
  await once(listener, 'listening');
  const site = await start([`recording.forwardTo=127.0.0.1:${listener.address().port}`]);
  const call = await LoopbackCall.setUp(site.tandem.ng, 'forked');
  const command = { 'call-id': 'forked', 'from-tag': 'caller', flags: ['directional'] };
  expect(await site.tandem.ng.command({ command: 'start forwarding', ...command })).toEqual({ result: 'ok' });
  await call.talks(10);
  await until('ten copies', () => (heard.length >= 10 ? heard : undefined));
  expect(heard).toEqual(Array.from({ length: 10 }, () => call.caller.ssrc));
  await site.tandem.ng.command({ command: 'stop forwarding', ...command });
  await site.tandem.control.printed(/copies to a listener ended .*outcome=complete .*packets=10 /);
});

testWithTshark("rtpproxy's R, C and N record a party, copy it, and stop", async () => {
  const directory = recordingDirectory();
  const [control, fork] = [loopbackAddress(), createSocket('udp4')];
  onTestFinished(() => void fork.close());
  let copies = 0;
  fork.on('message', () => {
    copies += 1;
  });
  fork.bind(0, '127.0.0.1');
  await once(fork, 'listening');
  const port = await freePort(control);
  const settings = [`recording.dir=${directory}`, `listen.rtpproxy=udp:${control}:${port}`];
  const tandem = await Tandem.start({ settings });
  const call = await LoopbackCall.setUp(tandem.ng, 'unused');
  const client = new RtpproxyClient(control, port);
  const { caller, callee } = call;
  const aim = (peer: RtpPeer, reply: string): string => {
    const [told, address] = reply.split(' ');
    const sdp = `c=IN IP4 ${address}\r\nm=audio ${told}`;
    peer.aim(sdp);
    return sdp;
  };
  aim(callee, await client.command(`Uc0 pair ${caller.address} ${caller.port} f;1`));
  const told = aim(caller, await client.command(`Lc0 pair ${callee.address} ${callee.port} f;1 t;1`));
  expect(await client.command('N pair f t')).toBe('E50');
  expect(await client.command('R pair f t')).toBe('0');
  expect(await client.command('R pair f t')).toBe('0');
  expect(await client.command('R nobody f t')).toBe('E50');
  expect(await client.command(`C pair udp:127.0.0.1:${fork.address().port} t;1 f;1`)).toBe('0');
  expect(await client.command('C pair udp:nowhere:1 f;1 t;1')).toBe('E65');
  expect(await client.command('C pair ../away f;1 t;1')).toBe('E65');
  await call.talks(7);
  await until('seven copies', () => (copies >= 7 ? copies : undefined));
  expect(await client.command('Na pair f t')).toBe('0');
  expect(await client.command('N pair f t')).toBe('E50');
  await holds(`${directory}/pair=f.o.pcap`, [saidBy(caller, told)]);
});

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
