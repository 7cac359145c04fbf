import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCertificate } from '../../../src/config/certificate-files.js';
import { decodeConfig } from '../../../src/config/decode.js';
import { certificateSource } from '../../../src/config/derive.js';
import { describeMistake, parseValue } from '../../../src/config/value.js';

let directory: string;
const at = (name: string): string => join(directory, name);

function make(name: string, ...key: readonly string[]): void {
  const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
  const words = ['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=node', ...key, ...files];
  execFileSync('openssl', words, { stdio: 'ignore' });
}

const EC = (curve: string) => ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tandem-certificates-'));
  make('p256', ...EC('prime256v1'));
  make('p384', ...EC('secp384r1'));
  make('rsa', '-newkey', 'rsa:2048');
  make('weak', '-newkey', 'rsa:1024');
  make('ed25519', '-newkey', 'ed25519');
  const locked = [
    'ec',
    '-in',
    at('p256.key'),
    '-out',
    at('locked.key'),
    '-aes128',
    '-passout',
    'pass:secret',
  ];
  execFileSync('openssl', locked, { stdio: 'ignore' });
  writeFileSync(at('junk.pem'), 'not a certificate\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

function decoded(text: string) {
  const { value, mistakes } = parseValue(text, 'tandem.yaml');
  const read = decodeConfig(value, { isLocal: () => true });
  return { config: read.config, mistakes: [...mistakes, ...read.mistakes].map(describeMistake) };
}

const withFiles = (certificate: string, key: string): string =>
  `dtls:\n  certificate: ${at(certificate)}\n  privateKey: ${at(key)}\n`;

describe('the certificate of DTLS', () => {
  test('is made here, of ECDSA, and renewed each week, unless something else is said', () => {
    const { config } = decoded('');
    expect(config.dtls).toEqual({ files: null, key: 'ecdsa', rotationHours: 168 });
    const source = certificateSource(config, () => 0);
    expect(source).toEqual({ files: null, key: { kind: 'ecdsa' }, rotationMs: 168 * 3_600_000 });
  });

  test('may be of RSA, and may stay', () => {
    const { config, mistakes } = decoded('dtls:\n  key: rsa-3072\n  rotationHours: off\n');
    expect(mistakes).toEqual([]);
    const source = certificateSource(config, () => 0);
    expect(source).toEqual({ files: null, key: { kind: 'rsa', bits: 3072 }, rotationMs: null });
  });

  test.each(['p256', 'p384', 'rsa'])('comes from files: %s', (name) => {
    const { config, mistakes } = decoded(withFiles(`${name}.pem`, `${name}.key`));
    expect(mistakes).toEqual([]);
    const reading = certificateSource(config, Date.now).files?.();
    expect(reading).toMatchObject({
      kind: 'certificate',
      text: { certificate: readFileSync(at(`${name}.pem`), 'utf8') },
    });
  });
});

describe('what keeps files from being used', () => {
  test.each([
    [
      'p256.pem',
      'p384.key',
      [`tandem.yaml:3: dtls.privateKey: ${'%/p384.key'} is not the key of %/p256.pem`],
    ],
    [
      'junk.pem',
      'locked.key',
      [
        'tandem.yaml:2: dtls.certificate: %/junk.pem is not a certificate in PEM: ',
        'tandem.yaml:3: dtls.privateKey: %/locked.key is not a private key in PEM without a passphrase: ',
      ],
    ],
    [
      'none.pem',
      'none.key',
      [
        'tandem.yaml:2: dtls.certificate: %/none.pem cannot be read: ENOENT',
        'tandem.yaml:3: dtls.privateKey: %/none.key cannot be read: ENOENT',
      ],
    ],
    ['weak.pem', 'weak.key', ['tandem.yaml:3: dtls.privateKey: %/weak.key has an RSA key of 1024 bits; ']],
    [
      'ed25519.pem',
      'ed25519.key',
      ['tandem.yaml:3: dtls.privateKey: %/ed25519.key has a key of kind ed25519; '],
    ],
  ])('%s with %s: all of it is said at once, with key and line', (certificate, key, expected) => {
    const { mistakes } = decoded(withFiles(certificate, key));
    const begins = expected.map((text) => expect.stringContaining(text.replaceAll('%', directory)));
    expect(mistakes).toEqual(begins);
  });

  test('a file nobody may read is named', () => {
    chmodSync(at('rsa.key'), 0);
    const reading = readCertificate({ certificate: at('rsa.pem'), privateKey: at('rsa.key') }, Date.now());
    chmodSync(at('rsa.key'), 0o600);
    // The superuser may read it all the same.
    if (process.getuid?.() === 0) expect(reading.kind).toBe('certificate');
    else expect(reading).toMatchObject({ mistakes: [{ file: 'privateKey' }] });
  });

  test.each([
    ['has expired on', 3],
    ['is not valid before', -2],
  ])('a certificate that %s a day', (words, days) => {
    const files = { certificate: at('p256.pem'), privateKey: at('p256.key') };
    const reading = readCertificate(files, Date.now() + days * 86_400_000);
    const text = expect.stringContaining(`p256.pem ${words}`);
    expect(reading).toEqual({ kind: 'mistakes', mistakes: [{ file: 'certificate', text }] });
  });

  test.each([
    ['certificate', 'privateKey'],
    ['privateKey', 'certificate'],
  ])('%s without %s', (given, lacking) => {
    const { mistakes } = decoded(`dtls:\n  ${given}: ${at('p256.pem')}\n`);
    expect(mistakes).toEqual([`tandem.yaml:2: dtls.${given}: needs ${lacking}, too`]);
  });

  test('a kind of key, a pause or a key of the configuration nobody knows', () => {
    const { mistakes } = decoded('dtls:\n  key: dsa\n  rotationHours: 0\n  cert: x\n');
    expect(mistakes).toEqual([
      expect.stringMatching(/^tandem\.yaml:2: dtls\.key: /),
      expect.stringMatching(/^tandem\.yaml:3: dtls\.rotationHours: /),
      expect.stringMatching(/^tandem\.yaml:4: dtls\.cert: .*certificate/),
    ]);
  });
});
