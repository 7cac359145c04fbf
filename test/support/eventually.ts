import { vi } from 'vitest';

/** Asserts again and again until it holds, or until it is clear that something hangs. */
export function eventually(assertion: () => void): Promise<void> {
  return vi.waitFor(assertion, { timeout: 30_000 });
}
