import type { Call, Dialogue, Leg } from './call.js';

/** The party of a tag. Tags in use come before former ones. */
export function legWithTag(call: Call, tag: string): Leg | undefined {
  return call.legs.find((leg) => leg.tag === tag) ?? call.legs.find((leg) => leg.aliases.includes(tag));
}

export function legById(call: Call, id: number): Leg {
  const leg = call.legs.find((candidate) => candidate.id === id);
  if (leg === undefined) throw new Error(`a dialogue names leg ${id}, which does not exist`);
  return leg;
}

export function replaceLeg(call: Call, leg: Leg): Call {
  return withLegs(
    call,
    call.legs.map((old) => (old.id === leg.id ? leg : old)),
  );
}

export function addLeg(call: Call, leg: Leg): Call {
  return { ...call, legs: [...call.legs, leg] };
}

export function newLeg(id: number, createdMs: number): Leg {
  return {
    id,
    tag: undefined,
    aliases: [],
    aliasKey: undefined,
    viaBranch: undefined,
    label: undefined,
    metadata: undefined,
    createdMs,
    interface: undefined,
    family: undefined,
    asymmetric: false,
    natWait: false,
    pierceNat: false,
    unidirectional: false,
    ptimeOverridden: false,
    hears: undefined,
    iceLite: false,
    forwarding: undefined,
    unrecorded: false,
    restrictions: [],
    deleteAtMs: undefined,
    told: {},
    twins: undefined,
    streams: [],
  };
}

export function dialoguesOf(call: Call, leg: number): Dialogue[] {
  return call.dialogues.filter(({ a, b }) => a === leg || b === leg);
}

export function dialogueBetween(call: Call, one: number, other: number): Dialogue | undefined {
  return call.dialogues.find(({ a, b }) => (a === one && b === other) || (a === other && b === one));
}

export function newDialogue(a: number, b: number): Dialogue {
  return {
    a,
    b,
    answered: 0,
    offeredBy: undefined,
    final: false,
    lines: undefined,
    restrictionsToA: [],
    restrictionsToB: [],
    parted: undefined,
  };
}

export function addDialogue(call: Call, dialogue: Dialogue): Call {
  return { ...call, dialogues: [...call.dialogues, dialogue] };
}

export function replaceDialogue(call: Call, dialogue: Dialogue): Call {
  return {
    ...call,
    dialogues: call.dialogues.map((old) => (isSameDialogue(old, dialogue) ? dialogue : old)),
  };
}

export function isSameDialogue(one: Dialogue, other: Dialogue): boolean {
  return one.a === other.a && one.b === other.b;
}

export function peerIn(dialogue: Dialogue, leg: number): number {
  return dialogue.a === leg ? dialogue.b : dialogue.a;
}

/** The dialogue a party is in now: the one answered last, else the newest. */
export function currentDialogue(call: Call, leg: number): Dialogue | undefined {
  return heardDialogue(call, leg) ?? dialoguesOf(call, leg).at(-1);
}

/** The dialogue whose other side a party hears: the one answered last. */
export function heardDialogue(call: Call, leg: number): Dialogue | undefined {
  let heard: Dialogue | undefined;
  for (const dialogue of call.dialogues) {
    if (dialogue.a !== leg && dialogue.b !== leg) continue;
    if (dialogue.answered > (heard?.answered ?? 0)) heard = dialogue;
  }
  return heard;
}

/** Somebody else answered this party later: it no longer talks in this dialogue. */
export function isOverruled(call: Call, leg: number, dialogue: Dialogue): boolean {
  const heard = heardDialogue(call, leg);
  return heard !== undefined && heard.answered > dialogue.answered;
}

/** The party has completed an exchange: what it says next is an offer until it is answered. */
export function isSettled(call: Call, leg: number): boolean {
  return heardDialogue(call, leg) !== undefined;
}

/** Position of the stream of the other side that belongs to this one. */
export function peerLine(dialogue: Dialogue, leg: number, line: number): number | undefined {
  if (dialogue.lines === undefined) return line;
  const isA = dialogue.a === leg;
  const pair = dialogue.lines.find(([a, b]) => (isA ? a : b) === line);
  return pair && (isA ? pair[1] : pair[0]);
}

export function withLegs(call: Call, legs: readonly Leg[]): Call {
  const after = copyOfCall(call);
  after.legs = legs;
  return after;
}

/** A copy to be changed before anybody else has it, of the one hidden class that all legs have (see `streams.ts`). */
export function copyOfLeg(leg: Leg): { -readonly [Field in keyof Leg]: Leg[Field] } {
  return {
    id: leg.id,
    tag: leg.tag,
    aliases: leg.aliases,
    aliasKey: leg.aliasKey,
    viaBranch: leg.viaBranch,
    label: leg.label,
    metadata: leg.metadata,
    createdMs: leg.createdMs,
    interface: leg.interface,
    family: leg.family,
    asymmetric: leg.asymmetric,
    natWait: leg.natWait,
    pierceNat: leg.pierceNat,
    unidirectional: leg.unidirectional,
    ptimeOverridden: leg.ptimeOverridden,
    hears: leg.hears,
    iceLite: leg.iceLite,
    forwarding: leg.forwarding,
    unrecorded: leg.unrecorded,
    restrictions: leg.restrictions,
    deleteAtMs: leg.deleteAtMs,
    told: leg.told,
    twins: leg.twins,
    streams: leg.streams,
  };
}

/** The same for a call. */
export function copyOfCall(call: Call): { -readonly [Field in keyof Call]: Call[Field] } {
  return {
    callId: call.callId,
    revision: call.revision,
    createdMs: call.createdMs,
    lastSignalMs: call.lastSignalMs,
    createdFrom: call.createdFrom,
    metadata: call.metadata,
    xmlrpcCallback: call.xmlrpcCallback,
    dtmfLogDestination: call.dtmfLogDestination,
    tellsKeys: call.tellsKeys,
    tos: call.tos,
    timeouts: call.timeouts,
    learning: call.learning,
    deleteDelayMs: call.deleteDelayMs,
    deleteAtMs: call.deleteAtMs,
    dropTraffic: call.dropTraffic,
    generateRtcp: call.generateRtcp,
    rtcpIntervalMs: call.rtcpIntervalMs,
    forwarding: call.forwarding,
    restrictions: call.restrictions,
    nextId: call.nextId,
    legs: call.legs,
    dialogues: call.dialogues,
    pairs: call.pairs,
    keySequences: call.keySequences,
    keyWatches: call.keyWatches,
    ownTimeoutMs: call.ownTimeoutMs,
    earlyFragments: call.earlyFragments,
    taps: call.taps,
    readsKeys: call.readsKeys,
    subscriptions: call.subscriptions,
    links: call.links,
    departed: call.departed,
  };
}
