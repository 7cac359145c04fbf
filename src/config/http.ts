import { type CertificateFiles, readCertificate } from './certificate-files.js';
import { finish, list, mistake, type Section, shown, subsection, text } from './fields.js';
import type { HttpConfig } from './schema.js';

export function decodeHttp(top: Section, now = Date.now()): HttpConfig {
  const section = subsection(top, 'http');
  const decoded = { webPages: webPages(section), files: certificateFiles(section, now) };
  finish(section, OTHER_NAMES);
  return decoded;
}

function webPages(section: Section): readonly string[] {
  const origins: string[] = [];
  for (const { value, path } of list(section, 'webPages') ?? []) {
    const origin = value.kind === 'scalar' ? String(value.value) : '';
    if (origin === '*' || isOrigin(origin)) origins.push(origin);
    else {
      const text = `${shown(value)} is not * or an origin such as https://pbx.example.com`;
      section.mistakes.push({ where: value.where, path, text });
    }
  }
  return origins;
}

/** As browsers write them: no path, no port that goes without saying. */
function isOrigin(written: string): boolean {
  return URL.canParse(written) && /^https?:/.test(written) && new URL(written).origin === written;
}

/** One file may hold both. */
function certificateFiles(section: Section, now: number): CertificateFiles | null {
  const certificate = text(section, 'certificate');
  const privateKey = text(section, 'privateKey') ?? certificate;
  if (certificate === undefined) {
    if (privateKey !== undefined) mistake(section, 'privateKey', 'needs certificate, too');
    return null;
  }
  const files = { certificate, privateKey: privateKey ?? certificate };
  const reading = readCertificate(files, now);
  if (reading.kind === 'mistakes') {
    for (const one of reading.mistakes) mistake(section, one.file, one.text);
  }
  return files;
}

const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['https-cert', 'certificate'],
  ['https-key', 'privateKey'],
  ['cors', 'webPages'],
  ['origins', 'webPages'],
]);
