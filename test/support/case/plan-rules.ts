import { planText } from '../../../src/dataplane/plan-text.js';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';

/** What holds for every plan, whatever the case is about. Throws the rule that is broken. */
export function checkPlan(plan: SessionPlan, before: SessionPlan | undefined): void {
  if (before && plan.revision <= before.revision) throw new Error('the revision of the plan did not grow');
  if (plan.memo.length > 16_384) throw new Error(`the memo has ${plan.memo.length} bytes`);
  if (planText(plan) !== JSON.stringify(plan)) throw new Error('the plan is not written as it is');

  const streams = new Set(plan.streams.map(({ id }) => id));
  if (streams.size !== plan.streams.length) throw new Error('two streams have one id');
  const ports = plan.streams.flatMap(({ locals }) => locals.map(({ address, port }) => `${address}:${port}`));
  if (new Set(ports).size !== ports.length) throw new Error(`a port is used twice: ${ports.join(' ')}`);
  for (const stream of plan.streams) {
    const { bundle } = stream;
    const isCarried = bundle !== null && bundle.transport !== stream.id;
    if (stream.locals.length === 0 && !isCarried) throw new Error(`stream ${stream.id} has no local ports`);
    if (isCarried && (stream.security.kind !== 'none' || stream.ice !== null))
      throw new Error(`stream ${stream.id} has keys or ICE besides its transport`);
    if (bundle !== null) checkBundle(plan, stream.id, bundle.transport);
    if (bundle !== null && stream.rtcp !== 'muxed') throw new Error(`stream ${stream.id} is not multiplexed`);
    if (stream.payloads.length > 64)
      throw new Error(`stream ${stream.id} has ${stream.payloads.length} payloads`);
    for (const remote of [stream.remote, stream.pendingRemote]) {
      if (remote === null) continue;
      if (!isSocketAddress(remote.rtp)) throw new Error(`not a socket address: ${remote.rtp}`);
      if (remote.rtcp !== null && !isSocketAddress(remote.rtcp))
        throw new Error(`not a socket address: ${remote.rtcp}`);
      if (stream.rtcp !== 'separate' && remote.rtcp !== null)
        throw new Error(`stream ${stream.id} has no use for RTCP`);
    }
  }
  const pairs = plan.routes.map(({ from, to }) => `${from} ${to}`);
  if (new Set(pairs).size !== pairs.length) throw new Error('two routes connect the same streams');
  for (const { from, to } of plan.routes) {
    if (!streams.has(from) || !streams.has(to)) throw new Error(`route ${from} to ${to} has no stream`);
  }
}

function checkBundle(plan: SessionPlan, stream: number, transport: number): void {
  const carrier = plan.streams.find(({ id }) => id === transport);
  if (carrier?.bundle?.transport !== transport || carrier.locals.length === 0)
    throw new Error(`stream ${stream} uses a transport that is none: ${transport}`);
  const members = plan.streams.filter(({ bundle }) => bundle?.transport === transport);
  const isAlone = members.length < 2 && members[0]?.bundle?.midExtension === null;
  if (isAlone) throw new Error(`stream ${stream} is bundled with nobody`);
}

function isSocketAddress(text: string): boolean {
  return /^(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]):[1-9]\d{0,4}$/.test(text);
}
