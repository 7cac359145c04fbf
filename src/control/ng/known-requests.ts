import type { AnswerCommand, DeleteCommand, OfferCommand, WrittenCommand } from '../../command/command.js';
import { decodeBencode } from './bencode.js';
import { decodeNg, readDraft } from './decode.js';
import type { Templates } from './evaluate.js';
import { type RequestTexts, splitRequest } from './request-text.js';
import { Recent } from '../../recent.js';

type Repeated = OfferCommand | AnswerCommand | DeleteCommand;

/**
 * Remembers what requests come to that differ in their texts only (Call-ID, tags, branch, SDP, source): a SIP proxy
 * sends the same flags again and again. What it says is what `decodeNg` would say.
 */
export class KnownRequests {
  readonly #known: Recent<Repeated | 'none'>;
  readonly #templates: Templates;
  #likeness = 0;

  constructor(templates: Templates, limit = MAX_KNOWN) {
    this.#templates = templates;
    this.#known = new Recent(limit);
  }

  /** `undefined`: to be read in the long way. */
  decode(payload: Buffer): Repeated | undefined {
    const split = splitRequest(payload.toString('latin1'));
    if (split === undefined) return undefined;
    const { rest, texts, written } = split;
    if (texts.callId === '' || texts.fromTag === '' || texts.toTag === '' || texts.viaBranch === '')
      return undefined;
    if (texts.receivedFrom === 'IP4' || texts.receivedFrom === 'IP6') return undefined;
    const known = this.#known.get(rest);
    if (known === 'none') return undefined;
    if (known !== undefined) return withTexts(known, texts, written);
    this.#known.set(rest, this.#learn(payload) ?? 'none');
    return undefined;
  }

  #learn(payload: Buffer): Repeated | undefined {
    const dictionary = decodeBencode(payload);
    if (dictionary === undefined) return undefined;
    const { command, warnings } = decodeNg(dictionary, this.#templates);
    if (warnings.length > 0) return undefined;
    if (command.kind !== 'offer' && command.kind !== 'answer' && command.kind !== 'delete') return undefined;
    // A text that is also set elsewhere (by a template, or another spelling of its key) is none to be replaced.
    const others = new Map([...dictionary].filter(([key]) => !TEXT_KEYS.has(key)));
    const draft = readDraft(others, this.#templates);
    const isElsewhere = [draft.callId, draft.fromTag, draft.toTag, draft.viaBranch, draft.sdp].some(
      (text) => text !== undefined,
    );
    if (isElsewhere || draft.flags.receivedFrom !== undefined) return undefined;
    this.#likeness += 1;
    const own = { likeness: this.#likeness, written: undefined };
    if (command.kind === 'delete') return { ...command, ...own };
    // Read key by key, the flags have become a slow kind of object: ten times as dear to copy.
    return { ...command, flags: { ...command.flags }, ...own };
  }
}

function withTexts(known: Repeated, texts: RequestTexts, written: WrittenCommand): Repeated | undefined {
  const { callId, fromTag, toTag, viaBranch, sdp } = texts;
  // What a known request has, this one has too, since the keys are part of what is alike.
  if (callId === undefined) return undefined;
  switch (known.kind) {
    case 'delete':
      return {
        ...known,
        callId,
        written,
        ...(fromTag !== undefined && { fromTag }),
        ...(known.toTag !== undefined && toTag !== undefined && { toTag }),
        ...(viaBranch !== undefined && { viaBranch }),
      };
    case 'offer': {
      if (fromTag === undefined || !sdp) return undefined;
      const flags = flagsWith(known, texts);
      const offer = { ...known, callId, fromTag, sdp, flags, written };
      if (toTag === undefined && viaBranch === undefined) return offer;
      return {
        ...offer,
        ...(toTag !== undefined && { toTag }),
        ...(viaBranch !== undefined && { viaBranch }),
      };
    }
    case 'answer': {
      if (fromTag === undefined || toTag === undefined || !sdp) return undefined;
      const answer = { ...known, callId, fromTag, toTag, sdp, flags: flagsWith(known, texts), written };
      return viaBranch === undefined ? answer : { ...answer, viaBranch };
    }
  }
}

function flagsWith({ flags }: OfferCommand | AnswerCommand, { receivedFrom }: RequestTexts) {
  if (receivedFrom === undefined || receivedFrom === flags.receivedFrom) return flags;
  return { ...flags, receivedFrom };
}

const TEXT_KEYS: ReadonlySet<string> = new Set([
  ...['call-id', 'from-tag', 'to-tag', 'via-branch', 'sdp', 'received-from'],
]);

const MAX_KNOWN = 1_024;
