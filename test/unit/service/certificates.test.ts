import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { CertificateKey, CertificatePem, CertificatePlan } from '../../../src/dataplane/protocol.gen.js';
import {
  type CertificateMaker,
  type CertificateOptions,
  Certificates,
} from '../../../src/service/certificates.js';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

let now: number;
let maker: Maker;
let said: string[];

/** A data plane's part: keeps what it is given in front of what it has. */
class Maker implements CertificateMaker {
  held: CertificatePlan[] = [];
  /** Answers to `renew` before the certificate is there. */
  slowness = 0;
  made = 0;

  constructor() {
    this.held = [this.#make({ kind: 'ecdsa' })];
  }

  async take(certificates: readonly CertificatePem[]): Promise<readonly CertificatePlan[]> {
    const given = certificates.map((pem) => this.held.find((one) => isSame(one.pem, pem)) ?? planOf(pem));
    this.held = [...given, ...this.held.filter(({ id }) => given.every((one) => one.id !== id))];
    return this.held;
  }

  async renew(key: CertificateKey, insteadOf: string): Promise<readonly CertificatePlan[]> {
    if (this.slowness-- <= 0 && this.held[0]?.id === insteadOf) this.held = [this.#make(key), ...this.held];
    return this.held;
  }

  #make(key: CertificateKey): CertificatePlan {
    this.made += 1;
    const pem = { certificate: `made ${this.made}`, privateKey: '', madeHere: true };
    return { ...planOf(pem), key, validFromMs: now - DAY_MS };
  }
}

function planOf(pem: CertificatePem): CertificatePlan {
  const fingerprints = [{ hash: 'sha-256', value: pem.certificate }];
  const validity = { validFromMs: now, validUntilMs: now + 400 * DAY_MS };
  return { id: pem.certificate, pem, key: { kind: 'ecdsa' }, ...validity, fingerprints };
}

function isSame(one: CertificatePem, other: CertificatePem): boolean {
  return one.certificate === other.certificate;
}

function certificates(options: Partial<CertificateOptions> = {}): Certificates {
  return new Certificates({
    files: null,
    key: { kind: 'ecdsa' },
    rotationMs: WEEK_MS,
    events: {
      certificateChanged: ({ id }) => void said.push(`changed to ${id}`),
      certificateUnusable: (reason) => void said.push(`unusable: ${reason}`),
      certificateExpires: ({ id }) => void said.push(`${id} expires`),
    },
    now: () => now,
    ...options,
  });
}

const inFile = (certificate: string) =>
  ({ kind: 'certificate', text: { certificate, privateKey: 'key' } }) as const;

beforeEach(() => {
  now = 1_800_000_000_000;
  said = [];
  maker = new Maker();
});

describe('a certificate that is made', () => {
  test('is that of the data plane', async () => {
    const own = certificates();
    await own.settle(maker);
    expect(own.facts).toMatchObject({ id: 'made 1', former: [] });
  });

  test('is renewed when its time is over, and stays known for calls that were told of it', async () => {
    const own = certificates();
    await own.settle(maker);
    const { facts } = own;
    now += WEEK_MS - 1;
    await own.tend(maker);
    expect(own.facts).toBe(facts);
    now += 1;
    await own.tend(maker);
    expect(own.facts).toMatchObject({ id: 'made 2', former: [{ id: 'made 1' }] });
    expect(said).toEqual(['changed to made 1', 'changed to made 2']);
  });

  test('is never renewed where that is off', async () => {
    const own = certificates({ rotationMs: null });
    await own.settle(maker);
    now += 100 * WEEK_MS;
    await own.tend(maker);
    expect(own.facts?.id).toBe('made 1');
  });

  test('is made anew if it has not the key that was asked for', async () => {
    const own = certificates({ key: { kind: 'rsa', bits: 3072 } });
    await own.settle(maker);
    expect(own.facts).toMatchObject({ id: 'made 2', former: [{ id: 'made 1' }] });
  });

  test('is waited for', async () => {
    vi.useFakeTimers();
    try {
      maker.slowness = 3;
      const own = certificates({ key: { kind: 'rsa', bits: 4096 } });
      const settled = own.settle(maker);
      await vi.runAllTimersAsync();
      await settled;
      expect(own.facts?.id).toBe('made 2');
    } finally {
      vi.useRealTimers();
    }
  });

  test('goes to a data plane that takes the place of a dead one, with those before', async () => {
    const own = certificates();
    await own.settle(maker);
    now += WEEK_MS;
    await own.tend(maker);
    const { facts } = own;
    const next = new Maker();
    next.held = [planOf({ certificate: 'of the next start', privateKey: '', madeHere: true })];
    await own.settle(next);
    expect(next.held.map(({ id }) => id)).toEqual(['made 2', 'made 1', 'of the next start']);
    expect(own.facts).toBe(facts);
  });
});

describe('a certificate from files', () => {
  test('is that of new calls as soon as the files have changed', async () => {
    let file = 'from a file';
    const own = certificates({ files: () => inFile(file) });
    await own.settle(maker);
    expect(own.facts).toMatchObject({ id: 'from a file', former: [{ id: 'made 1' }] });
    now += 100 * WEEK_MS;
    await own.tend(maker);
    expect(own.facts?.id).toBe('from a file');
    file = 'its successor';
    await own.tend(maker);
    expect(own.facts).toMatchObject({
      id: 'its successor',
      former: [{ id: 'from a file' }, { id: 'made 1' }],
    });
    expect(maker.made).toBe(1);
  });

  test('that cannot be used leaves the one before in use, and is told of once', async () => {
    let isBroken = false;
    const mistakes = { kind: 'mistakes', mistakes: [{ text: 'no file' }, { text: 'no key' }] } as const;
    const own = certificates({ files: () => (isBroken ? mistakes : inFile('good')) });
    await own.settle(maker);
    isBroken = true;
    await own.tend(maker);
    await own.tend(maker);
    expect(own.facts?.id).toBe('good');
    expect(said).toEqual(['changed to good', 'unusable: no file; no key']);
    isBroken = false;
    await own.tend(maker);
    isBroken = true;
    await own.tend(maker);
    expect(said.length).toBe(3);
  });

  test('gives way to one that is made when the files are taken out of the configuration', async () => {
    await certificates({ files: () => inFile('good') }).settle(maker);
    const own = certificates();
    await own.settle(maker);
    expect(own.facts).toMatchObject({ id: 'made 2', former: [{ id: 'good' }, { id: 'made 1' }] });
  });

  test('is warned of a week before it expires, once', async () => {
    const own = certificates({ files: () => inFile('good') });
    await own.settle(maker);
    now += 393 * DAY_MS;
    await own.tend(maker);
    await own.tend(maker);
    expect(said).toEqual(['changed to good', 'good expires']);
  });
});
