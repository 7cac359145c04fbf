import type { Call, Local } from '../call/call.js';
import { copyOfLeg, withLegs } from '../call/legs.js';
import { type RelayOutcomes, settled } from '../call/relays.js';
import { withLocals } from '../call/streams.js';
import type { RelayOutcome, SessionPlan } from '../dataplane/protocol.gen.js';
import { decodeCallRecord } from './call-record-decode.js';
import { callMemo, RECORD_VERSION } from './call-record-encode.js';
import { withSwappedQuotes } from './memo-text.js';

/**
 * Calls as text: for the memo in the data plane and for other nodes. Readers ignore fields they do not know and
 * refuse another major version; a change that older readers would misunderstand needs a new major.
 */
export function encodeCall(call: Call): string {
  return withSwappedQuotes(callMemo(call));
}

/**
 * A call as the data plane keeps it: quotation marks and tildes have changed places. A plan is JSON too, and would
 * have to write every quotation mark of the memo as two characters, and read it as such again.
 */
export function memoOf(call: Call): string {
  return callMemo(call);
}

/** Whether the data plane keeps a memo; it counts in UTF-8. Text from SIP has a byte in each character. */
export function fitsMemo(memo: string): boolean {
  return memo.length * 2 <= MAX_MEMO_BYTES || Buffer.byteLength(memo) <= MAX_MEMO_BYTES;
}

/** The data plane keeps no longer memo. */
export const MAX_MEMO_BYTES = 16_000;

/** `undefined`: not a call, or of a version this build cannot read. */
export function decodeCall(text: string): Call | undefined {
  let record: unknown;
  try {
    record = JSON.parse(text.startsWith('{~') ? withSwappedQuotes(text) : text);
  } catch {
    return undefined;
  }
  if (typeof record !== 'object' || record === null || !('v' in record)) return undefined;
  if (typeof record.v !== 'string' || record.v.split('.')[0] !== MAJOR) return undefined;
  return decodeCallRecord(record);
}

/** The call of a listed plan, with its ports; `undefined` if the memo cannot be read. */
export function readCall(plan: SessionPlan): Call | undefined {
  const call = decodeCall(plan.memo);
  return call && withPorts(call, plan);
}

/** The call with the ports that a plan names, as the data plane lists it. */
export function withPorts(call: Call, plan: SessionPlan): Call {
  const ports = new Map<number, number>();
  const relayed = new Map<number, RelayOutcome>();
  for (const { id, port, relay } of plan.streams.flatMap(({ locals }) => locals)) {
    if (port !== null) ports.set(id, port);
    if (typeof relay?.rtp === 'string')
      relayed.set(id, { kind: 'granted', rtp: relay.rtp, rtcp: relay.rtcp });
  }
  return withBound(call, ports, relayed);
}

/** The call with ports, and what relays have said of them, by local. */
export function withBound(call: Call, ports: ReadonlyMap<number, number>, relayed?: RelayOutcomes): Call {
  const boundLocal = (local: Local): Local => {
    const { id, peer, interface: name, address, span, relay } = local;
    const port = ports.get(id) ?? local.port;
    const bound = port === local.port ? local : { id, peer, interface: name, address, port, span, relay };
    return bound.relay && relayed ? settled(bound, relayed.get(id)) : bound;
  };
  const legs = call.legs.map((leg) => {
    const bound = copyOfLeg(leg);
    bound.streams = leg.streams.map((stream) => withLocals(stream, stream.locals.map(boundLocal)));
    return bound;
  });
  return withLegs(call, legs);
}

const [MAJOR] = RECORD_VERSION.split('.');
