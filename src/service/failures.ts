import type { LoadLimit } from '../command/load.js';
import { type CommandFailure, failure } from '../command/reply.js';
import type { DataPlaneError } from './ports.js';

/** The text proxies know as: try the next node. */
export const SESSION_LIMIT = 'Parallel session limit reached';

/** For clients that know the reply `load limit`. */
export const LOAD_TEXTS: Readonly<Record<LoadLimit, string>> = {
  cpuPercent: 'CPU usage limit exceeded',
  loadAverage: 'Load limit exceeded',
  bytesPerSecond: 'Bandwidth limit exceeded',
};

/** The text proxies know as: try the next node. */
export const OUT_OF_PORTS = 'Ran out of ports';

/** What a client is told of a request the data plane did not carry out. Addresses stay out of it. */
export function dataPlaneFailure({ detail }: DataPlaneError): CommandFailure {
  switch (detail.code) {
    case 'portRangeFull':
    case 'outOfSockets':
      return failure('outOfPorts', OUT_OF_PORTS);
    case 'tooManySessions':
    case 'shuttingDown':
      return failure('limit', SESSION_LIMIT);
    case 'portBusy':
      return failure('unavailable', `Port ${detail.port} is taken by another program`);
    case 'addressNotLocal':
      return failure('unavailable', 'Media address is not an address of this host');
    case 'noSuchInterface':
      return failure('unavailable', `No interface named ${detail.name}`);
    case 'unsupported':
      return failure('unsupported', `Not supported: ${detail.feature}`);
    case 'disconnected':
    case 'timeout':
      return failure('unavailable', 'Media relay is not available');
    case 'overtaken':
    case 'stalePlan':
    case 'badPlan':
    case 'badFrame':
    case 'fingerprintMismatch':
    case 'internal':
      return failure('internal', 'Internal error');
  }
}

/** A command that exists, but not here. */
export function unsupportedCommand(name: string): CommandFailure {
  return failure('unsupported', UNSUPPORTED.get(name) ?? `${name} is not supported`);
}

/** What clients know of those whose reason is one. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['inject start', 'Failed to start inject: mixing is not supported'],
  ['inject stop', 'Failed to stop inject: mixing is not supported'],
  ['transform', 'Failed to set up transform: transcoding is not supported'],
]);

/** True if the data plane may have carried the request out all the same. */
export function outcomeUnknown({ detail }: DataPlaneError): boolean {
  return detail.code === 'disconnected' || detail.code === 'timeout';
}
