import type { AnswerCommand, Client, OfferCommand } from '../command/command.js';
import { bodyOf, bodyShape } from './body-shape.js';
import { likenesses, MAX_STAND_INS, type ValueKind, Values } from './values.js';

/** An offer or answer taken apart: the values that differ from call to call, and everything else. */
export type Message = {
  /** Messages with the same key, in the same state of a call, differ in nothing but values. */
  readonly key: string;
  readonly shape: string;
  /** Values of the call so far, then those of the message. */
  readonly kinds: readonly ValueKind[];
  readonly texts: readonly string[];
  /** Where those of the message begin. */
  readonly start: number;
  /** It has ICE, or a message before it had. */
  readonly isProtected: boolean;
};

/** Of the call so far. */
export type Known = {
  readonly kinds: readonly ValueKind[];
  readonly texts: readonly string[];
  readonly isProtected: boolean;
};

/** `undefined`: the message says something in an unusual way, and has no pattern. */
export function messageOf(
  command: OfferCommand | AnswerCommand,
  client: Client,
  nowMs: number,
  known: Known = NOTHING,
): Message | undefined {
  if (command.likeness === undefined) return undefined;
  const body = bodyShape(command.sdp);
  if (body === undefined) return undefined;
  const isProtected = body.isProtected || known.isProtected;
  // What the client wants done with single lines may have to do with what is in them.
  if (isProtected && command.flags.sdpAttributes.size > 0) return undefined;
  const values = new Values(known.kinds, known.texts);
  const start = known.texts.length;
  const { fromTag, toTag, viaBranch, callId } = command;
  const { receivedFrom } = command.flags;
  const isPlain =
    values.add('digits', String(nowMs)) &&
    values.add('word', callId) &&
    values.add('word', client.address) &&
    values.add('digits', String(client.port)) &&
    values.add('word', fromTag) &&
    (toTag === undefined || values.add('word', toTag)) &&
    (viaBranch === undefined || values.add('word', viaBranch)) &&
    (receivedFrom === undefined || values.add('address', receivedFrom));
  if (!isPlain) return undefined;
  for (const [at, kind] of body.kinds.entries()) values.put(kind, body.values[at] ?? '');
  const { kinds, texts } = values;
  if (texts.length > (isProtected ? MOST_PROTECTED : MOST_PLAIN)) return undefined;
  const given = `${toTag === undefined ? '' : 't'}${viaBranch === undefined ? '' : 'b'}${receivedFrom === undefined ? '' : 'r'}`;
  const key = `${command.kind} ${command.likeness} ${given} ${body.notes} ${likenesses(kinds, texts, start)}\n${body.shape}`;
  return { key, shape: body.shape, kinds, texts, start, isProtected };
}

/** The same message with other values. */
export function messageWith<C extends OfferCommand | AnswerCommand>(
  { shape, start, kinds }: Message,
  command: C,
  texts: readonly string[],
): { readonly command: C; readonly client: Client; readonly nowMs: number } {
  let at = start;
  const next = () => {
    at += 1;
    return texts[at - 1] ?? '';
  };
  const nowMs = Number(next());
  const callId = next();
  const client: Client = { address: next(), port: Number(next()), protocol: 'ng' };
  const fromTag = next();
  const toTag = command.toTag === undefined ? undefined : next();
  const viaBranch = command.viaBranch === undefined ? undefined : next();
  const receivedFrom = command.flags.receivedFrom === undefined ? undefined : next();
  return {
    nowMs,
    client,
    command: {
      ...command,
      callId,
      fromTag,
      ...(toTag !== undefined && { toTag }),
      ...(viaBranch !== undefined && { viaBranch }),
      flags: { ...command.flags, ...(receivedFrom !== undefined && { receivedFrom }) },
      sdp: bodyOf(
        shape,
        texts.filter((_, index) => index >= at && kinds[index] !== 'next port'),
      ),
    },
  };
}

const NOTHING: Known = { kinds: [], texts: [], isProtected: false };
/** With room for the ports that a message opens, which take two values each, and for what is drawn. */
const MOST_PLAIN = 90 - 16;
const MOST_PROTECTED = MAX_STAND_INS - 40;
