import type { Call, KeyWatch } from './call.js';
import { KEYPAD } from '../command/flags.js';
import { pairsOf, partyOf } from './pairs.js';
import { partiesOf } from './subscriptions.js';

/** Whether somebody wants to hear of keys that are pressed in this call. */
export function reportsKeys(call: Call): boolean {
  if (call.keySequences !== undefined) return true;
  return call.tellsKeys || call.dtmfLogDestination !== undefined || watches(call).length > 0;
}

/** The other party is not to hear keys pressed on this stream. */
export function hidesKeys(call: Call, stream: number): boolean {
  return watches(call).some((watch) => watch.stream === stream && watch.hidden);
}

export function watchedPayloadTypes(call: Call, stream: number): readonly number[] {
  return watches(call).flatMap((watch) => (watch.stream === stream ? [watch.payloadType] : []));
}

/** Lines for the notification target of the pair, in the rtpproxy protocol's form. */
export function keyLines(call: Call, press: KeyPress): readonly { target: string; text: string }[] {
  const { stream, payloadType, event, volume, units } = press;
  const pair = pairsOf(call).find(({ creator, other }) => creator === stream || other === stream);
  const target = pair?.notice?.target;
  if (pair === undefined || target === undefined) return [];
  const side = pair.creator === stream ? 0 : 1;
  return watches(call)
    .filter((watch) => watch.stream === stream && watch.payloadType === payloadType)
    .map(({ tag }) => ({ target, text: `${tag} ${KEYPAD.charAt(event)} ${volume} ${units} ${side}` }));
}

/** `undefined` if the stream is gone. */
export function keyPress(call: Call, pressed: Pressed, atMs: number): KeyPress | undefined {
  const party = partyOf(call, pressed.stream);
  if (party === undefined) return undefined;
  const { tag, label } = party.leg;
  return {
    ...pressed,
    callId: call.callId,
    ...(tag !== undefined && { tag }),
    ...(label !== undefined && { label }),
    ...(call.dtmfLogDestination !== undefined && { destination: call.dtmfLogDestination }),
    tags: partiesOf(call).flatMap((leg) => (leg.tag === undefined ? [] : [leg.tag])),
    atMs,
  };
}

/** A key that a party has pressed and released. */
export type KeyPress = Pressed & {
  readonly callId: string;
  /** Absent: the party has not answered yet. */
  readonly tag?: string;
  readonly label?: string;
  /** Of all parties of the call. */
  readonly tags: readonly string[];
  readonly atMs: number;
  /** Whom the call's client wants told, instead of the configured target. */
  readonly destination?: string;
};

/** What packets say of it. */
export type Pressed = {
  readonly stream: number;
  readonly payloadType: number;
  /** Address the packets came from, without port. */
  readonly source: string;
  /** 0 to 9, 10 `*`, 11 `#`, 12 to 15 `A` to `D`. */
  readonly event: number;
  readonly durationMs: number;
  /** The same in ticks of the RTP clock. */
  readonly units: number;
  /** Decibels below 0 dBm0. */
  readonly volume: number;
};

/** The call with one more wish to hear of keys, in place of an older one for the same stream. */
export function withKeyWatch(call: Call, watch: KeyWatch): Call {
  const others = watches(call).filter(({ stream }) => stream !== watch.stream);
  return { ...call, keyWatches: [...others, watch] };
}

/** Those whose stream is still there. */
function watches(call: Call): readonly KeyWatch[] {
  const { keyWatches = [] } = call;
  return keyWatches.filter(({ stream }) => partyOf(call, stream) !== undefined);
}
