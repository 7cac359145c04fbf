import { expect, test } from 'vitest';
import type { RelayOutcomes } from '../../../src/call/relays.js';
import type { RelayOutcome, SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { complete } from '../../../src/negotiation/negotiate.js';
import { decodeCall, encodeCall, withPorts } from '../../../src/store/call-codec.js';
import { audio, Conversation, FACTS } from './sample.js';

const WITH_RELAY: Facts = {
  ...FACTS,
  capabilities: new Set(['ice', 'srtp']),
  interfaces: FACTS.interfaces.map((each) => ({ ...each, relayFamily: 'IP4' })),
};
const GRANTED: RelayOutcome = { kind: 'granted', rtp: '192.0.2.9:49160', rtcp: '192.0.2.9:49161' };
const FAILED: RelayOutcome = { kind: 'failed', reason: 'the server does not answer' };

/** Alice offers to Bob, and the relay says this of all ports. */
function offered(
  conversation: Conversation,
  outcome: RelayOutcome | undefined,
  flags: Parameters<Conversation['offer']>[1] = {},
): { readonly sdp: string; readonly plan: SessionPlan } {
  const step = conversation.tryOffer(audio(7, 4000), { ice: 'force', ...flags });
  if (step.kind !== 'step') throw new Error('no step');
  const outcomes: RelayOutcomes = new Map(outcome && wanted(step.plan).map(({ id }) => [id, outcome]));
  const { call, sdp } = complete(step, conversation.bind(step.plan), outcomes);
  conversation.call = call;
  return { sdp, plan: step.plan };
}

function wanted(plan: SessionPlan) {
  return plan.streams.flatMap(({ locals }) => locals).filter(({ relay }) => relay !== undefined);
}

function candidates(sdp: string): string[] {
  return sdp.split('\r\n').filter((line) => line.startsWith('a=candidate') && line.includes('typ relay'));
}

test('a relayed candidate for each component is offered behind the host candidates', () => {
  const { sdp, plan } = offered(new Conversation(WITH_RELAY), GRANTED);
  expect(wanted(plan).map(({ relay }) => relay)).toEqual([{ separateRtcp: true, rtp: null, rtcp: null }]);
  const [rtp, rtcp, ...more] = candidates(sdp);
  expect(rtp).toMatch(/ 1 UDP 16777215 192\.0\.2\.9 49160 typ relay raddr 203\.0\.113\.5 rport \d+$/);
  expect(rtcp).toMatch(/ 2 UDP 16777214 192\.0\.2\.9 49161 typ relay raddr 203\.0\.113\.5 rport \d+$/);
  expect(more).toEqual([]);
});

test('with RTP and RTCP on one port there is one', () => {
  const { sdp, plan } = offered(
    new Conversation(WITH_RELAY),
    { ...GRANTED, rtcp: null },
    { rtcpMux: new Set(['require']) },
  );
  expect(wanted(plan)[0]?.relay).toMatchObject({ separateRtcp: false });
  expect(candidates(sdp)).toHaveLength(1);
});

test.each([
  ['refuses', FAILED],
  ['says nothing in time', undefined],
])('a relay that %s is not in the SDP, nor asked again for the same generation of ICE', (_, outcome) => {
  const conversation = new Conversation(WITH_RELAY);
  expect(candidates(offered(conversation, outcome).sdp)).toEqual([]);
  expect(wanted(offered(conversation, outcome).plan)).toEqual([]);
});

test('what was granted is offered again, and asked for by its address', () => {
  const conversation = new Conversation(WITH_RELAY);
  const first = offered(conversation, GRANTED);
  const again = offered(conversation, undefined);
  expect(candidates(again.sdp)).toEqual(candidates(first.sdp));
  expect(wanted(again.plan)[0]?.relay).toEqual({
    separateRtcp: true,
    rtp: '192.0.2.9:49160',
    rtcp: '192.0.2.9:49161',
  });
});

test('no relay is asked without ICE, as a lite agent, or on an interface without one', () => {
  expect(wanted(offered(new Conversation(WITH_RELAY), GRANTED, { ice: 'remove' }).plan)).toEqual([]);
  const without = { ...WITH_RELAY, interfaces: FACTS.interfaces };
  expect(wanted(offered(new Conversation(without), GRANTED).plan)).toEqual([]);
  const lite = offered(new Conversation(WITH_RELAY), GRANTED, { iceLite: 'forward' });
  expect(wanted(lite.plan)).toEqual([]);
});

test('what was granted is in the record of the call', () => {
  const conversation = new Conversation(WITH_RELAY);
  offered(conversation, GRANTED);
  const { call } = conversation;
  expect(call && decodeCall(encodeCall(call))).toEqual(call);
});

test('what was granted while nobody looked is in the plan', () => {
  const conversation = new Conversation(WITH_RELAY);
  const { plan } = offered(conversation, undefined);
  const read = decodeCall(plan.memo);
  const streams = plan.streams.map((stream) => ({
    ...stream,
    locals: stream.locals.map((local) =>
      local.relay ? { ...local, relay: { ...local.relay, rtp: '192.0.2.9:49160' } } : local,
    ),
  }));
  const legs = read && withPorts(read, { ...plan, streams }).legs;
  const relays = legs?.flatMap((leg) =>
    leg.streams.flatMap(({ locals }) => locals.map(({ relay }) => relay?.rtp)),
  );
  expect(relays).toContain('192.0.2.9:49160');
});
