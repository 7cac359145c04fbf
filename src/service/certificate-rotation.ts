import type { Attachment } from './attachment.js';
import type { Certificates } from './certificates.js';

export type CertificateRotationOptions = {
  readonly certificates: Certificates;
  readonly attachment: Pick<Attachment, 'isReady' | 'maker'>;
  readonly failed: (error: unknown) => void;
};

/** Looks after the certificates once a minute. */
export class CertificateRotation {
  readonly #options: CertificateRotationOptions;
  #timer: NodeJS.Timeout | undefined;
  #isBusy = false;

  constructor(options: CertificateRotationOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#tend(), PAUSE_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects. */
  async #tend(): Promise<void> {
    const { certificates, attachment, failed } = this.#options;
    if (this.#isBusy || !attachment.isReady) return;
    this.#isBusy = true;
    try {
      await certificates.tend(attachment.maker);
    } catch (error) {
      failed(error);
    } finally {
      this.#isBusy = false;
    }
  }
}

const PAUSE_MS = 60_000;
