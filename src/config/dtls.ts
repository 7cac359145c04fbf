import { type CertificateFiles, readCertificate } from './certificate-files.js';
import { choice, finish, mistake, optionalInteger, type Section, subsection, text } from './fields.js';
import type { DtlsConfig } from './schema.js';

export function decodeDtls(top: Section, now = Date.now()): DtlsConfig {
  const section = subsection(top, 'dtls');
  const decoded = {
    files: decodeFiles(section, now),
    key: choice(section, 'key', KEYS, 'ecdsa'),
    rotationHours: optionalInteger(section, 'rotationHours', HOURS, 168),
  };
  finish(section, OTHER_NAMES);
  return decoded;
}

function decodeFiles(section: Section, now: number): CertificateFiles | null {
  const [certificate, privateKey] = [text(section, 'certificate'), text(section, 'privateKey')];
  if (certificate === undefined && privateKey === undefined) return null;
  if (certificate === undefined || privateKey === undefined) {
    const [given, lacking] =
      certificate === undefined
        ? (['privateKey', 'certificate'] as const)
        : (['certificate', 'privateKey'] as const);
    mistake(section, given, `needs ${lacking}, too`);
    return null;
  }
  const files = { certificate, privateKey };
  const reading = readCertificate(files, now);
  if (reading.kind === 'mistakes') {
    for (const one of reading.mistakes) mistake(section, one.file, one.text);
  }
  return files;
}

const KEYS = ['ecdsa', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
const HOURS = { min: 1, max: 365 * 24, what: 'a number of hours', none: 'off' } as const;
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['cert', 'certificate'],
  ['private-key', 'privateKey'],
  ['dtls-cert-cipher', 'key'],
  ['dtls-rsa-key-size', 'key'],
]);
