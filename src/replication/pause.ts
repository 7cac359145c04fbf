export type PauseRules = {
  /** Errors in a row until writing is given up for a while. `null`: any number. */
  readonly allowedErrors: number | null;
  readonly disableMs: number;
};

/** When to try again after errors: soon at first, then less often. */
export class Pause {
  #rules: PauseRules;
  #errors = 0;
  #untilMs = 0;

  constructor(rules: PauseRules) {
    this.#rules = rules;
  }

  get rules(): PauseRules {
    return this.#rules;
  }

  adjust(rules: PauseRules): void {
    this.#rules = rules;
  }

  /** There were errors, and nothing has worked since. */
  get isTroubled(): boolean {
    return this.#errors > 0;
  }

  /** How long nothing may be tried. */
  remaining(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }

  failed(nowMs: number): void {
    this.#errors += 1;
    const { allowedErrors, disableMs } = this.#rules;
    const isDisabled = allowedErrors !== null && this.#errors > allowedErrors;
    const usual = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#errors - 1, 10));
    this.#untilMs = nowMs + (isDisabled ? disableMs : usual);
  }

  succeeded(): void {
    this.#errors = 0;
    this.#untilMs = 0;
  }
}

const FIRST_MS = 50;
const LONGEST_MS = 2_000;
