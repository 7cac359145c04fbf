import type { Call } from '../call/call.js';
import { withLearned } from '../call/learned.js';
import type { RemotePlan, SessionPlan, StreamId } from '../dataplane/protocol.gen.js';
import { readCall } from '../store/call-codec.js';

/** The call a listed plan belongs to, with its ports and what was learned of its parties meanwhile. */
export function recordedCall(plan: SessionPlan): Call | undefined {
  const recorded = readCall(plan);
  if (recorded === undefined) return undefined;
  let call: Call = { ...recorded, revision: plan.revision };
  for (const { id, resume } of plan.streams) {
    if (resume !== null) call = withResumed(call, id, resume);
  }
  return call;
}

function withResumed(call: Call, stream: StreamId, { rtp, rtcp }: RemotePlan): Call {
  const event = { kind: 'remoteLearned', session: call.callId, revision: call.revision, stream } as const;
  const withRtp = withLearned(call, { ...event, component: 'rtp', address: rtp });
  return rtcp === null ? withRtp : withLearned(withRtp, { ...event, component: 'rtcp', address: rtcp });
}
