import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { KamailioFunctions } from '../support/kamailio-functions.js';
import { LoopbackCall } from '../support/loopback-call.js';
import { ngClient } from '../support/loopback-ng.js';
import { describeLocalPeers } from '../support/netns-peers.js';
import { until } from '../support/netns-until.js';
import type { NgClient } from '../support/oracle-ng-client.js';
import { Process } from '../support/process.js';
import { onlyFile, recordedPackets, recordingDirectory } from '../support/recorded.js';
import { RtpPeer } from '../support/rtp-peer.js';
import { freePort, loopbackAddress, Tandem } from '../support/tandem.js';

describeLocalPeers(['kamailio', 'tshark'], 'recording from a route of Kamailio', () => {
  it('begins with record-call, stops and begins again with functions', async () => {
    const directory = recordingDirectory();
    const tandem = await Tandem.start({ settings: [`recording.dir=${directory}`] });
    const kamailio = await KamailioFunctions.start(`udp:${tandem.address}:${tandem.ngPort}`);
    const [caller, callee] = [await RtpPeer.open(), await RtpPeer.open()];
    const flags = 'replace-origin record-call=yes metadata=a:b';
    const call = { callId: 'route@kamailio', from: 'caller', to: 'callee' };
    const { callId, from, to } = call;
    const offer = { callId, from, method: 'INVITE', flags, sdp: caller.sdp() } as const;
    const answer = { callId, from: to, to: from, method: 'PRACK', flags, sdp: callee.sdp() } as const;
    callee.aim((await kamailio.call('offer', offer)).body);
    caller.aim((await kamailio.call('answer', answer)).body);
    caller.send(5);
    callee.send(5);
    await Promise.all([caller.hears(5), callee.hears(5)]);
    expect(await kamailio.call('stop_recording', call)).toMatchObject({ code: 1 });
    const pcap = await until('a recording', () => onlyFile(directory, 'pcaps'));
    expect(basename(pcap)).toMatch(/^route%40kamailio-[0-9a-f]{16}\.pcap$/);
    await until('ten packets', () => (recordedPackets(pcap).length === 10 ? true : undefined));
    const text = await until('a text', () => onlyFile(directory, 'metadata'));
    expect(readFileSync(text, 'latin1')).toMatch(/\n\n\na:b\n$/);

    expect(await kamailio.call('start_recording', call)).toMatchObject({ code: 1 });
    expect(await kamailio.call('start_recording', call)).toMatchObject({ code: 1 });
    const hangUp = { ...call, method: 'BYE', flags: 'delete-delay=0' } as const;
    expect(await kamailio.call('delete', hangUp)).toMatchObject({ code: 1 });
    await tandem.control.printed(/recording ended .*outcome=empty /);
  });
});

describeLocalPeers(['rtpengine', 'tshark'], "recording beside Debian's rtpengine", () => {
  it('writes files of the same names, texts of the same form and the same packets', async () => {
    const [oracle, subject] = [await rtpengine(), await tandem()];
    const [expected, actual] = [await recorded(oracle), await recorded(subject)];
    expect(actual).toEqual(expected);
  });
});

type Proxy = { readonly ng: NgClient; readonly directory: string };

/** What a call leaves in a proxy's directory, without what is different each time. */
async function recorded({ ng, directory }: Proxy) {
  const flags = { 'record call': 'yes', metadata: 'key:val|other:x', label: 'A' };
  const call = await LoopbackCall.setUp(ng, 'one two@three;x=/../y', flags);
  await call.talks(6);
  await call.negotiate();
  await call.talks(6);
  const pcap = await until('a recording', () => onlyFile(directory, 'pcaps'));
  await call.delete({ 'delete delay': 0 });
  const text = await until('a text', () => onlyFile(directory, 'metadata'));
  const packets = await until('all packets', () => {
    const found = recordedPackets(pcap);
    return found.length === 24 ? found : undefined;
  });
  const lines = readFileSync(text, 'latin1').replaceAll(directory, 'DIRECTORY').split('\n');
  return {
    names: [pcap, text].map((path) => masked(basename(path))),
    text: lines.filter((line) => !/^[a-z]=/.test(line)).map(masked),
    saidByCaller: packets.filter(({ from }) => from.endsWith(`:${call.caller.port}`)).length,
    saidByCallee: packets.filter(({ from }) => from.endsWith(`:${call.callee.port}`)).length,
  };
}

function masked(line: string): string {
  const random = line.replace(/-[0-9a-f]{16}\b/, '-RANDOM');
  return random.replace(/\d{10,}\.\d{3}$|\b0\.000$/, 'TIME').replace(/\d{4}-\d\d-\d\dT[\d:]+/, 'DATE');
}

async function tandem(): Promise<Proxy> {
  const directory = recordingDirectory();
  const { ng } = await Tandem.start({ settings: [`recording.dir=${directory}`] });
  return { ng, directory };
}

async function rtpengine(): Promise<Proxy> {
  const directory = recordingDirectory();
  const address = loopbackAddress();
  const port = await freePort(address);
  const options = [`--recording-dir=${directory}`, '--recording-method=pcap', '-t', '-1', '-f', '-E'];
  const listen = ['-i', address, '-n', `${address}:${port}`, '-m', '45000', '-M', '45999'];
  const program = new Process('rtpengine', ['rtpengine', '--config-file=none', ...listen, ...options]);
  const ng = ngClient(address, port);
  await until('rtpengine to answer', async () => {
    if (!program.running) throw new Error(`rtpengine ended: ${program.stderr}`);
    return (await ng.command({ command: 'ping' })).result === 'pong' ? true : undefined;
  });
  return { ng, directory };
}
