import type { SignalledBundle } from '../call/bundle.js';
import type {
  Addresses,
  Call,
  Dialogue,
  Leg,
  Local,
  Signalled,
  Stream,
  StreamPair,
  ToldOrigin,
} from '../call/call.js';
import { encodeIce, encodeSaidIce, encodeSaidSecurity, encodeSecurity } from './protection-record.js';
import {
  type CallRecord,
  type DialogueRecord,
  type LegRecord,
  type LocalRecord,
  type PairRecord,
  RECORD_VERSION,
  type SignalledRecord,
  type StreamRecord,
} from './call-record.js';

export function encodeCallRecord(call: Call): CallRecord {
  const { mediaMs, silentMs, offerMs, firstPacketMs, finalMs } = call.timeouts;
  return {
    v: RECORD_VERSION,
    id: call.callId,
    r: call.revision,
    c: call.createdMs,
    s: call.lastSignalMs,
    f: call.createdFrom,
    md: call.metadata,
    xc: call.xmlrpcCallback,
    dl: call.dtmfLogDestination,
    tos: call.tos,
    to: [mediaMs, silentMs, offerMs, firstPacketMs, finalMs],
    lm: call.learning.mode,
    ls: flag(call.learning.strict),
    lh: flag(call.learning.handover),
    dd: call.deleteDelayMs,
    da: call.deleteAtMs,
    dt: flag(call.dropTraffic),
    gr: flag(call.generateRtcp === true),
    fw: flag(call.forwarding === true),
    re: some(call.restrictions),
    n: call.nextId,
    legs: call.legs.map(encodeLeg),
    dlg: call.dialogues.map(encodeDialogue),
    pr: call.pairs?.map(encodePair),
    kw: call.keyWatches?.map(({ stream, tag, payloadType, hidden }) => [
      stream,
      tag,
      payloadType,
      hidden ? 1 : 0,
    ]),
    tk: flag(call.tellsKeys),
    ot: call.ownTimeoutMs,
    ef: call.earlyFragments?.map(({ tag, text, atMs }) => [tag, text, atMs]),
  };
}

function encodeLeg(leg: Leg): LegRecord {
  return {
    i: leg.id,
    t: leg.tag,
    al: some(leg.aliases),
    ak: leg.aliasKey,
    vb: leg.viaBranch,
    lb: leg.label,
    md: leg.metadata,
    c: leg.createdMs,
    if: leg.interface,
    fa: leg.family,
    as: flag(leg.asymmetric),
    nw: flag(leg.natWait),
    pn: flag(leg.pierceNat),
    he: leg.hears,
    li: flag(leg.iceLite),
    fw: flag(leg.forwarding === true),
    re: some(leg.restrictions),
    da: leg.deleteAtMs,
    o: encodeTold(leg.told),
    tw: leg.twins,
    st: leg.streams.map(encodeStream),
  };
}

function encodeTold(told: ToldOrigin): LegRecord['o'] {
  const { username, sessionId, version, address, sessionName, bodyHash } = told;
  const values = [username, sessionId, version, address, sessionName, bodyHash];
  return values.some((value) => value !== undefined) ? values.map((value) => value ?? null) : undefined;
}

function encodeStream(stream: Stream): StreamRecord {
  return {
    i: stream.id,
    t: stream.type,
    p: stream.protocol,
    m: stream.mid,
    f: stream.inForce && encodeSignalled(stream.inForce),
    o: stream.offered && encodeSignalled(stream.offered),
    l: stream.locals.map(encodeLocal),
    nl: stream.nextLocal,
    b: stream.bundle,
    bo: stream.bundleOffer,
    om: flag(stream.hasOwnMid === true),
    x: flag(stream.muxed),
    xa: stream.muxAnswer,
    xo: stream.muxOffer === 'none' ? undefined : stream.muxOffer,
    pt: stream.ptimeMs,
    u: flag(stream.used),
    e: stream.epoch,
    lr: stream.learned && encodeAddresses(stream.learned),
    sc: stream.security && encodeSecurity(stream.security),
    tp: stream.transparent,
    ic: stream.ice && encodeIce(stream.ice),
    ir: flag(stream.iceRefused),
  };
}

function encodeSignalled(said: Signalled): SignalledRecord {
  return {
    t: said.type,
    p: said.protocol,
    f: said.formats,
    a: said.addresses && encodeAddresses(said.addresses),
    d: said.direction === 'sendrecv' ? undefined : said.direction,
    x: flag(said.rtcpMux),
    r: flag(said.rejected),
    pt: said.ptimeMs,
    pl: said.payloads,
    fb: said.rtcp,
    sc: said.security && encodeSaidSecurity(said.security),
    ic: said.ice && encodeSaidIce(said.ice),
    mk: said.masked,
    b: said.bundled && encodeBundled(said.bundled),
  };
}

function encodeBundled(bundled: SignalledBundle): SignalledRecord['b'] {
  const { group, place, dependent, midExtension, ssrcs } = bundled;
  return [group, place, dependent ? 1 : 0, midExtension ?? 0, ssrcs];
}

function encodeAddresses(addresses: Addresses): SignalledRecord['a'] {
  return addresses.rtcp === undefined ? [addresses.rtp ?? ''] : [addresses.rtp ?? '', addresses.rtcp];
}

function encodeLocal(local: Local): LocalRecord {
  const span = local.span === 'pair' ? 2 : 1;
  const record = [local.id, span, local.port ?? 0, local.interface, local.address, local.peer] as const;
  if (local.relay === undefined) return record;
  const { ufrag, failed, separateRtcp, rtp, rtcp } = local.relay;
  const addresses = [rtp, rtcp].filter((address) => address !== undefined);
  return [...record, [ufrag, failed ? 'failed' : 'wanted', separateRtcp ? 1 : 0, ...addresses]];
}

function encodeDialogue(dialogue: Dialogue): DialogueRecord {
  return {
    a: dialogue.a,
    b: dialogue.b,
    an: dialogue.answered,
    o: dialogue.offeredBy,
    f: flag(dialogue.final),
    l: dialogue.lines,
    ra: some(dialogue.restrictionsToA),
    rb: some(dialogue.restrictionsToB),
  };
}

function encodePair({ tag, creator, other, strong, weakCreator, weakOther, notice }: StreamPair): PairRecord {
  const references = (strong ? 1 : 0) + (weakCreator ? 2 : 0) + (weakOther ? 4 : 0);
  return [tag, creator, other, references, ...(notice === undefined ? [] : [notice.target, notice.tag])];
}

/** What is false or empty is not written. */
function flag(value: boolean): 1 | undefined {
  return value ? 1 : undefined;
}

function some<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length > 0 ? values : undefined;
}
