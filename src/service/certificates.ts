import { setTimeout } from 'node:timers/promises';
import type { CertificateKey, CertificatePem, CertificatePlan } from '../dataplane/protocol.gen.js';
import type { CertificateFacts } from '../negotiation/facts.js';
import type { Events } from '../observability/events.js';

export type CertificateOptions = {
  /** Reads the configured files; `null`: the data plane makes certificates. */
  readonly files: (() => FileReading) | null;
  /** Of certificates that are made. */
  readonly key: CertificateKey;
  /** `null`: never. */
  readonly rotationMs: number | null;
  readonly events: Pick<Events, 'certificateChanged' | 'certificateUnusable' | 'certificateExpires'>;
  /** Told of another certificate for new calls. */
  readonly onChanged?: () => void;
  readonly now: () => number;
};

export type FileReading =
  | {
      readonly kind: 'certificate';
      readonly text: { readonly certificate: string; readonly privateKey: string };
    }
  | { readonly kind: 'mistakes'; readonly mistakes: readonly { readonly text: string }[] };

/** The part of the data plane that is needed here. */
export type CertificateMaker = {
  /** Resolves with all certificates, that of new calls first. */
  take(certificates: readonly CertificatePem[]): Promise<readonly CertificatePlan[]>;
  /** Begins to make one, if `insteadOf` is still that of new calls. */
  renew(key: CertificateKey, insteadOf: string): Promise<readonly CertificatePlan[]>;
};

/**
 * The certificates of this node. They survive the data plane, so that fingerprints in SDP stay right; and those that
 * were replaced are kept for the calls that were told of them.
 */
export class Certificates {
  readonly #options: CertificateOptions;
  #plans: readonly CertificatePlan[] = [];
  #facts: CertificateFacts | null = null;
  /** The files as they were last tried, so that what is wrong with them is said once. */
  #tried: string | undefined;
  #warnedOf: string | undefined;

  constructor(options: CertificateOptions) {
    this.#options = options;
  }

  /** What negotiation has to know; `null` before the first connection. The same object as long as nothing changes. */
  get facts(): CertificateFacts | null {
    return this.#facts;
  }

  /** Brings a data plane that has just been connected to the certificates there ought to be. */
  async settle(maker: CertificateMaker): Promise<void> {
    this.#adopt(await maker.take(this.#wanted()));
    await this.#renew(maker);
  }

  /** To be called now and then: takes up files that have changed, and has a certificate made when it is time. */
  async tend(maker: CertificateMaker): Promise<void> {
    const wanted = this.#wanted();
    if (wanted[0]?.certificate !== this.#plans[0]?.pem.certificate) this.#adopt(await maker.take(wanted));
    await this.#renew(maker);
  }

  async #renew(maker: CertificateMaker): Promise<void> {
    const { key } = this.#options;
    for (let tries = 0; this.#isRenewalDue(); tries++) {
      if (tries === MOST_TRIES) throw new Error('no certificate was made');
      if (tries > 0) await setTimeout(PAUSE_MS);
      this.#adopt(await maker.renew(key, this.#plans[0]?.id ?? ''));
    }
    this.#warnOfExpiry();
  }

  /** The certificate from the files in front, if there is one, then all there are. */
  #wanted(): readonly CertificatePem[] {
    const known = this.#plans.map(({ pem }) => pem);
    const fromFiles = this.#read();
    return fromFiles === undefined ? known : [fromFiles, ...known.filter((pem) => !isSame(pem, fromFiles))];
  }

  #read(): CertificatePem | undefined {
    const { files, events } = this.#options;
    if (files === null) return undefined;
    const reading = files();
    if (reading.kind === 'mistakes') {
      const reason = reading.mistakes.map(({ text }) => text).join('; ');
      if (reason !== this.#tried) events.certificateUnusable(reason);
      this.#tried = reason;
      return undefined;
    }
    this.#tried = undefined;
    const { certificate, privateKey } = reading.text;
    return { certificate, privateKey, madeHere: false };
  }

  #isRenewalDue(): boolean {
    const { files, key, rotationMs, now } = this.#options;
    const [current] = this.#plans;
    if (files !== null || current === undefined) return false;
    if (!current.pem.madeHere || !isKind(current.key, key)) return true;
    return rotationMs !== null && now() - (current.validFromMs + BACKDATED_MS) >= rotationMs;
  }

  #adopt(plans: readonly CertificatePlan[]): void {
    const [current, ...former] = plans;
    if (current === undefined) throw new Error('a data plane without certificate');
    const isOther = current.id !== this.#facts?.id;
    this.#plans = plans;
    if (!isOther) return;
    this.#facts = { ...factsOf(current), former: former.map(factsOf) };
    this.#options.events.certificateChanged(current);
    this.#options.onChanged?.();
  }

  #warnOfExpiry(): void {
    const [current] = this.#plans;
    if (current === undefined || current.id === this.#warnedOf) return;
    if (current.validUntilMs - this.#options.now() > WARNING_MS) return;
    this.#warnedOf = current.id;
    this.#options.events.certificateExpires(current);
  }
}

function factsOf({ id, fingerprints }: CertificatePlan): Pick<CertificateFacts, 'id' | 'fingerprints'> {
  return { id, fingerprints };
}

function isSame(one: CertificatePem, other: CertificatePem): boolean {
  return one.certificate === other.certificate;
}

function isKind(one: CertificateKey, other: CertificateKey): boolean {
  return one.kind === 'rsa' && other.kind === 'rsa' ? one.bits === other.bits : one.kind === other.kind;
}

/** Certificates that are made are valid from the day before on. */
const BACKDATED_MS = 86_400_000;
const WARNING_MS = 7 * 86_400_000;
/** An RSA key takes up to some seconds. */
const PAUSE_MS = 100;
const MOST_TRIES = 600;
