import type { Command, ConnectionWays, CreatedMedia, MeshFlow } from '../../command/command.js';
import type { MediaFlags } from '../../command/flags.js';
import { type CommandFailure, failure } from '../../command/reply.js';
import { codecsOfAnswer, parseCodecSpec } from './codec-spec.js';
import type { Draft } from './draft.js';
import { sourceOf } from './subscriptions.js';
import { isDictionary, isList, text, type Value, words } from './value.js';

export function publish(draft: Draft): Command | CommandFailure {
  const { callId, fromTag, sdp, wishes } = draft;
  if (!sdp) return badRequest('No SDP body in message');
  const bidirectional = wishes.has('bidirectional');
  return { kind: 'publish', ...named(callId, fromTag), sdp, flags: flagsOf(draft), bidirectional };
}

export function create(draft: Draft): Command | CommandFailure {
  const { callId, fromTag, medias } = draft;
  return { kind: 'create', ...named(callId, fromTag), medias, flags: flagsOf(draft) };
}

export function createAnswer({ callId, fromTag, sdp, flags }: Draft): Command | CommandFailure {
  if (!callId) return badRequest('No call-id in message');
  if (!fromTag) return badRequest('No from-tag in message');
  if (!sdp) return badRequest('No SDP body in message');
  return {
    kind: 'create answer',
    callId,
    fromTag,
    sdp,
    flags: { ...flags, codec: codecsOfAnswer(flags.codec) },
  };
}

export function connect(draft: Draft): Command | CommandFailure {
  const { callId, toTag, toCallId, fromTags } = draft;
  if (!callId) return badRequest('No call-id in message');
  if (!toTag) return badRequest('No to-tag in message');
  const from = sourceOf(draft);
  const names = [from.all, from.label, from.address, from.tag].filter((name) => name !== undefined);
  if (names.length === 0 && fromTags.length === 0) return badRequest('No from-tag in message');
  return {
    kind: 'connect',
    callId,
    from,
    fromTags,
    toTag,
    ...(toCallId && toCallId !== callId && { toCallId }),
    ways: waysOf(draft),
  };
}

export function mesh(draft: Draft): Command | CommandFailure {
  const { callId, calls, flows, unsubscribes, wishes } = draft;
  const callIds = [...new Set([...(callId ? [callId] : []), ...calls])];
  if (callIds.length === 0) return badRequest('No call-id in message');
  return {
    kind: 'mesh',
    callIds,
    flows,
    unsubscribes,
    bidirectional: wishes.has('bidirectional'),
  };
}

/** `medias` of `create`: a list of dictionaries. */
export function readMedias(draft: Draft, value: Value, key: string): void {
  const medias = (isList(value) ? value : []).slice(0, MOST_MEDIAS).map(mediaOf);
  const known = medias.filter((media) => media !== undefined);
  if (known.length < medias.length || !isList(value)) draft.warnings.unknownValue(key, 'no list of medias');
  draft.medias = known;
}

function mediaOf(value: Value): CreatedMedia | undefined {
  const type = isDictionary(value) ? text(value.get('type')) : undefined;
  if (!isDictionary(value) || type === undefined || !TOKEN.test(type)) return undefined;
  const codecs = words(value.get('codecs') ?? value.get('codec')).slice(0, MOST_CODECS);
  return { type, codecs: codecs.map(parseCodecSpec) };
}

/** `calls` of `mesh`. */
export function readCalls(draft: Draft, value: Value): void {
  draft.calls = words(value).slice(0, MOST_PARTIES);
}

/** `tags` of `mesh`: a list of dictionaries of `from` and `to`. */
export function readFlows(draft: Draft, value: Value, key: string): void {
  const flows = (isList(value) ? value : []).slice(0, MOST_PARTIES).map(flowOf);
  const known = flows.filter((flow) => flow !== undefined);
  if (known.length < flows.length || !isList(value))
    draft.warnings.unknownValue(key, 'no list of from and to');
  draft.flows = known;
}

function flowOf(value: Value): MeshFlow | undefined {
  const from = isDictionary(value) ? text(value.get('from')) : undefined;
  if (!isDictionary(value) || from === undefined) return undefined;
  return { from, to: words(value.get('to')).slice(0, MOST_PARTIES) };
}

function waysOf({ directional, wishes }: Draft): ConnectionWays {
  if (!directional) return 'peers';
  return wishes.has('bidirectional') ? 'both' : 'there';
}

/** The party is the only one: its interface and its host have one name each. */
function flagsOf({ flags, interface: name }: Draft): MediaFlags {
  const { fromInterface, toInterface, inboundPeer, outboundPeer, ...rest } = flags;
  const met = name ?? fromInterface ?? toInterface;
  const peer = inboundPeer ?? outboundPeer;
  return {
    ...rest,
    ...(met !== undefined && { fromInterface: met, toInterface: met }),
    ...(peer !== undefined && { inboundPeer: peer, outboundPeer: peer }),
  };
}

function named(callId: string | undefined, fromTag: string | undefined) {
  return { ...(callId && { callId }), ...(fromTag && { fromTag }) };
}

function badRequest(message: string): CommandFailure {
  return failure('badRequest', message);
}

/** More fit into no record of a call. */
const MOST_PARTIES = 64;
const MOST_MEDIAS = 32;
const MOST_CODECS = 32;
/** A token of SDP, of no unusual length. */
const TOKEN = /^[A-Za-z0-9-]{1,32}$/;
