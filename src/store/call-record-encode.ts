import type { SignalledBundle } from '../call/bundle.js';
import type {
  Addresses,
  Call,
  CallTimeouts,
  Dialogue,
  EarlyFragment,
  KeyWatch,
  Leg,
  Local,
  LocalRelay,
  Signalled,
  Stream,
  StreamPair,
  ToldOrigin,
} from '../call/call.js';
import { listOf } from '../json-text.js';
import type { Link } from '../call/links.js';
import type { Feed, Subscription } from '../call/subscriptions.js';
import { type Tap, TAP_LINKS, TAP_PURPOSES, TAP_SIDES, TAP_STATES } from '../call/taps.js';
import { keySequenceMemo } from './key-sequence-record.js';
import { flagAt, numberAt, partAt, quoted, quotedOrNull, textAt, textsAt } from './memo-text.js';
import { iceMemo, saidIceMemo, saidSecurityMemo, securityMemo } from './protection-record.js';

/** Major and minor version of the written form of a call. Absent fields are false, empty or unknown. */
export const RECORD_VERSION = '1.1';

/**
 * Writes a call as a memo. It is written in one go, since a negotiation writes the whole call: by way of objects it
 * takes three times as long.
 */
export function callMemo(call: Call): string {
  const { timeouts, learning } = call;
  let text = `{~v~:~${RECORD_VERSION}~`;
  text += textAt('id', call.callId);
  text += numberAt('r', call.revision);
  text += numberAt('c', call.createdMs);
  text += numberAt('s', call.lastSignalMs);
  text += textAt('f', call.createdFrom);
  text += textAt('md', call.metadata);
  text += textAt('xc', call.xmlrpcCallback);
  text += textAt('dl', call.dtmfLogDestination);
  text += numberAt('tos', call.tos);
  text += partAt('to', timeoutsMemo(timeouts));
  text += textAt('lm', learning.mode);
  text += flagAt('ls', learning.strict);
  text += flagAt('lh', learning.handover);
  text += numberAt('dd', call.deleteDelayMs);
  text += numberAt('da', call.deleteAtMs);
  text += flagAt('dt', call.dropTraffic);
  text += flagAt('gr', call.generateRtcp);
  text += numberAt('ri', call.rtcpIntervalMs);
  text += flagAt('fw', call.forwarding);
  text += textsAt('re', call.restrictions);
  text += numberAt('n', call.nextId);
  const parameters = saidParameters(call);
  if (parameters.length > 0)
    text += partAt(
      'fps',
      listOf(parameters, (lines) => listOf(linesOf(lines), quoted)),
    );
  text += partAt(
    'legs',
    listOf(call.legs, (leg) => legMemo(leg, parameters)),
  );
  text += partAt('dlg', listOf(call.dialogues, dialogueMemo));
  text += partAt('pr', call.pairs && listOf(call.pairs, pairMemo));
  text += partAt('ks', call.keySequences && listOf(call.keySequences, keySequenceMemo));
  text += partAt('kw', call.keyWatches && listOf(call.keyWatches, keyWatchMemo));
  text += flagAt('tk', call.tellsKeys);
  text += numberAt('ot', call.ownTimeoutMs);
  text += partAt('ef', call.earlyFragments && listOf(call.earlyFragments, fragmentMemo));
  text += partAt('tp', call.taps && listOf(call.taps, tapMemo));
  text += flagAt('rk', call.readsKeys);
  text += partAt('su', call.subscriptions && listOf(call.subscriptions, subscriptionMemo));
  text += partAt('li', call.links && listOf(call.links, linkMemo));
  text += partAt('go', call.departed && listOf(call.departed, (leg) => legMemo(leg, parameters)));
  return `${text}}`;
}

/** In milliseconds. */
function timeoutsMemo({ mediaMs, silentMs, offerMs, firstPacketMs, finalMs }: CallTimeouts): string {
  return `[${mediaMs},${silentMs},${offerMs},${firstPacketMs},${finalMs}]`;
}

/** Each once: the media of a browser have the same ones, and so has its peer. */
function saidParameters({ legs }: Call): readonly string[] {
  const said = new Set<string>();
  for (const { streams } of legs) {
    for (const { inForce, offered } of streams) {
      if (inForce?.parameters !== undefined) said.add(inForce.parameters);
      if (offered?.parameters !== undefined) said.add(offered.parameters);
    }
  }
  return [...said];
}

function legMemo(leg: Leg, parameters: readonly string[]): string {
  let text = `{~i~:${leg.id}`;
  text += textAt('t', leg.tag);
  text += textsAt('al', leg.aliases);
  text += textAt('ak', leg.aliasKey);
  text += textAt('vb', leg.viaBranch);
  text += textAt('lb', leg.label);
  text += textAt('md', leg.metadata);
  text += numberAt('c', leg.createdMs);
  text += textAt('if', leg.interface);
  text += textAt('fa', leg.family);
  text += flagAt('as', leg.asymmetric);
  text += flagAt('nw', leg.natWait);
  text += flagAt('pn', leg.pierceNat);
  text += flagAt('ud', leg.unidirectional);
  text += flagAt('po', leg.ptimeOverridden);
  text += textAt('he', leg.hears);
  text += flagAt('li', leg.iceLite);
  text += flagAt('fw', leg.forwarding);
  text += flagAt('ur', leg.unrecorded);
  text += textsAt('re', leg.restrictions);
  text += numberAt('da', leg.deleteAtMs);
  text += partAt('o', toldMemo(leg.told));
  text += textAt('tw', leg.twins);
  text += partAt(
    'st',
    listOf(leg.streams, (stream) => streamMemo(stream, parameters)),
  );
  return `${text}}`;
}

function toldMemo(told: ToldOrigin): string | undefined {
  const { username, sessionId, version, address, sessionName, bodyHash } = told;
  const values = [username, sessionId, version, address, sessionName, bodyHash];
  return values.some((value) => value !== undefined) ? listOf(values, quotedOrNull) : undefined;
}

function streamMemo(stream: Stream, parameters: readonly string[]): string {
  const { inForce, offered, learned, security, ice } = stream;
  let text = `{~i~:${stream.id}`;
  text += textAt('t', stream.type);
  text += textAt('p', stream.protocol);
  text += textAt('m', stream.mid);
  text += partAt('f', inForce && signalledMemo(inForce, parameters));
  text += partAt('o', offered && signalledMemo(offered, parameters));
  text += partAt('l', listOf(stream.locals, localMemo));
  text += numberAt('nl', stream.nextLocal);
  text += numberAt('b', stream.bundle);
  text += numberAt('bo', stream.bundleOffer);
  text += flagAt('om', stream.hasOwnMid);
  text += flagAt('x', stream.muxed);
  text += partAt('xa', stream.muxAnswer === undefined ? undefined : `${stream.muxAnswer}`);
  if (stream.muxOffer !== 'none') text += textAt('xo', stream.muxOffer);
  text += numberAt('pt', stream.ptimeMs);
  text += flagAt('u', stream.used);
  text += numberAt('e', stream.epoch);
  text += partAt('lr', learned && addressesMemo(learned));
  text += partAt('sc', security && securityMemo(security));
  text += textAt('tp', stream.transparent);
  text += partAt('ic', ice && iceMemo(ice));
  text += flagAt('ir', stream.iceRefused);
  return `${text}}`;
}

function signalledMemo(said: Signalled, parameters: readonly string[]): string {
  const { addresses, security, ice, bundled } = said;
  let text = `{~t~:${quoted(said.type)}`;
  text += textAt('p', said.protocol);
  text += textAt('f', said.formats);
  text += partAt('a', addresses && addressesMemo(addresses));
  if (said.direction !== 'sendrecv') text += textAt('d', said.direction);
  text += flagAt('x', said.rtcpMux);
  text += flagAt('r', said.rejected);
  text += numberAt('pt', said.ptimeMs);
  text += textAt('pl', said.payloads);
  if (said.parameters !== undefined) text += numberAt('fp', parameters.indexOf(said.parameters));
  text += textAt('fb', said.rtcp);
  text += partAt('sc', security && saidSecurityMemo(security));
  text += partAt('ic', ice && saidIceMemo(ice));
  // By themselves, since a line end in a text costs three characters in a plan.
  text += textsAt('cd', ice && linesOf(ice.candidates));
  text += textAt('mk', said.masked);
  text += partAt('b', bundled && bundledMemo(bundled));
  return `${text}}`;
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n');
}

/** 0: no header extension. */
function bundledMemo({ group, place, dependent, midExtension, ssrcs }: SignalledBundle): string {
  return `[${group},${place},${dependent ? 1 : 0},${midExtension ?? 0},${quoted(ssrcs)}]`;
}

/** RTP, and RTCP where it is not the next port. */
function addressesMemo({ rtp, rtcp }: Addresses): string {
  return rtcp === undefined ? `[${quoted(rtp ?? '')}]` : `[${quoted(rtp ?? '')},${quoted(rtcp)}]`;
}

function localMemo({ id, span, port, interface: name, address, peer, relay }: Local): string {
  const relayed = relay === undefined ? '' : `,${relayMemo(relay)}`;
  return `[${id},${span === 'pair' ? 2 : 1},${port ?? 0},${quoted(name)},${quoted(address)},${quoted(peer)}${relayed}]`;
}

/** Addresses that are known, behind everything else. */
function relayMemo({ ufrag, failed, separateRtcp, rtp, rtcp }: LocalRelay): string {
  const addresses = [rtp, rtcp]
    .filter((address) => address !== undefined)
    .map((address) => `,${quoted(address)}`);
  return `[${quoted(ufrag)},~${failed ? 'failed' : 'wanted'}~,${separateRtcp ? 1 : 0}${addresses.join('')}]`;
}

function dialogueMemo(dialogue: Dialogue): string {
  const { lines } = dialogue;
  let text = `{~a~:${dialogue.a}`;
  text += numberAt('b', dialogue.b);
  text += numberAt('an', dialogue.answered);
  text += numberAt('o', dialogue.offeredBy);
  text += flagAt('f', dialogue.final);
  text += partAt('l', lines && listOf(lines, ([one, other]) => `[${one},${other}]`));
  text += textsAt('ra', dialogue.restrictionsToA);
  text += textsAt('rb', dialogue.restrictionsToB);
  text += textAt('pa', dialogue.parted);
  return `${text}}`;
}

/** References: 1 strong, 2 weak of the creator, 4 weak of the other. */
function pairMemo({ tag, creator, other, strong, weakCreator, weakOther, notice }: StreamPair): string {
  const references = (strong ? 1 : 0) + (weakCreator ? 2 : 0) + (weakOther ? 4 : 0);
  const target = notice === undefined ? '' : `,${quoted(notice.target)},${quoted(notice.tag)}`;
  return `[${quoted(tag)},${creator},${other},${references}${target}]`;
}

function keyWatchMemo({ stream, tag, payloadType, hidden }: KeyWatch): string {
  return `[${stream},${quoted(tag)},${payloadType},${hidden ? 1 : 0}]`;
}

function fragmentMemo({ tag, text, atMs }: EarlyFragment): string {
  return `[${quoted(tag)},${quoted(text)},${atMs}]`;
}

/** What it is like: 1 answered, 2 hears what the party hears, 4 talks back, 8 mirrors RTCP, 16 has reports of ours. */
function subscriptionMemo(subscription: Subscription): string {
  const { leg, answered, taps, talksBack, mirrorsRtcp, generatesRtcp, feeds } = subscription;
  const flags = [answered, taps === 'heard', talksBack, mirrorsRtcp, generatesRtcp];
  const bits = flags.reduce((sum, flag, bit) => (flag ? sum + (1 << bit) : sum), 0);
  return `[${leg},${bits},${listOf(feeds, feedMemo)}]`;
}

/** 0: its stream is not heard any more. */
function feedMemo({ leg, stream, payloads, restrictions }: Feed): string {
  return `[${leg},${stream ?? 0},${quoted(payloads)},${listOf(restrictions, quoted)}]`;
}

function linkMemo({ from, to, isPeer, restrictions }: Link): string {
  return `[${from},${to},${isPeer ? 1 : 0},${listOf(restrictions, quoted)}]`;
}

/** Words by their places in the lists of `call/taps.ts`. */
function tapMemo(tap: Tap): string {
  const { id, purpose, streams, side, rtcp, state, startedMs, target, prefix, interrupted } = tap;
  const words = [TAP_PURPOSES.indexOf(purpose), TAP_SIDES.indexOf(side), TAP_STATES.indexOf(state)];
  const flags = (rtcp ? 1 : 0) + (interrupted ? 2 : 0);
  const [link, place] =
    target.kind === 'pcap' ? [TAP_LINKS.indexOf(target.link), target.path] : [-1, target.rtp];
  const rest = [place, target.kind === 'pcap' ? undefined : target.rtcp, prefix].map(quotedOrNull);
  const of = streams === undefined ? 'null' : `[${streams.join()}]`;
  return `[${[id, ...words, flags, startedMs, of, link, ...rest].join()}]`;
}
