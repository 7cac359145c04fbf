import { isCarried } from '../call/bundle.js';
import type { Call, Leg, Local, Signalled, Stream } from '../call/call.js';
import { reportsKeys, watchedPayloadTypes } from '../call/keys.js';
import { commonPayloads, unpackPayloads } from '../call/payloads.js';
import { rtcpAddress, sends, streamKind } from '../call/signalled.js';
import { subscriptionOf } from '../call/subscriptions.js';
import type {
  LocalPlan,
  PayloadPlan,
  RemotePlan,
  RtcpRules,
  RtcpMode,
  SessionPlan,
  StreamPlan,
} from '../dataplane/protocol.gen.js';
import { remembered } from '../remembered.js';
import type { RtpMap } from '../sdp/payloads.js';
import { memoOf } from '../store/call-codec.js';
import { asReached, bundlePlan } from './bundle-plan.js';
import { hiddenExtensions } from './extensions.js';
import { type Flow, isPlanned } from './flows.js';
import { icePlan } from './ice-plan.js';
import { flowsOf } from './listening.js';
import { tapPlans } from './recording.js';
import { type OwnReports, rtcpRules } from './rtcp-rules.js';
import { securityPlan } from './security-plan.js';

type ProtectionPlan = Pick<StreamPlan, 'security' | 'ice'>;

/** The desired state of the data plane for a call: the only place that says it. */
export function planOf(call: Call): SessionPlan {
  const flows = flowsOf(call);
  const { mediaMs, silentMs, offerMs, firstPacketMs } = call.timeouts;
  const streams = call.legs.flatMap((leg) =>
    leg.streams.filter(isPlanned).map((stream) => streamPlan(call, leg, stream, flows)),
  );
  const taps = tapPlans(call, streams);
  return {
    session: call.callId,
    revision: call.revision,
    memo: memoOf(call),
    tos: call.tos,
    timeouts: { mediaMs, silentMs, offerMs, firstPacketMs },
    reportTelephoneEvents: reportsKeys(call),
    streams,
    routes: flows.map(({ plan }) => plan),
    ...(taps && { taps }),
  };
}

function streamPlan(call: Call, leg: Leg, stream: Stream, flows: readonly Flow[]): StreamPlan {
  const reached = asReached(leg, stream);
  const rtcp = rtcpMode(reached);
  const said = stream.inForce;
  const outgoing = flows.filter(({ from }) => from === stream);
  const talks = outgoing.filter(({ kind }) => kind === 'talk');
  const subscription = subscriptionOf(call, leg.id);
  const protection = isCarried(stream) ? UNPROTECTED : protectionPlan(call, leg, stream, flows);
  const isHeard = talks.length === 0 || talks.some(({ isAllowed }) => isAllowed);
  const maySend = subscription === undefined || subscription.talksBack;
  return {
    id: stream.id,
    locals: stream.locals.map(localPlan),
    bundle: bundlePlan(leg, stream),
    kind: isRelayedAsRtp(reached) ? 'rtp' : 'opaque',
    rtcp,
    rtcpRules: rulesOf(stream, flows, {
      isOurs: call.generateRtcp === true || subscription?.generatesRtcp === true,
      usualMs: call.rtcpIntervalMs,
    }),
    remote: remotePlan(reached.inForce, rtcp),
    pendingRemote: pendingRemote(stream, rtcp),
    resume: resumePlan(stream, rtcp),
    snapshot: null,
    learning: {
      mode: call.learning.mode,
      strict: call.learning.strict,
      handover: call.learning.handover,
      asymmetric: leg.asymmetric,
      wait: leg.natWait,
      pierce: leg.pierceNat,
      epoch: stream.epoch,
    },
    receive: maySend && (said === undefined || sends(said)) && isHeard,
    hiddenExtensions: hiddenExtensions(stream),
    payloads: withKeys(payloadPlans(stream, outgoing), call, stream),
    ...protection,
    ...(subscription && LISTENER),
  };
}

function localPlan({ id, interface: name, address, port, span, relay }: Local): LocalPlan {
  const plan: LocalPlan = { id, interface: name, address, port: port ?? null, span };
  if (relay !== undefined && !relay.failed) {
    const { separateRtcp, rtp, rtcp } = relay;
    plan.relay = { separateRtcp, rtp: rtp ?? null, rtcp: rtcp ?? null };
  }
  return plan;
}

function protectionPlan(call: Call, leg: Leg, stream: Stream, flows: readonly Flow[]): ProtectionPlan {
  if (stream.security === undefined && stream.ice === undefined) return UNPROTECTED;
  const own = flows.filter(({ from, to }) => from === stream || to === stream);
  const partners = own.map(({ from, to }) => (from === stream ? to : from));
  const isRead = call.readsKeys === true || reportsKeys(call) || [stream, ...partners].some(hasToBeRead);
  const reached = asReached(leg, stream);
  return {
    security: securityPlan(reached, partners, isRead),
    ice: icePlan(leg, reached, rtcpMode(reached) === 'muxed'),
  };
}

/** What several streams share, to tell them apart; and headers, which are authentic as they are, to alter them. */
function hasToBeRead(stream: Stream): boolean {
  return stream.bundle !== undefined || hiddenExtensions(stream).length > 0;
}

function rulesOf(stream: Stream, flows: readonly Flow[], reports: OwnReports): RtcpRules | null {
  if (rtcpMode(stream) === 'none') return null;
  const partner = flows.find(({ to }) => to === stream)?.from;
  return partner ? rtcpRules(stream, partner, reports) : null;
}

/** Where the parties do ICE with each other, their checks and handshakes have to come through like their media. */
function isRelayedAsRtp(stream: Stream): boolean {
  return streamKind(stream) === 'rtp' && (stream.transparent ?? 'keys') === 'keys';
}

/** What the party multiplexes: as answered, or as our offer to it takes for granted. */
function rtcpMode(stream: Stream): RtcpMode {
  if (stream.transparent === 'ports') return 'separate';
  if (!isRelayedAsRtp(stream)) return 'none';
  const isMuxed =
    stream.muxed ||
    stream.bundle !== undefined ||
    (stream.inForce === undefined && stream.muxOffer === 'required');
  return isMuxed ? 'muxed' : 'separate';
}

function remotePlan(said: Signalled | undefined, rtcp: RtcpMode): RemotePlan | null {
  if (said?.addresses === undefined) return null;
  return {
    rtp: said.addresses.rtp,
    rtcp: rtcp === 'separate' ? (rtcpAddress(said.addresses) ?? null) : null,
  };
}

function pendingRemote(stream: Stream, rtcp: RtcpMode): RemotePlan | null {
  const pending = remotePlan(stream.offered, rtcp);
  const present = remotePlan(stream.inForce, rtcp);
  if (pending === null || stream.offered?.rejected) return null;
  return pending.rtp === present?.rtp && pending.rtcp === present.rtcp ? null : pending;
}

function resumePlan(stream: Stream, rtcp: RtcpMode): RemotePlan | null {
  const learned = stream.learned;
  if (learned?.rtp === undefined) return null;
  return { rtp: learned.rtp, rtcp: rtcp === 'separate' ? (learned.rtcp ?? null) : null };
}

/** What both sides speak; before the answer, what was offered. */
function payloadPlans(stream: Stream, outgoing: readonly Flow[]): PayloadPlan[] {
  if (stream.inForce?.rejected) return [];
  const own = stream.inForce?.payloads ?? '';
  const other = outgoing[0]?.to.inForce?.payloads;
  const payloads = other === undefined ? unpackPayloads(own) : commonPayloads(own, other);
  return namedPayloads(payloads);
}

/** The very same list each time, so that it is written once (`planText`). */
const namedPayloads = remembered((payloads: readonly RtpMap[]): PayloadPlan[] =>
  payloads
    .filter(isNamed)
    .slice(0, MAX_PAYLOADS)
    .map(({ payloadType, encoding, clockRate }) => ({ payloadType, codec: encoding, clockRate })),
);

/** And what a client that knows no SDP has said of how keys come. */
function withKeys(payloads: PayloadPlan[], call: Call, { id }: Stream): PayloadPlan[] {
  const watched = watchedPayloadTypes(call, id);
  if (watched.length === 0) return payloads;
  return [
    ...payloads,
    ...watched.map((payloadType) => ({ payloadType, codec: 'telephone-event', clockRate: 8000 })),
  ];
}

function isNamed({ encoding, clockRate }: RtpMap): boolean {
  return encoding !== '' && clockRate > 0;
}

/** The data plane takes no more per stream. */
const MAX_PAYLOADS = 64;

const LISTENER = { listener: true };

const UNPROTECTED: ProtectionPlan = { security: { kind: 'none' }, ice: null };
