import type {
  Command,
  DeleteCommand,
  MediaControlKind,
  PartySelection,
  QueryCommand,
  RecordingCommand,
} from '../../command/command.js';
import { type CommandFailure, failure } from '../../command/reply.js';
import { codecsOfAnswer } from './codec-spec.js';
import { letsKeysPass } from './dtmf-keys.js';
import { type Draft, newDraft } from './draft.js';
import { evaluate, type Templates } from './evaluate.js';
import { connect, create, createAnswer, mesh, publish } from './connections.js';
import { subscribeAnswer, subscribeRequest, unsubscribe } from './subscriptions.js';
import type { Dictionary } from './value.js';

export type DecodedNg = {
  readonly command: Command | CommandFailure;
  /** What was not understood, for the log. */
  readonly warnings: readonly string[];
};

/** Reads a command from a dictionary. What it does not understand is a warning, not a failure. */
export function decodeNg(dictionary: Dictionary, templates: Templates = NO_TEMPLATES): DecodedNg {
  const name = dictionary.get('command');
  if (typeof name !== 'string') return refused('Dictionary contains no key "command"');
  if (name === 'ping') return { command: { kind: 'ping' }, warnings: [] };
  if (name === 'statistics') return { command: { kind: 'statistics' }, warnings: [] };
  if (UNSUPPORTED.has(name)) return { command: { kind: 'unsupported', name }, warnings: [] };
  const build = COMMANDS.get(name);
  if (build === undefined) return refused('Unrecognized command');
  const draft = newDraft();
  evaluate(draft, name, dictionary, templates);
  return { command: build(draft), warnings: draft.warnings.list };
}

/** The command a dictionary names, as far as it is one. */
export function namedCommand(dictionary: Dictionary): string | undefined {
  const name = dictionary.get('command');
  return typeof name === 'string' && (COMMANDS.has(name) || UNSUPPORTED.has(name)) ? name : undefined;
}

/** What the keys of an offer, answer or deletion come to. */
export function readDraft(dictionary: Dictionary, templates: Templates): Draft {
  const name = dictionary.get('command');
  const draft = newDraft();
  evaluate(draft, typeof name === 'string' ? name : '', dictionary, templates);
  return draft;
}

type Build = (draft: Draft) => Command | CommandFailure;

const MEDIA_CONTROLS: readonly MediaControlKind[] = [
  'block media',
  'unblock media',
  'silence media',
  'unsilence media',
  'block DTMF',
  'unblock DTMF',
  'start forwarding',
  'stop forwarding',
];

const COMMANDS: ReadonlyMap<string, Build> = new Map<string, Build>([
  ['offer', offer],
  ['answer', answer],
  ['delete', deletion],
  ['query', query],
  ['list', list],
  ['cli', commandLine],
  ['CLI', commandLine],
  ['start recording', (draft) => recording(draft, 'start')],
  ['pause recording', (draft) => recording(draft, 'pause')],
  ['stop recording', (draft) => recording(draft, draft.pause ? 'pause' : 'stop')],
  ['subscribe request', subscribeRequest],
  ['subscribe answer', subscribeAnswer],
  ['unsubscribe', unsubscribe],
  ['publish', publish],
  ['create', create],
  ['create answer', createAnswer],
  ['connect', connect],
  ['mesh', mesh],
  ...MEDIA_CONTROLS.map((action): [string, Build] => [action, (draft) => mediaControl(draft, action)]),
]);

function offer(draft: Draft): Command | CommandFailure {
  const { callId, fromTag, toTag, viaBranch, sdp, flags, supportsLoadLimit } = draft;
  if (!sdp) return badRequest('No SDP body in message');
  if (!callId) return badRequest('No call-id in message');
  if (!fromTag) return badRequest('No from-tag in message');
  return {
    kind: 'offer',
    callId,
    fromTag,
    ...(toTag && { toTag }),
    ...(viaBranch && { viaBranch }),
    sdp,
    flags,
    supportsLoadLimit,
  };
}

function answer(draft: Draft): Command | CommandFailure {
  const { callId, fromTag, toTag, viaBranch, sdp, flags } = draft;
  if (!sdp) return badRequest('No SDP body in message');
  if (!callId) return badRequest('No call-id in message');
  if (!fromTag) return badRequest('No from-tag in message');
  if (!toTag) return badRequest('No to-tag in message');
  return {
    kind: 'answer',
    callId,
    fromTag,
    toTag,
    ...(viaBranch && { viaBranch }),
    sdp,
    flags: { ...flags, codec: codecsOfAnswer(flags.codec) },
  };
}

function deletion(draft: Draft): DeleteCommand | CommandFailure {
  const { callId, fromTag, toTag, viaBranch, deleteDelaySeconds, fatal, fast } = draft;
  if (!callId) return badRequest('No call-id in message');
  return {
    kind: 'delete',
    callId,
    ...(fromTag && { fromTag }),
    ...(toTag && draft.toTagCounts && { toTag }),
    ...(viaBranch && { viaBranch }),
    ...(deleteDelaySeconds !== undefined && { delaySeconds: deleteDelaySeconds }),
    fatal,
    fast,
  };
}

function query(draft: Draft): QueryCommand | CommandFailure {
  const { callId, fromTag, toTag } = draft;
  if (!callId) return badRequest('No call-id in message');
  return { kind: 'query', callId, ...(fromTag && { fromTag }), ...(toTag && { toTag }) };
}

function list(draft: Draft): Command | CommandFailure {
  const limit = draft.limit ?? DEFAULT_LIST_LIMIT;
  return limit < 0 ? badRequest('invalid limit, must be >= 0') : { kind: 'list', limit };
}

function commandLine({ body }: Draft): Command | CommandFailure {
  return body ? { kind: 'cli', line: body } : badRequest("No 'body' in message");
}

function recording(draft: Draft, action: 'start' | 'pause' | 'stop'): RecordingCommand | CommandFailure {
  const { callId, fromTag, flags } = draft;
  if (!callId) return badRequest('No call-id in message');
  const isDiscarded = action !== 'start' && flags.recordCall === 'discard';
  return {
    kind: 'recording',
    action: isDiscarded ? 'discard' : action,
    callId,
    ...(fromTag && { fromTag }),
    ...(flags.metadata !== undefined && { metadata: flags.metadata }),
    excludes: flags.excludeRecording,
    destination: flags.recordingDestination ?? {},
  };
}

function mediaControl(draft: Draft, action: MediaControlKind): Command | CommandFailure {
  const { callId } = draft;
  if (!callId) return badRequest('No call-id in message');
  const from = selection(draft);
  const to = target(draft, from);
  return {
    kind: 'media control',
    action: action === 'block DTMF' && letsKeysPass(draft.flags.keys) ? 'unblock DTMF' : action,
    callId,
    from,
    ...(to && { to }),
    ...(draft.flags.setLabel && { setLabel: draft.flags.setLabel }),
    ...(action === 'block DTMF' && { keys: draft.flags.keys }),
  };
}

/**
 * Modules that read the flags of a script themselves send a from-tag only if it said `directional`, mostly without that
 * word. Those that pass the flags on unread add a from-tag to everything.
 */
function selection(draft: Draft): PartySelection {
  const { all, address, fromTag, directional, hasFlagString } = draft;
  const { label } = draft.flags;
  const isNamed = label !== undefined || address !== undefined;
  return {
    ...(all && { all }),
    ...(label && { label }),
    ...(address && { address }),
    ...(fromTag && (directional || (!hasFlagString && !isNamed)) && { tag: fromTag }),
  };
}

function target(draft: Draft, from: PartySelection): { tag: string } | { label: string } | undefined {
  const { toTag, toLabel, directional, toTagCounts } = draft;
  const { all, label, address } = from;
  const selected = directional || toTagCounts || [all, label, address].some((each) => each !== undefined);
  if (toTag && selected) return { tag: toTag };
  return toLabel ? { label: toLabel } : undefined;
}

function refused(message: string): DecodedNg {
  return { command: badRequest(message), warnings: [] };
}

function badRequest(message: string): CommandFailure {
  return failure('badRequest', message);
}

/** Commands of the protocol whose features do not exist here. */
const UNSUPPORTED: ReadonlySet<string> = new Set([
  'play media',
  'stop media',
  'play DTMF',
  'inject start',
  'inject stop',
  'transform',
]);

const NO_TEMPLATES: Templates = new Map();
const DEFAULT_LIST_LIMIT = 32;
