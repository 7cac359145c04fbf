import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace, Network } from './netns.js';
import { until } from './netns-until.js';

export type CapturedPacket = {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly way: 'in' | 'out';
  /** Type of service (IPv4) or traffic class (IPv6). */
  readonly tos: number;
  readonly payload: Buffer;
};

export type Capture = {
  /** Ends the capture and returns all UDP packets that crossed the core's links. */
  finish(): Promise<CapturedPacket[]>;
};

let captures = 0;

/** Captures everything on the links of the core; it sees packets that are forwarded as well as those that end there. */
export function startCapture(network: Network): Promise<Capture> {
  return captureAt(network, network.core);
}

/** The same seen from the other ends of the links, where what the core's kernel relays by itself is seen, too. */
export async function startCaptureAtEnds(network: Network): Promise<Capture> {
  const ends = await Promise.all(Object.values(network.parties).map((party) => captureAt(network, party)));
  const turned = (packet: CapturedPacket): CapturedPacket => ({
    ...packet,
    way: packet.way === 'in' ? 'out' : 'in',
  });
  return {
    async finish() {
      const captured = await Promise.all(ends.map((end) => end.finish()));
      return captured.flat().map(turned);
    },
  };
}

async function captureAt(network: Network, where: Namespace): Promise<Capture> {
  captures += 1;
  const file = join(network.directory, `capture-${captures}.pcap`);
  const log = join(network.directory, `capture-${captures}.log`);
  const running = where.start(
    [
      'tcpdump',
      '-i',
      'any',
      '-n',
      '-s',
      '256',
      '-B',
      '8192',
      '--immediate-mode',
      '-U',
      '-Z',
      'root',
      '-w',
      file,
      'udp',
    ],
    { log },
  );
  await until('tcpdump to listen', () => (readOrEmpty(log).includes('listening on') ? true : undefined));
  return {
    async finish() {
      await passedThrough(file, () => sendMark(where, '127.0.0.1'));
      await running.stop('SIGINT');
      return parseCapture(readFileSync(file)).filter(({ payload }) => !payload.includes(MARK));
    },
  };
}

/** Sends marks until one is in the file of a capture: all that was received before it is there as well. */
export async function passedThrough(file: string, send: () => Promise<unknown>): Promise<void> {
  await until(`the mark in ${file}`, async () => {
    if (readFileSync(file).includes(MARK)) return true;
    await send();
    return undefined;
  });
}

/** Sends a datagram that ends a capture, to a port that takes what it gets for nothing. */
export function sendMark(from: Namespace, to: string): Promise<string> {
  return from.run(['bash', '-c', `echo -n '${MARK}' >/dev/udp/${to}/9 || true`]);
}

export const MARK = 'the capture ends here';

export function isRtp(packet: CapturedPacket): boolean {
  const type = packet.payload[1] ?? 0;
  return packet.payload.length >= 12 && (packet.payload[0] ?? 0) >> 6 === 2 && !(type >= 192 && type <= 223);
}

export function ssrcOf(packet: CapturedPacket): number {
  return packet.payload.readUInt32BE(8);
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
/** Linux cooked v1 and v2, as `-i any` gives them (link types 113 and 276). */
const COOKED = {
  113: { length: 16, protocolAt: 14, kindAt: 1 },
  276: { length: 20, protocolAt: 0, kindAt: 10 },
} as const;
const OUTGOING = 4;

function parseCapture(file: Buffer): CapturedPacket[] {
  const linkType = file.readUInt32LE(20);
  if (linkType !== 113 && linkType !== 276) throw new Error(`unexpected link type ${linkType}`);
  const cooked = COOKED[linkType];
  const packets: CapturedPacket[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const length = file.readUInt32LE(at + 8);
    const frame = file.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    at += RECORD_HEADER + length;
    const protocol = frame.readUInt16BE(cooked.protocolAt);
    const way = frame[cooked.kindAt] === OUTGOING ? 'out' : 'in';
    const packet = parseIp(frame.subarray(cooked.length), protocol, way);
    if (packet !== undefined) packets.push(packet);
  }
  return packets;
}

function parseIp(ip: Buffer, protocol: number, way: 'in' | 'out'): CapturedPacket | undefined {
  if (protocol === 0x0800) {
    const header = ((ip[0] ?? 0) & 15) * 4;
    if (ip[9] !== 17) return undefined;
    const udp = ip.subarray(header);
    return { from: ipv4(ip, 12), to: ipv4(ip, 16), way, tos: ip[1] ?? 0, ...ports(udp) };
  }
  if (protocol === 0x86dd && ip[6] === 17) {
    const tos = (ip.readUInt16BE(0) >> 4) & 0xff;
    return { from: ipv6(ip, 8), to: ipv6(ip, 24), way, tos, ...ports(ip.subarray(40)) };
  }
  return undefined;
}

function ports(udp: Buffer): { fromPort: number; toPort: number; payload: Buffer } {
  return { fromPort: udp.readUInt16BE(0), toPort: udp.readUInt16BE(2), payload: udp.subarray(8) };
}

function ipv4(bytes: Buffer, at: number): string {
  return [...bytes.subarray(at, at + 4)].join('.');
}

function ipv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(at + index * 2).toString(16));
  return groups
    .join(':')
    .replace(/\b(?:0:)+0\b/, ':')
    .replace(/:{2,}/, '::');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
