import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Process } from './process.js';
import { SrtpContext } from './srtp.js';

const KEY = 16;
const SALT = 14;

/** Key of a certificate. */
export type CertificateKey = 'P-256' | 'P-384' | 'P-521' | 'RSA-2048' | 'RSA-4096';

export type DtlsOptions = {
  readonly key?: CertificateKey;
  readonly version?: '1.0' | '1.2';
  /** The curve it likes best to exchange keys on, as OpenSSL calls it; our certificate needs P-256. */
  readonly curve?: string;
  /** The longest datagram it sends, in bytes with all headers. */
  readonly mtu?: number;
  /** As the server it asks for a cookie first (RFC 6347 §4.2.1). */
  readonly asksForCookie?: boolean;
  /** Grows the ClientHello to about this many bytes. */
  readonly helloBytes?: number;
};

/** A peer that shakes hands with the `openssl` program (RFC 5764), and has a certificate of its own. */
export class DtlsPeer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tandem-dtls-'));
  readonly #options: DtlsOptions;
  /** Value of `a=fingerprint`. */
  readonly fingerprint: string;
  /** What a client's keys were exchanged on, in OpenSSL's words. */
  keyExchange = '';
  /** SHA-256 of the other side's certificate, as in `a=fingerprint`. */
  peerFingerprint = '';

  constructor(options: DtlsOptions = {}) {
    this.#options = options;
    onTestFinished(() => rmSync(this.#directory, { recursive: true }));
    const subject = ['-days', '2', '-subj', '/CN=peer', '-out', this.#certificate];
    writeFileSync(this.#key, privateKey(options.key ?? 'P-256'));
    this.#openssl('req', '-x509', '-key', this.#key, ...subject);
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
    const manner = this.#options.asksForCookie === true ? ['-listen'] : [];
    return this.#keys(['s_server', '-accept', at, '-Verify', '1', ...manner], (material) =>
      pair(material, 'server'),
    );
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
    const command = ['openssl', ...words, ...this.#manner(), ...certificate, ...profile, ...exported];
    // A server ends with its input.
    const process = new Process('openssl', command, {}, 'open');
    const [, hexadecimal = ''] = await process.printed(/Keying material: ([0-9A-F]+)/);
    this.keyExchange = /^Server Temp Key: (.*)$/m.exec(process.stdout)?.[1] ?? '';
    const [shown] = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/.exec(process.stdout) ?? [];
    this.peerFingerprint = shown === undefined ? '' : new X509Certificate(shown).fingerprint256;
    // The port is wanted for media.
    await process.kill('SIGKILL');
    return read(Buffer.from(hexadecimal, 'hex'));
  }

  /** How it shakes hands. */
  #manner(): string[] {
    const { version, curve, mtu, helloBytes } = this.#options;
    const old = ['-dtls1', '-cipher', 'DEFAULT:@SECLEVEL=0'];
    // A name takes 255 bytes at most.
    const names = Array.from({ length: Math.ceil((helloBytes ?? 0) / 200) }, (_, at) =>
      `${at}`.padEnd(199, '-'),
    );
    return [
      ...(version === '1.0' ? old : ['-dtls1_2']),
      ...(curve === undefined ? [] : ['-groups', `${curve}:P-256`]),
      ...(mtu === undefined ? [] : ['-mtu', String(mtu)]),
      ...(names.length === 0 ? [] : ['-alpn', names.join(',')]),
    ];
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

function privateKey(kind: CertificateKey): string {
  switch (kind) {
    case 'P-256':
      return pemOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }));
    case 'P-384':
      return pemOf(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }));
    case 'P-521':
      return pemOf(generateKeyPairSync('ec', { namedCurve: 'secp521r1' }));
    case 'RSA-2048':
      return rsaKey(2048);
    case 'RSA-4096':
      return rsaKey(4096);
  }
}

function rsaKey(modulusLength: number): string {
  const key = rsaKeys.get(modulusLength) ?? pemOf(generateKeyPairSync('rsa', { modulusLength }));
  rsaKeys.set(modulusLength, key);
  return key;
}

/** They take seconds to make: one of each length does for a file of tests. */
const rsaKeys = new Map<number, string>();

function pemOf({ privateKey }: { readonly privateKey: KeyObject }): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
