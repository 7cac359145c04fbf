import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeConfig } from '../../../src/config/decode.js';
import { loadRtpengine } from '../../../src/config/rtpengine/load.js';
import { describeMistake, parseValue } from '../../../src/config/value.js';

let directory: string;
let certificate: string;
let privateKey: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tandem-https-'));
  certificate = join(directory, 'tls.pem');
  privateKey = join(directory, 'tls.key');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-keyout', privateKey];
  const words = ['req', '-x509', '-nodes', '-days', '2', '-subj', '/CN=node', ...key, '-out', certificate];
  execFileSync('openssl', words, { stdio: 'ignore' });
});
afterAll(() => rmSync(directory, { recursive: true }));

function decoded(text: string) {
  const { value, mistakes } = parseValue(text, 'tandem.yaml');
  const read = decodeConfig(value, { isLocal: () => true });
  return { config: read.config, mistakes: [...mistakes, ...read.mistakes].map(describeMistake) };
}

describe('HTTP', () => {
  test('is off, and for no web page, unless something else is said', () => {
    const { config } = decoded('');
    expect([config.listen.http, config.listen.https]).toEqual([[], []]);
    expect(config.http).toEqual({ webPages: [], files: null });
  });

  test('lets the pages in that are named by their origins', () => {
    const { config, mistakes } = decoded(
      "http: { webPages: [https://pbx.example.com, 'http://[::1]:8080'] }",
    );
    expect(mistakes).toEqual([]);
    expect(config.http.webPages).toEqual(['https://pbx.example.com', 'http://[::1]:8080']);
    expect(decoded("http: { webPages: '*' }").config.http.webPages).toEqual(['*']);
  });

  test.each([
    'https://pbx.example.com/',
    'pbx.example.com',
    'ftp://pbx.example.com',
    'https://pbx.example.com:443',
  ])('takes %s for no origin, since browsers write it otherwise', (origin) => {
    expect(decoded(`http: { webPages: [${origin}] }`).mistakes).toEqual([
      `tandem.yaml:1: http.webPages[0]: ${origin} is not * or an origin such as https://pbx.example.com`,
    ]);
  });

  test('may be all that listens', () => {
    expect(decoded('listen: { ng: [], http: 127.0.0.1:2225 }').mistakes).toEqual([]);
    expect(decoded('listen: { ng: [] }').mistakes).toHaveLength(1);
  });
});

describe('HTTPS', () => {
  test('needs a certificate and its key', () => {
    expect(decoded('listen: { https: 127.0.0.1:2226 }').mistakes).toEqual([
      'tandem.yaml:1: listen.https: needs http.certificate',
    ]);
    expect(decoded(`http: { privateKey: ${privateKey} }`).mistakes).toEqual([
      'tandem.yaml:1: http.privateKey: needs certificate, too',
    ]);
    expect(decoded(`http: { certificate: ${directory}/none.pem }`).mistakes.join()).toContain(
      'cannot be read',
    );
    const { config, mistakes } = decoded(`http: { certificate: ${certificate}, privateKey: ${privateKey} }`);
    expect(mistakes).toEqual([]);
    expect(config.http.files).toEqual({ certificate, privateKey });
  });

  test('comes with the options of rtpengine', async () => {
    const words = ['-i', '127.0.0.1', '--config-file=none', '--listen-https=127.0.0.2:2226'];
    const files = [`--https-cert=${certificate}`, `--https-key=${privateKey}`];
    const loaded = await loadRtpengine([...words, ...files], { isLocal: () => true });
    expect(loaded).toMatchObject({
      kind: 'config',
      warnings: [],
      config: {
        listen: { ng: [], https: [{ address: '127.0.0.2', port: 2226 }] },
        http: { files: { certificate, privateKey } },
      },
    });
  });
});
