/**
 * How long a property that doubles as a fuzz target runs: as often as usual, or for `FUZZ_SECONDS` seconds
 * (`npm run fuzz -- TARGET`).
 */
export function runs(usual: number): {
  numRuns: number;
  interruptAfterTimeLimit?: number;
  markInterruptAsFailure?: boolean;
} {
  const seconds = Number(process.env.FUZZ_SECONDS ?? 0);
  if (!(seconds > 0)) return { numRuns: usual };
  return {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
  };
}
