import type { SignalledBundle } from '../call/bundle.js';
import type {
  Addresses,
  Call,
  Dialogue,
  EarlyFragment,
  KeyWatch,
  Leg,
  Local,
  LocalRelay,
  Restriction,
  Signalled,
  Stream,
  StreamPair,
  ToldOrigin,
} from '../call/call.js';
import type { Link } from '../call/links.js';
import type { Feed, Subscription } from '../call/subscriptions.js';
import { TAP_LINKS, TAP_PURPOSES, TAP_SIDES, TAP_STATES, type Tap, type TapTarget } from '../call/taps.js';
import { keyRule, readKeySequence } from './key-sequence-record.js';
import { readIce, readSaidIce, readSaidSecurity, readSecurity } from './protection-record.js';
import { Fields, fail, listOf, NotARecord, number, numberOrNull, oneOf, text } from './record-fields.js';

/** Reads a call record; `undefined` if something it needs is missing or of another kind. */
export function decodeCallRecord(value: unknown): Call | undefined {
  try {
    return readCall(new Fields(value));
  } catch (error) {
    if (error instanceof NotARecord) return undefined;
    throw error;
  }
}

function readCall(f: Fields): Call {
  const [mediaMs, silentMs, offerMs, firstPacketMs, finalMs] = f.list('to').map(numberOrNull);
  const parameters = f.list('fps').map((lines) => listOf(lines).map(text).join('\n'));
  return withKeysRead({
    callId: f.text('id'),
    revision: f.number('r'),
    createdMs: f.number('c'),
    lastSignalMs: f.number('s'),
    createdFrom: f.text('f'),
    metadata: f.maybe('md', text),
    xmlrpcCallback: f.maybe('xc', text),
    dtmfLogDestination: f.maybe('dl', text),
    tellsKeys: f.flag('tk'),
    tos: f.number('tos'),
    timeouts: {
      mediaMs: mediaMs ?? fail(),
      silentMs: silentMs ?? fail(),
      offerMs: offerMs ?? fail(),
      firstPacketMs: firstPacketMs ?? null,
      finalMs: finalMs ?? null,
    },
    learning: {
      mode: oneOf(f.text('lm'), ['off', 'immediate', 'delayed', 'heuristic']),
      strict: f.flag('ls'),
      handover: f.flag('lh'),
    },
    deleteDelayMs: f.number('dd'),
    deleteAtMs: f.maybe('da', number),
    dropTraffic: f.flag('dt'),
    generateRtcp: f.maybe('gr', () => true),
    rtcpIntervalMs: f.maybe('ri', number) ?? RTCP_INTERVAL_MS,
    forwarding: f.maybe('fw', () => true),
    restrictions: f.list('re').map(restriction),
    nextId: f.number('n'),
    legs: f.list('legs').map((leg) => readLeg(new Fields(leg), parameters)),
    dialogues: f.list('dlg').map((dialogue) => readDialogue(new Fields(dialogue))),
    pairs: f.maybe('pr', (pairs) => listOf(pairs).map(readPair)),
    keySequences: f.maybe('ks', (sequences) => listOf(sequences).map(readKeySequence)),
    keyWatches: f.maybe('kw', (watches) => listOf(watches).map(readKeyWatch)),
    ownTimeoutMs: f.maybe('ot', number),
    earlyFragments: f.maybe('ef', (fragments) => listOf(fragments).map(readFragment)),
    taps: f.maybe('tp', (taps) => listOf(taps).map(readTap)),
    readsKeys: f.maybe('rk', () => true),
    subscriptions: f.maybe('su', (subscriptions) => listOf(subscriptions).map(readSubscription)),
    links: f.maybe('li', (links) => listOf(links).map(readLink)),
    departed: f.maybe('go', (legs) => listOf(legs).map((leg) => readLeg(new Fields(leg), parameters))),
  });
}

/** Records that do not tell: what is copied or silenced has been read since it is. */
function withKeysRead(call: Call): Call {
  const restricted = [
    call.restrictions,
    ...call.legs.map(({ restrictions }) => restrictions),
    ...call.dialogues.flatMap(({ restrictionsToA, restrictionsToB }) => [restrictionsToA, restrictionsToB]),
  ];
  const isRead = call.taps !== undefined || restricted.some((each) => each.includes('silence media'));
  return isRead ? { ...call, readsKeys: true } : call;
}

function readLeg(f: Fields, parameters: readonly string[]): Leg {
  return {
    id: f.number('i'),
    tag: f.maybe('t', text),
    aliases: f.list('al').map(text),
    aliasKey: f.maybe('ak', text),
    viaBranch: f.maybe('vb', text),
    label: f.maybe('lb', text),
    metadata: f.maybe('md', text),
    createdMs: f.number('c'),
    interface: f.maybe('if', text),
    family: f.maybe('fa', (value) => oneOf(text(value), ['IP4', 'IP6'])),
    asymmetric: f.flag('as'),
    natWait: f.flag('nw'),
    pierceNat: f.flag('pn'),
    unidirectional: f.flag('ud'),
    ptimeOverridden: f.flag('po'),
    hears: f.maybe('he', (value) => oneOf(text(value), ['itself', 'nobody'])),
    iceLite: f.flag('li'),
    forwarding: f.maybe('fw', () => true),
    unrecorded: f.flag('ur'),
    restrictions: f.list('re').map(restriction),
    deleteAtMs: f.maybe('da', number),
    told: readTold(f.list('o')),
    twins: f.maybe('tw', text),
    streams: f.list('st').map((stream) => readStream(new Fields(stream), parameters)),
  };
}

function readTold(values: readonly unknown[]): ToldOrigin {
  const [username, sessionId, version, address, sessionName, bodyHash] = values.map((value) =>
    value === null ? undefined : text(value),
  );
  return {
    ...(username !== undefined && { username }),
    ...(sessionId !== undefined && { sessionId }),
    ...(version !== undefined && { version }),
    ...(address !== undefined && { address }),
    ...(sessionName !== undefined && { sessionName }),
    ...(bodyHash !== undefined && { bodyHash }),
  };
}

function readStream(f: Fields, parameters: readonly string[]): Stream {
  const signalled = (value: unknown) => readSignalled(new Fields(value), parameters);
  return {
    id: f.number('i'),
    type: f.text('t'),
    protocol: f.text('p'),
    mid: f.maybe('m', text),
    inForce: f.maybe('f', signalled),
    offered: f.maybe('o', signalled),
    locals: f.list('l').map(readLocal),
    nextLocal: f.maybe('nl', number),
    bundle: f.maybe('b', number),
    bundleOffer: f.maybe('bo', number),
    hasOwnMid: f.flag('om') ? true : undefined,
    muxed: f.flag('x'),
    muxAnswer: f.maybe('xa', (value) => value === true),
    muxOffer: f.has('xo') ? oneOf(f.text('xo'), ['none', 'optional', 'required']) : 'none',
    ptimeMs: f.maybe('pt', number),
    used: f.flag('u'),
    epoch: f.number('e'),
    learned: f.maybe('lr', readAddresses),
    security: f.maybe('sc', (value) => readSecurity(new Fields(value))),
    transparent: f.maybe('tp', (value) => oneOf(text(value), ['keys', 'all', 'ports'])),
    ice: f.maybe('ic', readIce),
    iceRefused: f.flag('ir'),
  };
}

function readSignalled(f: Fields, parameters: readonly string[]): Signalled {
  const direction = f.has('d') ? f.text('d') : 'sendrecv';
  return {
    type: f.text('t'),
    protocol: f.text('p'),
    formats: f.text('f'),
    addresses: f.maybe('a', readSignalledAddresses),
    direction: oneOf(direction, ['sendrecv', 'sendonly', 'recvonly', 'inactive']),
    rtcpMux: f.flag('x'),
    rejected: f.flag('r'),
    ptimeMs: f.maybe('pt', number),
    payloads: f.text('pl'),
    parameters: f.maybe('fp', (place) => parameters[number(place)]),
    rtcp: f.maybe('fb', text),
    security: f.maybe('sc', readSaidSecurity),
    ice: f.maybe('ic', (ice) => readSaidIce(ice, f.list('cd'))),
    masked: f.maybe('mk', text),
    bundled: f.maybe('b', readBundled),
  };
}

function readBundled(value: unknown): SignalledBundle {
  const [group, place, dependent, midExtension, ssrcs] = listOf(value);
  const id = number(midExtension);
  return {
    group: number(group),
    place: number(place),
    dependent: dependent === 1,
    ...(id !== 0 && { midExtension: id }),
    ssrcs: text(ssrcs),
  };
}

function readAddresses(value: unknown): Addresses {
  const [rtp, rtcp] = listOf(value).map(text);
  return { ...(rtp !== undefined && rtp !== '' && { rtp }), ...(rtcp !== undefined && { rtcp }) };
}

function readSignalledAddresses(value: unknown): Addresses & { readonly rtp: string } {
  const { rtp, rtcp } = readAddresses(value);
  return { rtp: rtp ?? fail(), ...(rtcp !== undefined && { rtcp }) };
}

function readLocal(value: unknown): Local {
  const [id, ports, port, name, address, peer, relay] = listOf(value);
  const bound = number(port);
  return {
    id: number(id),
    peer: text(peer),
    interface: text(name),
    address: text(address),
    port: bound === 0 ? undefined : bound,
    span: ports === 2 ? 'pair' : 'single',
    relay: relay === undefined ? undefined : readRelay(relay),
  };
}

function readRelay(value: unknown): LocalRelay {
  const [ufrag, state, separateRtcp, rtp, rtcp] = listOf(value);
  return {
    ufrag: text(ufrag),
    separateRtcp: separateRtcp === 1,
    failed: state === 'failed',
    ...(rtp !== undefined && { rtp: text(rtp) }),
    ...(rtcp !== undefined && { rtcp: text(rtcp) }),
  };
}

function readDialogue(f: Fields): Dialogue {
  return {
    a: f.number('a'),
    b: f.number('b'),
    answered: f.number('an'),
    offeredBy: f.maybe('o', number),
    final: f.flag('f'),
    lines: f.maybe('l', (value) => listOf(value).map(readLinePair)),
    restrictionsToA: f.list('ra').map(restriction),
    restrictionsToB: f.list('rb').map(restriction),
    parted: f.maybe('pa', (value) => oneOf(text(value), ['a', 'b', 'both'])),
  };
}

function readLinePair(value: unknown): readonly [number, number] {
  const [a, b] = listOf(value);
  return [number(a), number(b)];
}

function readFragment(value: unknown): EarlyFragment {
  const [tag, body, atMs] = listOf(value);
  return { tag: text(tag), text: text(body), atMs: number(atMs) };
}

function readPair(value: unknown): StreamPair {
  const [tag, creator, other, held, target, notice] = listOf(value);
  const references = number(held);
  return {
    tag: text(tag),
    creator: number(creator),
    other: number(other),
    strong: (references & 1) !== 0,
    weakCreator: (references & 2) !== 0,
    weakOther: (references & 4) !== 0,
    ...(target !== undefined && { notice: { target: text(target), tag: text(notice) } }),
  };
}

function readKeyWatch(value: unknown): KeyWatch {
  const [stream, tag, payloadType, hidden] = listOf(value);
  return { stream: number(stream), tag: text(tag), payloadType: number(payloadType), hidden: hidden === 1 };
}

function restriction(value: unknown): Restriction {
  return value === 'block media' || value === 'silence media' ? value : keyRule(value);
}

function readTap(value: unknown): Tap {
  const [id, purpose, side, state, flags, startedMs, streams, link, place, rtcp, prefix] = listOf(value);
  const bits = number(flags);
  return {
    id: number(id),
    purpose: TAP_PURPOSES[number(purpose)] ?? fail(),
    streams: streams === null ? undefined : listOf(streams).map(number),
    side: TAP_SIDES[number(side)] ?? fail(),
    rtcp: (bits & 1) !== 0,
    state: TAP_STATES[number(state)] ?? fail(),
    startedMs: number(startedMs),
    target: readTarget(number(link), text(place), rtcp),
    prefix: prefix === null ? undefined : text(prefix),
    interrupted: (bits & 2) !== 0,
  };
}

function readSubscription(value: unknown): Subscription {
  const [leg, flags, feeds] = listOf(value);
  const bits = number(flags);
  return {
    leg: number(leg),
    answered: (bits & 1) !== 0,
    taps: (bits & 2) !== 0 ? 'heard' : 'said',
    talksBack: (bits & 4) !== 0,
    mirrorsRtcp: (bits & 8) !== 0,
    generatesRtcp: (bits & 16) !== 0,
    feeds: listOf(feeds).map(readFeed),
  };
}

function readFeed(value: unknown): Feed {
  const [leg, stream, payloads, restrictions] = listOf(value);
  return {
    leg: number(leg),
    stream: stream === 0 ? undefined : number(stream),
    payloads: text(payloads),
    restrictions: listOf(restrictions).map(restriction),
  };
}

function readLink(value: unknown): Link {
  const [from, to, isPeer, restrictions] = listOf(value);
  return {
    from: number(from),
    to: number(to),
    isPeer: isPeer === 1,
    restrictions: listOf(restrictions).map(restriction),
  };
}

function readTarget(link: number, place: string, rtcp: unknown): TapTarget {
  if (link >= 0) return { kind: 'pcap', path: place, link: TAP_LINKS[link] ?? fail() };
  return { kind: 'datagrams', rtp: place, rtcp: rtcp === null ? undefined : text(rtcp) };
}

/** Of calls whose record does not tell. */
const RTCP_INTERVAL_MS = 5000;
