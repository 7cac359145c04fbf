import { type CommandFailure, failure } from '../command/reply.js';
import type { SessionPlan } from '../dataplane/protocol.gen.js';
import type { Capability, Facts } from './facts.js';

/** Nobody gets silence: a plan the data plane cannot carry out is refused before anybody hears of it. */
export function refusedPlan({ streams }: SessionPlan, { capabilities }: Facts): CommandFailure | undefined {
  for (const stream of streams) {
    const needed: Capability | undefined =
      stream.security.kind !== 'none' && !capabilities.has('srtp')
        ? 'srtp'
        : stream.ice !== null && !capabilities.has('ice')
          ? 'ice'
          : undefined;
    if (needed !== undefined) return failure('unsupported', `${needed.toUpperCase()} is not supported`);
  }
  return undefined;
}
