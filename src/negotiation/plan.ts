import { isCarried } from '../call/bundle.js';
import type { Call, Dialogue, Leg, Local, Restriction, Signalled, Stream } from '../call/call.js';
import { hidesKeys, reportsKeys, watchedPayloadTypes } from '../call/keys.js';
import { currentDialogue, isOverruled, legById, peerIn, peerLine } from '../call/legs.js';
import { commonPayloads, unpackPayloads } from '../call/payloads.js';
import { receives, rtcpAddress, sends, streamKind } from '../call/signalled.js';
import type {
  LocalPlan,
  MediaAction,
  PayloadPlan,
  RemotePlan,
  RoutePlan,
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
import { icePlan } from './ice-plan.js';
import { tapPlans } from './recording.js';
import { rtcpRules } from './rtcp-rules.js';
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

/** One way of media between two legs. */
type Flow = {
  readonly from: Stream;
  readonly to: Stream;
  readonly isAllowed: boolean;
  readonly plan: RoutePlan;
};

/**
 * Everybody hears the dialogue that was answered last; before any answer, the newest. So in a fork the offerer talks
 * with the branch that answered last and with no other: most proxies do not say which answer is the final one.
 */
function flowsOf(call: Call): Flow[] {
  const flows: Flow[] = [];
  for (const listener of call.legs) {
    const dialogue = currentDialogue(call, listener.id);
    if (dialogue === undefined) continue;
    if (listener.hears !== undefined) {
      if (listener.hears === 'itself') flows.push(...echoes(call, dialogue, listener));
      continue;
    }
    const talker = legById(call, peerIn(dialogue, listener.id));
    if (isOverruled(call, talker.id, dialogue)) continue;
    for (const [line, to] of listener.streams.entries()) {
      const partner = peerLine(dialogue, listener.id, line);
      const from = partner === undefined ? undefined : talker.streams[partner];
      if (from && isRouted(from) && isRouted(to)) flows.push(flow(call, dialogue, talker, from, to));
    }
  }
  return flows;
}

function echoes(call: Call, dialogue: Dialogue, leg: Leg): Flow[] {
  return leg.streams.filter(isRouted).map((stream) => flow(call, dialogue, leg, stream, stream));
}

function flow(call: Call, dialogue: Dialogue, talker: Leg, from: Stream, to: Stream): Flow {
  const isAllowed =
    (from.inForce === undefined || sends(from.inForce)) && (to.inForce === undefined || receives(to.inForce));
  const onDialogue = dialogue.a === talker.id ? dialogue.restrictionsToB : dialogue.restrictionsToA;
  const restrictions = [...call.restrictions, ...talker.restrictions, ...onDialogue];
  const plan: RoutePlan = {
    from: from.id,
    to: to.id,
    media: call.dropTraffic ? 'drop' : mediaAction(restrictions),
    telephoneEvents:
      call.dropTraffic || restrictions.includes('block DTMF') || hidesKeys(call, from.id)
        ? 'drop'
        : 'forward',
  };
  return { from, to, isAllowed, plan };
}

function mediaAction(restrictions: readonly Restriction[]): MediaAction {
  if (restrictions.includes('block media')) return 'drop';
  return restrictions.includes('silence media') ? 'silence' : 'forward';
}

function isPlanned(stream: Stream): boolean {
  return stream.locals.length > 0 || isCarried(stream);
}

function isRouted(stream: Stream): boolean {
  return isPlanned(stream) && stream.inForce?.rejected !== true;
}

function streamPlan(call: Call, leg: Leg, stream: Stream, flows: readonly Flow[]): StreamPlan {
  const reached = asReached(leg, stream);
  const rtcp = rtcpMode(reached);
  const said = stream.inForce;
  const outgoing = flows.filter(({ from }) => from === stream);
  const protection = isCarried(stream) ? UNPROTECTED : protectionPlan(call, leg, stream, flows);
  const isHeard = outgoing.length === 0 || outgoing.some(({ isAllowed }) => isAllowed);
  return {
    id: stream.id,
    locals: stream.locals.map(localPlan),
    bundle: bundlePlan(leg, stream),
    kind: isRelayedAsRtp(reached) ? 'rtp' : 'opaque',
    rtcp,
    rtcpRules: rulesOf(call, stream, flows),
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
    receive: (said === undefined || sends(said)) && isHeard,
    hiddenExtensions: hiddenExtensions(stream),
    payloads: withKeys(payloadPlans(stream, outgoing), call, stream),
    ...protection,
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

function rulesOf(call: Call, stream: Stream, flows: readonly Flow[]): RtcpRules | null {
  if (rtcpMode(stream) === 'none') return null;
  const partner = flows.find(({ to }) => to === stream)?.from;
  return partner ? rtcpRules(call, stream, partner) : null;
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

const UNPROTECTED: ProtectionPlan = { security: { kind: 'none' }, ice: null };
