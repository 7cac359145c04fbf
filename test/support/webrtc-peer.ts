import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { Process } from './process.js';

/** A WebRTC endpoint of another make (aiortc): ICE, DTLS-SRTP, audio both ways. */
export class WebRtcPeer {
  readonly #process: Process;

  /** `launcher`: what starts a program elsewhere, in a namespace say. */
  constructor(address = '127.0.0.1', launcher: readonly string[] = []) {
    this.#process = new Process('aiortc', [...launcher, PYTHON, SCRIPT, address], {}, 'open');
  }

  async offer(): Promise<string> {
    this.#process.write(JSON.stringify({ offer: true }));
    return this.#sdp();
  }

  async answerTo(sdp: string): Promise<string> {
    this.#process.write(JSON.stringify({ offer: sdp }));
    return this.#sdp();
  }

  accept(sdp: string): void {
    this.#process.write(JSON.stringify({ answer: sdp }));
  }

  async isConnected(): Promise<void> {
    await this.#process.printed(/"connection": "connected"/);
  }

  /** Frames of sound heard so far that were not silent. */
  get heard(): number {
    const told = [...this.#process.stdout.matchAll(/"loud": (\d+)/g)];
    return Number(told.at(-1)?.[1] ?? 0);
  }

  async #sdp(): Promise<string> {
    const [, sdp = '""'] = await this.#process.printed(/"sdp": ("(?:[^"\\]|\\.)*")/);
    const text: unknown = JSON.parse(sdp);
    return String(text);
  }
}

/** Tests with aiortc; skipped by name if it is missing, with `TANDEM_REQUIRE_PEERS=1` they fail instead. */
export function describeWithWebRtcPeer(title: string, tests: () => void): void {
  const isThere = canImport();
  if (isThere || process.env.TANDEM_REQUIRE_PEERS === '1') describe(title, tests);
  else describe.skip(`${title} (skipped: no python3-aiortc)`, tests);
}

function canImport(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import aiortc'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Debian's, for which python3-aiortc is. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('webrtc-peer.py', import.meta.url));
