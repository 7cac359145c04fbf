import type { Call, Dialogue, Leg, Restriction, Stream } from './call.js';
import { dialoguesOf } from './legs.js';
import { isListener } from './subscriptions.js';

/** One way of media between two streams whose parties have not negotiated it with each other. */
export type Link = {
  /** Streams, by id. */
  readonly from: number;
  readonly to: number;
  /** The parties are each other's peers until one of them negotiates anew; otherwise this is beside what they hear. */
  readonly isPeer: boolean;
  /** What a client asked not to be passed on this way. */
  readonly restrictions: readonly Restriction[];
};

/** A link with the parties and streams it names. */
export type LinkedStreams = {
  readonly link: Link;
  readonly talker: Leg;
  readonly from: Stream;
  readonly listener: Leg;
  readonly to: Stream;
};

export function linksOf(call: Call): readonly LinkedStreams[] {
  return (call.links ?? NONE).flatMap((link) => {
    const from = placeOf(call, link.from);
    const to = placeOf(call, link.to);
    if (from === undefined || to === undefined) return [];
    return [{ link, talker: from.leg, from: from.stream, listener: to.leg, to: to.stream }];
  });
}

function placeOf(call: Call, id: number): { readonly leg: Leg; readonly stream: Stream } | undefined {
  for (const leg of call.legs) {
    const stream = leg.streams.find((each) => each.id === id);
    if (stream !== undefined) return { leg, stream };
  }
  return undefined;
}

/** The call with these links, in place of those that are alike. */
export function withLinks(call: Call, added: readonly Link[]): Call {
  if (added.length === 0) return call;
  const links = new Map([...(call.links ?? NONE), ...added].map((link) => [`${link.from} ${link.to}`, link]));
  return { ...call, links: [...links.values()] };
}

/** The call with those links only. */
export function keepingLinks(call: Call, isKept: (link: Link) => boolean): Call {
  if (call.links === undefined) return call;
  const links = call.links.filter(isKept);
  return { ...call, links: links.length === 0 ? undefined : links };
}

/** The call without links to what is gone. */
export function withoutLooseLinks(call: Call): Call {
  const streams = new Set(call.legs.flatMap((leg) => leg.streams.map(({ id }) => id)));
  return keepingLinks(call, ({ from, to }) => streams.has(from) && streams.has(to));
}

/** A party that nobody has negotiated with: one that was published or created. */
export function standsAlone(call: Call, leg: Leg): boolean {
  return dialoguesOf(call, leg.id).length === 0 && !isListener(call, leg);
}

/** Whether the other side of a dialogue hears the party: both may have been connected with others since. */
export function isHeardIn({ a, parted }: Dialogue, talker: number): boolean {
  if (parted === undefined) return true;
  return parted !== 'both' && parted !== (talker === a ? 'a' : 'b');
}

/** The party is not heard any more in what it has negotiated; with `both` it does not hear the others either. */
export function partedFrom(call: Call, leg: number, which: 'said' | 'both'): Call {
  const dialogues = call.dialogues.map((dialogue): Dialogue => {
    if (dialogue.a !== leg && dialogue.b !== leg) return dialogue;
    const own = dialogue.a === leg ? 'a' : 'b';
    const isWhole = which === 'both' || (dialogue.parted !== undefined && dialogue.parted !== own);
    return { ...dialogue, parted: isWhole ? 'both' : own };
  });
  return { ...call, dialogues };
}

/** The two have negotiated: they hear each other, and those they were connected with instead no longer. */
export function reunited(
  call: Call,
  dialogue: Dialogue,
): { readonly call: Call; readonly dialogue: Dialogue } {
  const joined = dialogue.parted === undefined ? dialogue : { ...dialogue, parted: undefined };
  if (call.links === undefined) return { call, dialogue: joined };
  const legs = call.legs.filter(({ id }) => id === dialogue.a || id === dialogue.b);
  const own = new Set(legs.flatMap(({ streams }) => streams.map(({ id }) => id)));
  return {
    call: keepingLinks(call, ({ from, to, isPeer }) => !isPeer || !(own.has(from) || own.has(to))),
    dialogue: joined,
  };
}

const NONE: readonly Link[] = [];
