import { setTimeout } from 'node:timers/promises';
import type { FastPathStatus } from '../dataplane/protocol.gen.js';
import type { DataPlane } from './ports.js';

/** What became of the fast path, once it is known: the data plane tries it out while it relays already. */
export async function decidedFastPath(dataPlane: Pick<DataPlane, 'status'>): Promise<FastPathStatus> {
  for (const started = performance.now(); ; await setTimeout(POLL_MS)) {
    const { fastPath } = await dataPlane.status();
    if (fastPath.state !== 'opening' || performance.now() - started > PATIENCE_MS) return fastPath;
  }
}

const POLL_MS = 50;
/** It takes a second or two; a machine may be slow. */
const PATIENCE_MS = 30_000;
