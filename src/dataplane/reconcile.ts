import type { Call } from '../call/call.js';
import type { SessionPlan } from './protocol.gen.js';

/** What is to be done after a connection has come up. */
export type Reconciliation = {
  /** Calls only the data plane knew of, and holds as they should be. */
  readonly adopt: readonly Call[];
  /** Calls the data plane has lost, or holds in another state. */
  readonly reapply: readonly Call[];
  /** Sessions of calls that ended while there was no connection. */
  readonly release: readonly string[];
  /** Sessions whose record cannot be read: they are left to their media timeout. */
  readonly unreadable: readonly string[];
};

/**
 * Compares the sessions of the data plane with the calls known here. Before the control plane has been attached
 * once it knows nothing, so that unknown sessions are calls; after that they are leftovers.
 */
export function reconcile(
  listed: readonly SessionPlan[],
  known: ReadonlyMap<string, Call>,
  read: (plan: SessionPlan) => Call | undefined,
  attachedBefore: boolean,
): Reconciliation {
  const adopt: Call[] = [];
  const reapply: Call[] = [];
  const release: string[] = [];
  const unreadable: string[] = [];
  const missing = new Set(known.keys());

  for (const plan of listed) {
    const call = known.get(plan.session);
    missing.delete(plan.session);
    if (call !== undefined) {
      if (plan.revision !== call.revision) reapply.push(beyond(call, plan.revision));
      continue;
    }
    const recorded = read(plan);
    if (recorded === undefined) unreadable.push(plan.session);
    else if (attachedBefore) release.push(plan.session);
    else adopt.push(recorded);
  }
  for (const callId of missing) {
    const call = known.get(callId);
    if (call !== undefined) reapply.push(call);
  }
  return { adopt, reapply, release, unreadable };
}

/** The call with a revision the data plane takes although it has seen `revision`, e.g. of a plan given up here. */
function beyond(call: Call, revision: number): Call {
  return revision < call.revision ? call : { ...call, revision: revision + 1 };
}
