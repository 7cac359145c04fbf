import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A packet of a recording, as tshark reads it. */
export type RecordedPacket = { readonly from: string; readonly to: string; readonly sequence: number };

/** A directory for recordings that goes with the test. */
export function recordingDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tandem-recorded-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The packets of a capture file; those that are written half are not there yet. */
export function recordedPackets(file: string): readonly RecordedPacket[] {
  const names = ['ip.src', 'udp.srcport', 'ip.dst', 'udp.dstport', 'rtp.seq'];
  const fields = names.flatMap((name) => ['-e', name]);
  const args = ['-r', file, '-n', '-o', 'rtp.heuristic_rtp:TRUE', '-T', 'fields', ...fields];
  const lines = tshark(args).split('\n');
  return lines.filter(Boolean).map((line) => {
    const [source = '', sourcePort = '', target = '', targetPort = '', sequence = ''] = line.split('\t');
    return { from: `${source}:${sourcePort}`, to: `${target}:${targetPort}`, sequence: Number(sequence) };
  });
}

/** The only file of a directory, or nothing. */
export function onlyFile(...path: readonly string[]): string | undefined {
  const directory = join(...path);
  const names = readdirSync(directory);
  if (names.length > 1) throw new Error(`several files: ${names.join(', ')}`);
  return names[0] === undefined ? undefined : join(directory, names[0]);
}

function tshark(args: readonly string[]): string {
  try {
    return execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    // It complains of a last packet that is cut short, having printed the others.
    const isCut = error instanceof Error && 'stdout' in error && typeof error.stdout === 'string';
    if (isCut) return String(error.stdout);
    throw error;
  }
}
