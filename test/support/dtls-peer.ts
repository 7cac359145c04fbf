import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Process } from './process.js';
import { SrtpContext } from './srtp.js';

const KEY = 16;
const SALT = 14;

/** A peer that shakes hands with the `openssl` program (RFC 5764), and has a certificate of its own. */
export class DtlsPeer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tandem-dtls-'));
  /** Value of `a=fingerprint`. */
  readonly fingerprint: string;

  constructor() {
    onTestFinished(() => rmSync(this.#directory, { recursive: true }));
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const subject = ['-nodes', '-days', '2', '-subj', '/CN=peer'];
    this.#openssl('req', '-x509', ...curve, ...subject, '-keyout', this.#key, '-out', this.#certificate);
    const printed = this.#openssl('x509', '-in', this.#certificate, '-noout', '-fingerprint', '-sha256');
    this.fingerprint = `sha-256 ${printed.trim().split('=')[1]}`;
  }

  /** As the client, from one port to another. */
  connect(from: string, to: string): Promise<SrtpPair> {
    const verification = ['-bind', from, '-connect', to];
    return this.#keys(['s_client', ...verification], (material) => pair(material, 'client'));
  }

  /** As the server. */
  accept(at: string): Promise<SrtpPair> {
    return this.#keys(['s_server', '-accept', at, '-Verify', '1'], (material) => pair(material, 'server'));
  }

  get #key(): string {
    return join(this.#directory, 'key.pem');
  }

  get #certificate(): string {
    return join(this.#directory, 'certificate.pem');
  }

  async #keys(words: readonly string[], read: (material: Buffer) => SrtpPair): Promise<SrtpPair> {
    const certificate = ['-cert', this.#certificate, '-key', this.#key];
    const profile = ['-use_srtp', 'SRTP_AES128_CM_SHA1_80'];
    const exported = ['-keymatexport', 'EXTRACTOR-dtls_srtp', '-keymatexportlen', String(2 * (KEY + SALT))];
    const command = ['openssl', ...words, '-dtls1_2', ...certificate, ...profile, ...exported];
    // A server ends with its input.
    const process = new Process('openssl', command, {}, 'open');
    const [, hexadecimal = ''] = await process.printed(/Keying material: ([0-9A-F]+)/);
    // The port is wanted for media.
    await process.kill('SIGKILL');
    return read(Buffer.from(hexadecimal, 'hex'));
  }

  #openssl(...words: readonly string[]): string {
    return execFileSync('openssl', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  }
}

export type SrtpPair = { readonly send: SrtpContext; readonly receive: SrtpContext };

/** RFC 5764 §4.2: client key, server key, client salt, server salt. */
function pair(material: Buffer, role: 'client' | 'server'): SrtpPair {
  const of = (number: 0 | 1): SrtpContext => {
    const key = material.subarray(number * KEY, (number + 1) * KEY);
    const salts = material.subarray(2 * KEY);
    return new SrtpContext(Buffer.concat([key, salts.subarray(number * SALT, (number + 1) * SALT)]));
  };
  return role === 'client' ? { send: of(0), receive: of(1) } : { send: of(1), receive: of(0) };
}
