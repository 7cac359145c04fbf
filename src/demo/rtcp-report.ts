import type { ReportBlock } from './receiver.js';

export type SenderReport = {
  readonly ssrc: number;
  readonly cname: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
  readonly block?: ReportBlock;
  /** The last sender report of the other side: its middle NTP bits, and how long ago it came. */
  readonly lastReport?: { readonly ntpMiddle: number; readonly delayMs: number };
};

/** A compound packet: sender report and CNAME (RFC 3550 §6.1). */
export function writeReport(report: SenderReport): Buffer {
  const { seconds, fraction } = ntpTime(report.nowMs);
  const sender = [report.ssrc, seconds, fraction, report.rtpTimestamp, report.packets, report.octets];
  const block = report.block === undefined ? [] : blockWords(report.block, report.lastReport);
  const words = [...sender, ...block];
  const header = (0x80 | (block.length > 0 ? 1 : 0)) * 0x1000000 + SENDER_REPORT * 0x10000 + words.length;
  return Buffer.concat([wordBytes([header, ...words]), sourceDescription(report.ssrc, report.cname)]);
}

/** The middle 32 bits of the NTP time of a sender report at the front of a compound packet. */
export function ntpMiddleOf(compound: Buffer): number | undefined {
  if (compound.length < 28 || compound[1] !== SENDER_REPORT) return undefined;
  return compound.readUInt32BE(10);
}

function blockWords(block: ReportBlock, last: SenderReport['lastReport']): readonly number[] {
  return [
    block.ssrc,
    block.fractionLost * 0x1000000 + Math.min(block.lost, 0x7fffff),
    block.highestSequence,
    block.jitter,
    last?.ntpMiddle ?? 0,
    last === undefined ? 0 : Math.round(last.delayMs * 65.536),
  ];
}

function sourceDescription(ssrc: number, cname: string): Buffer {
  const text = Buffer.from(cname, 'latin1');
  // Item, its text, and one to four bytes of zero that end the chunk.
  const chunk = Buffer.alloc(4 * Math.ceil((2 + text.length + 1) / 4));
  chunk[0] = 1;
  chunk[1] = text.length;
  text.copy(chunk, 2);
  const header = 0x81 * 0x1000000 + SOURCE_DESCRIPTION * 0x10000 + 1 + chunk.length / 4;
  return Buffer.concat([wordBytes([header, ssrc]), chunk]);
}

function ntpTime(nowMs: number): { seconds: number; fraction: number } {
  const seconds = Math.floor(nowMs / 1000);
  return {
    seconds: seconds + 2_208_988_800,
    fraction: Math.floor(((nowMs / 1000 - seconds) * 2 ** 32) % 2 ** 32),
  };
}

function wordBytes(words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word >>> 0, 4 * index);
  return bytes;
}

const SENDER_REPORT = 200;
const SOURCE_DESCRIPTION = 202;
