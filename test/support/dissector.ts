import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, test } from 'vitest';

/** What tshark makes of one compound: the types of its packets, and whether any of it cannot be read. */
export type Dissected = { readonly types: readonly number[]; readonly isMalformed: boolean };

/** A test with tshark; skipped by name if it is missing, with `TANDEM_REQUIRE_PEERS=1` it fails instead. */
export function testWithTshark(title: string, run: () => Promise<void>): void {
  if (hasTshark() || process.env.TANDEM_REQUIRE_PEERS === '1') test(title, run);
  else test.skip(`${title} (tshark is missing)`, () => {});
}

/** Has tshark read datagrams as RTCP. */
export function dissectRtcp(datagrams: readonly Buffer[]): Dissected[] {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-rtcp-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'rtcp.pcap');
  writeFileSync(file, Buffer.concat([PCAP_HEADER, ...datagrams.map(record)]));
  const fields = ['rtcp.pt', '_ws.malformed', '_ws.expert.severity'].flatMap((name) => ['-e', name]);
  const format = ['-T', 'fields', '-E', 'separator=;', '-E', 'aggregator=,', ...fields];
  const args = ['-r', file, '-n', '-d', `udp.port==${PORT},rtcp`, ...format];
  const lines = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [types = '', malformed = '', severities = ''] = line.split(';');
      const isMalformed = malformed !== '' || severities.split(',').includes(EXPERT_ERROR);
      return { types: types.split(',').filter(Boolean).map(Number), isMalformed };
    });
}

export function hasTshark(): boolean {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A pcap record of an IPv4 datagram. */
function record(payload: Buffer): Buffer {
  const packet = Buffer.alloc(28 + payload.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  packet[8] = 64;
  packet[9] = 17;
  packet.writeUInt32BE(0x7f00_0001, 12);
  packet.writeUInt32BE(0x7f00_0001, 16);
  packet.writeUInt16BE(PORT, 20);
  packet.writeUInt16BE(PORT, 22);
  packet.writeUInt16BE(8 + payload.length, 24);
  payload.copy(packet, 28);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(packet.length, 8);
  head.writeUInt32LE(packet.length, 12);
  return Buffer.concat([head, packet]);
}

const PORT = 5005;
const EXPERT_ERROR = '8388608';

/** Version 2.4, raw IP. */
const PCAP_HEADER = Buffer.alloc(24);
PCAP_HEADER.writeUInt32LE(0xa1b2_c3d4, 0);
PCAP_HEADER.writeUInt16LE(2, 4);
PCAP_HEADER.writeUInt16LE(4, 6);
PCAP_HEADER.writeUInt32LE(65_535, 16);
PCAP_HEADER.writeUInt32LE(101, 20);
