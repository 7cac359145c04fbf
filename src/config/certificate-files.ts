import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Paths of a certificate and its private key, both in PEM. */
export type CertificateFiles = { readonly certificate: string; readonly privateKey: string };

export type CertificateText = {
  readonly certificate: string;
  readonly privateKey: string;
};

export type CertificateReading =
  | { readonly kind: 'certificate'; readonly text: CertificateText }
  | { readonly kind: 'mistakes'; readonly mistakes: readonly FileMistake[] };

export type FileMistake = { readonly file: keyof CertificateFiles; readonly text: string };

/** Reads both files, or says everything that keeps them from being used. */
export function readCertificate(files: CertificateFiles, now: number): CertificateReading {
  const mistakes: FileMistake[] = [];
  const attempt = <T>(file: keyof CertificateFiles, what: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      mistakes.push({ file, text: `${files[file]} ${what}: ${messageOf(error)}` });
      return undefined;
    }
  };
  const textOf = (file: keyof CertificateFiles): string | undefined =>
    attempt(file, 'cannot be read', () => readFileSync(files[file], 'utf8'));

  const [certificateText, keyText] = [textOf('certificate'), textOf('privateKey')];
  const certificate =
    certificateText === undefined
      ? undefined
      : attempt('certificate', 'is not a certificate in PEM', () => new X509Certificate(certificateText));
  const key =
    keyText === undefined
      ? undefined
      : attempt('privateKey', 'is not a private key in PEM without a passphrase', () =>
          createPrivateKey(keyText),
        );
  if (certificate !== undefined) mistakes.push(...validity(certificate, files, now));
  if (key !== undefined) mistakes.push(...kindOf(key, files));
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key)) {
    mistakes.push({ file: 'privateKey', text: `${files.privateKey} is not the key of ${files.certificate}` });
  }
  if (certificate === undefined || key === undefined || mistakes.length > 0) {
    return { kind: 'mistakes', mistakes };
  }
  const text = {
    certificate: certificate.toString(),
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
  return { kind: 'certificate', text };
}

function validity(certificate: X509Certificate, files: CertificateFiles, now: number): FileMistake[] {
  const { validFrom, validTo } = certificate;
  if (now > Date.parse(validTo)) {
    return [{ file: 'certificate', text: `${files.certificate} has expired on ${validTo}` }];
  }
  if (now < Date.parse(validFrom)) {
    return [{ file: 'certificate', text: `${files.certificate} is not valid before ${validFrom}` }];
  }
  return [];
}

/** What browsers and phones take. */
function kindOf(key: KeyObject, files: CertificateFiles): FileMistake[] {
  const refuse = (what: string): FileMistake[] => [
    {
      file: 'privateKey',
      text: `${files.privateKey} has ${what}; ECDSA (P-256, P-384, P-521) or RSA of 2048 to 8192 bits is needed`,
    },
  ];
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return CURVES.has(namedCurve ?? '') ? [] : refuse(`an ECDSA key on ${namedCurve}`);
    case 'rsa':
      return modulusLength >= 2048 && modulusLength <= 8192
        ? []
        : refuse(`an RSA key of ${modulusLength} bits`);
    default:
      return refuse(`a key of kind ${key.asymmetricKeyType}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
