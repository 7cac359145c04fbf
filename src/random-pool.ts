import { randomFillSync } from 'node:crypto';
import type { Random } from './service/ports.js';

/** Cryptographic randomness in bulk: a request of the kernel's for each few bytes costs more than the bytes. */
export function randomPool(): Random {
  let pool = Buffer.alloc(0);
  let at = 0;
  return {
    bytes(count) {
      if (count > POOL_BYTES) return randomFillSync(Buffer.alloc(count));
      if (at + count > pool.length) {
        // A new one each time: the parts given out stay as they are.
        pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES));
        at = 0;
      }
      at += count;
      return pool.subarray(at - count, at);
    },
  };
}

const POOL_BYTES = 16_384;
