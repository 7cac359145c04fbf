import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MARK, passedThrough, sendMark } from './capture.js';
import { LINKS, type Namespace, type Network, type Party } from './netns.js';
import { until } from './netns-until.js';

/** A UDP packet as it came over a link, with what only the wire shows. */
export type Frame = {
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly hops: number;
  readonly tos: number;
  readonly checksums: 'right' | 'wrong';
  readonly payload: Buffer;
};

let captures = 0;

/** Captures what a party receives over its uplink. */
export async function captureFrames(
  network: Network,
  party: Namespace,
): Promise<{ finish(): Promise<Frame[]> }> {
  captures += 1;
  const file = join(network.directory, `frames-${captures}.pcap`);
  const log = join(network.directory, `frames-${captures}.log`);
  const options = ['-n', '-Q', 'in', '-s', '512', '-B', '8192', '--immediate-mode', '-U', '-Z', 'root'];
  const running = party.start(['tcpdump', '-i', 'uplink', ...options, '-w', file, 'udp'], { log });
  await until('tcpdump to listen', () =>
    readFileSync(log, { encoding: 'utf8', flag: 'a+' }).includes('listening on') ? true : undefined,
  );
  return {
    async finish() {
      await passedThrough(file, () => sendMark(network.core, addressIn(network, party)));
      await running.stop('SIGINT');
      return parse(readFileSync(file)).filter(({ payload }) => !payload.includes(MARK));
    },
  };
}

function addressIn({ parties }: Network, party: Namespace): string {
  const found = Object.entries(LINKS).find(([name]) => parties[name as Party] === party);
  if (found === undefined) throw new Error(`${party.name} is no party`);
  return found[1].party;
}

export function sequenceOf(frame: Frame): number {
  return frame.payload.readUInt16BE(2);
}

function parse(file: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const time = file.readUInt32LE(at) * 1000 + file.readUInt32LE(at + 4) / 1000;
    const length = file.readUInt32LE(at + 8);
    const ethernet = file.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    const ip = ethernet.subarray(14);
    const type = ethernet.readUInt16BE(12);
    if (type === 0x0800 && ip[9] === 17) frames.push(ipv4(time, ip));
    if (type === 0x86dd && ip[6] === 17) frames.push(ipv6(time, ip));
  }
  return frames;
}

function ipv4(at: number, ip: Buffer): Frame {
  const header = ((ip[0] ?? 0) & 15) * 4;
  const udp = ip.subarray(header, ip.readUInt16BE(2));
  const pseudo = Buffer.concat([ip.subarray(12, 20), Buffer.from([0, 17]), udp.subarray(4, 6)]);
  const right = sum(ip.subarray(0, header)) === 0xffff && sum(Buffer.concat([pseudo, udp])) === 0xffff;
  return {
    at,
    from: `${[...ip.subarray(12, 16)].join('.')}:${udp.readUInt16BE(0)}`,
    to: `${[...ip.subarray(16, 20)].join('.')}:${udp.readUInt16BE(2)}`,
    hops: ip[8] ?? 0,
    tos: ip[1] ?? 0,
    checksums: right ? 'right' : 'wrong',
    payload: udp.subarray(8),
  };
}

function ipv6(at: number, ip: Buffer): Frame {
  const udp = ip.subarray(40, 40 + ip.readUInt16BE(4));
  const pseudo = Buffer.concat([ip.subarray(8, 40), Buffer.from([0, 17]), udp.subarray(4, 6)]);
  return {
    at,
    from: `${groups(ip.subarray(8, 24))}:${udp.readUInt16BE(0)}`,
    to: `${groups(ip.subarray(24, 40))}:${udp.readUInt16BE(2)}`,
    hops: ip[7] ?? 0,
    tos: (ip.readUInt16BE(0) >> 4) & 0xff,
    checksums: sum(Buffer.concat([pseudo, udp])) === 0xffff ? 'right' : 'wrong',
    payload: udp.subarray(8),
  };
}

function groups(address: Buffer): string {
  return Array.from({ length: 8 }, (_, group) => address.readUInt16BE(group * 2).toString(16)).join(':');
}

/** RFC 1071: 0xffff over a header or datagram with its checksum in place. */
function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) total += bytes.readUInt16BE(at);
  if (bytes.length % 2 === 1) total += (bytes.at(-1) ?? 0) << 8;
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return total;
}
