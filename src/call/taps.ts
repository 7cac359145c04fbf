import type { RecordingCode } from '../command/flags.js';
import type { Call, Leg } from './call.js';
import { isListener } from './subscriptions.js';

/** Copies of a call's packets: into a file, or to somebody who listens along. */
export type Tap = {
  readonly id: number;
  /** `recording`: of the whole call, at most one at a time; `forwarding`: likewise; `pair`: a client's that knows no SDP. */
  readonly purpose: TapPurpose;
  /** By id; undefined: every stream the purpose is about, also those to come. */
  readonly streams: readonly number[] | undefined;
  readonly side: TapSide;
  readonly rtcp: boolean;
  readonly state: TapState;
  readonly startedMs: number;
  readonly target: TapTarget;
  /** The text beside a recording has this in its name. */
  readonly prefix: string | undefined;
  /** The data plane was lost meanwhile, and with it what it had counted. */
  readonly interrupted: boolean;
};

export const TAP_PURPOSES = ['recording', 'forwarding', 'pair'] as const;
export type TapPurpose = (typeof TAP_PURPOSES)[number];

/** Packets from a stream's peer as they arrive, to it as they leave, or both. */
export const TAP_SIDES = ['arriving', 'leaving', 'both'] as const;
export type TapSide = (typeof TAP_SIDES)[number];

/** `stopped` and `discarded` ones go as soon as their counts are known. */
export const TAP_STATES = ['on', 'paused', 'stopped', 'discarded'] as const;
export type TapState = (typeof TAP_STATES)[number];

export const TAP_LINKS = ['rawIp', 'ethernet'] as const;
export type TapTarget =
  | { readonly kind: 'pcap'; readonly path: string; readonly link: (typeof TAP_LINKS)[number] }
  | { readonly kind: 'datagrams'; readonly rtp: string; readonly rtcp: string | undefined };

export function tapsOf(call: Call): readonly Tap[] {
  return call.taps ?? NONE;
}

/** The call's recording, unless it has ended. */
export function liveRecording(call: Call): Tap | undefined {
  return tapsOf(call).find((tap) => tap.purpose === 'recording' && isLive(tap));
}

/** What keys do to the recording, as it is now; `undefined`: nothing. */
export function recordingChange(call: Call, code: RecordingCode): 'start' | 'pause' | 'stop' | undefined {
  const state = liveRecording(call)?.state;
  switch (code) {
    case 'start':
    case 'stop':
    case 'pause':
      return code;
    case 'start-stop':
      return state === undefined ? 'start' : 'stop';
    case 'pause-resume':
      return state === undefined ? undefined : state === 'paused' ? 'start' : 'pause';
    case 'start-pause-resume':
      return state === 'on' ? 'pause' : 'start';
  }
}

export function isLive({ state }: Tap): boolean {
  return state === 'on' || state === 'paused';
}

/** Files that are written while parties talk, for the replies to their messages. */
export function recordingPaths(call: Call): readonly string[] {
  const target = liveRecording(call)?.target;
  return target?.kind === 'pcap' ? [target.path] : [];
}

/** `undefined`: there are as many as may be. Copies are in the clear. */
export function withTap(call: Call, tap: Omit<Tap, 'id' | 'interrupted'>): Call | undefined {
  const taps = [...tapsOf(call), { ...tap, id: call.nextId, interrupted: false }];
  if (taps.length > MOST_TAPS) return undefined;
  return { ...call, nextId: call.nextId + 1, taps, readsKeys: true };
}

export function replaceTap(call: Call, tap: Tap): Call {
  return { ...call, taps: tapsOf(call).map((old) => (old.id === tap.id ? tap : old)) };
}

export function withoutTaps(call: Call, gone: ReadonlySet<number>): Call {
  const taps = tapsOf(call).filter(({ id }) => !gone.has(id));
  return { ...call, taps: taps.length === 0 ? undefined : taps };
}

/** What was counted of the call's copies so far is gone. */
export function withInterruption(call: Call): Call {
  if (call.taps === undefined) return call;
  return { ...call, taps: call.taps.map((tap) => ({ ...tap, interrupted: true })) };
}

/** Streams that a tap copies now, by id. */
export function tappedStreams(call: Call, tap: Tap): readonly number[] {
  const legs = call.legs.filter((leg) => isTapped(call, leg, tap.purpose));
  const streams = legs.flatMap((leg) => leg.streams.map(({ id }) => id));
  return tap.streams === undefined ? streams : streams.filter((id) => tap.streams?.includes(id));
}

/** What leaves towards the others is what an excluded party says: then only what arrives is copied. */
export function tappedSide(call: Call, { purpose, side }: Tap): TapSide {
  const isPartial = purpose === 'recording' && call.legs.some(({ unrecorded }) => unrecorded);
  return isPartial ? 'arriving' : side;
}

function isTapped(call: Call, leg: Leg, purpose: TapPurpose): boolean {
  // It is sent what is copied where it comes from.
  if (isListener(call, leg)) return false;
  switch (purpose) {
    case 'recording':
      return !leg.unrecorded;
    case 'forwarding':
      return call.forwarding === true || leg.forwarding === true;
    case 'pair':
      return true;
  }
}

/** The data plane takes no more of one call. */
const MOST_TAPS = 8;

const NONE: readonly Tap[] = [];
