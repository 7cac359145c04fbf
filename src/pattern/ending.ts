import type { Client, DeleteCommand } from '../command/command.js';
import type { CallStatistics, Reply } from '../command/reply.js';
import type {
  ComponentStats,
  FormedText,
  FormedValue,
  OutcomePlan,
  RemoteGap,
  SessionStats,
  StreamStats,
} from '../dataplane/protocol.gen.js';
import { textPlan } from './hand-over.js';
import type { Message } from './message.js';
import type { Pattern } from './pattern.js';
import type { Repeat } from './repeat.js';
import { type Gap, templateOf } from './template.js';
import { likenesses, MAX_STAND_INS, standInsFor, type ValueKind, Values } from './values.js';

type EndPlan = Extract<OutcomePlan, { kind: 'end' }>;

/** A deletion taken apart as `messageOf` does it with offers and answers. */
export function deletionOf(
  { callId, likeness, written }: DeleteCommand,
  client: Client,
  nowMs: number,
  { pattern, values: before }: Pick<Repeat, 'pattern' | 'values'>,
): Message | undefined {
  if (likeness === undefined || written === undefined) return undefined;
  const values = new Values(pattern.kinds, before);
  const start = before.length;
  const textOf = (name: string) => {
    const place = written.texts.find((text) => text.name === name);
    return place && written.text.slice(place.start, place.end);
  };
  const tags = ['fromTag', 'toTag', 'viaBranch'].map(textOf);
  const isPlain =
    textOf('sdp') === undefined &&
    textOf('receivedFrom') === undefined &&
    values.add('digits', String(nowMs)) &&
    values.add('word', callId) &&
    values.add('word', client.address) &&
    values.add('digits', String(client.port)) &&
    tags.every((tag) => tag === undefined || values.add('word', tag));
  const { kinds, texts } = values;
  if (!isPlain || texts.length > MAX_STAND_INS) return undefined;
  const given = tags.map((tag) => (tag === undefined ? '-' : '+')).join('');
  const key = `delete ${likeness} ${given} ${likenesses(kinds, texts, start)}`;
  return { key, shape: '', kinds, texts, start, isProtected: false };
}

/**
 * What the end of a call comes to of which there is nothing to tell but what its signalling said: no packet has
 * arrived. `undefined` if its reply depends on values in a way the data plane knows nothing of.
 */
export function endingOf(
  pattern: Pattern,
  message: Message,
  media: SessionStats,
  told: (statistics: CallStatistics) => Reply,
  write: (reply: Reply) => string,
): EndPlan | undefined {
  const { planData, revision } = pattern;
  if (planData === undefined || media.revision !== revision || !isSilent(media)) return undefined;
  const addresses = planData
    .gaps()
    .filter(({ path: [, , part] }) => part === 'remote' || part === 'pendingRemote');
  const addressesOf = (texts: readonly string[]) => addresses.map((gap) => withValues(gap, texts));
  const signalled = addressesOf(message.texts);
  const say = (texts: readonly string[], atMs: number): Said | undefined => {
    const streams = withRemotes(media.streams, signalled, addressesOf(texts));
    if (streams === undefined) return undefined;
    const statistics = {
      ...pattern.statistics.fill(texts),
      atMs,
      media: { ...media, streams: [...streams] },
    };
    return { streams, reply: write(told(statistics)), standIns: texts };
  };
  const [one, other] = pattern.samples.map(({ texts }, at) =>
    // When it is told must not matter.
    say(standInsFor(message.kinds, message.texts, at === 0 ? 0 : 1, texts), at * A_DAY_MS),
  );
  if (one === undefined || other === undefined) return undefined;
  const reply = formedReply(one, other, message.kinds);
  const remotes = remoteGaps(one, other);
  const actual = say(message.texts, 2 * A_DAY_MS);
  if (reply === undefined || remotes === undefined || actual === undefined) return undefined;
  if (filled(reply, message.texts) !== actual.reply) return undefined;
  return { kind: 'end', revision, streams: [...one.streams], remotes, reply };
}

/** Whether there is nothing that was measured. */
export function isSilent({ streams }: SessionStats): boolean {
  return streams.every(
    ({ rtp, rtcp, ingress, egress, ice }) =>
      isIdle(rtp) && isIdle(rtcp) && ingress.length === 0 && egress.length === 0 && ice === null,
  );
}

function isIdle({ receivedPackets, sentPackets, lastPacketMsAgo, lastSuspect }: ComponentStats): boolean {
  return receivedPackets === 0 && sentPackets === 0 && lastPacketMsAgo === null && lastSuspect === null;
}

type Said = {
  readonly streams: readonly StreamStats[];
  readonly reply: string;
  readonly standIns: readonly string[];
};

/** Statistics of a call like it; `undefined` if a remote is not one that was signalled. */
function withRemotes(
  streams: readonly StreamStats[],
  signalled: readonly string[],
  others: readonly string[],
): readonly StreamStats[] | undefined {
  const translated = (component: ComponentStats): ComponentStats | undefined => {
    if (component.remote === null) return component;
    const remote = others[signalled.indexOf(component.remote)];
    return remote === undefined ? undefined : { ...component, remote };
  };
  const found: StreamStats[] = [];
  for (const stream of streams) {
    const [rtp, rtcp] = [translated(stream.rtp), translated(stream.rtcp)];
    if (rtp === undefined || rtcp === undefined) return undefined;
    found.push({ ...stream, rtp, rtcp });
  }
  return found;
}

function withValues({ texts, at }: Gap, values: readonly string[]): string {
  return texts.map((text, index) => text + (values[at[index] ?? -1] ?? '')).join('');
}

function remoteGaps(one: Said, other: Said): RemoteGap[] | undefined {
  const gaps: RemoteGap[] = [];
  for (const [stream, stats] of one.streams.entries()) {
    for (const component of ['rtp', 'rtcp'] as const) {
      const [remote, again] = [stats[component].remote, other.streams[stream]?.[component].remote];
      if (remote === null && again === null) continue;
      const template = templateOf(
        { result: remote, standIns: one.standIns },
        { result: again ?? null, standIns: other.standIns },
      );
      if (template === undefined) return undefined;
      for (const gap of template.gaps()) gaps.push({ stream, component, text: textPlan(gap) });
    }
  }
  return gaps;
}

/** The reply with gaps, each of which stands where bencode has a whole text or a whole number. */
function formedReply(one: Said, other: Said, kinds: readonly ValueKind[]): FormedText | undefined {
  const [found, again] = [formsOf(one.standIns), formsOf(other.standIns)];
  const template = templateOf(
    { result: one.reply, standIns: found.map(({ text }) => text) },
    { result: other.reply, standIns: again.map(({ text }) => text) },
  );
  if (template === undefined) return undefined;
  const [gap] = template.gaps();
  return gap === undefined ? { texts: [one.reply], at: [] } : measured(gap, found, kinds);
}

type Formed = { readonly text: string; readonly value: FormedValue };

/** Every value in every form; those that begin with others come first. */
function formsOf(standIns: readonly string[]): readonly Formed[] {
  const formed = (form: FormedValue['form'], spell: (value: string) => string) =>
    standIns.map((value, at): Formed => ({ text: spell(value), value: { at, form } }));
  const times = (of: readonly Formed[]) => of.filter(({ value }) => isTime(standIns[value.at] ?? ''));
  return [
    ...times(formed('microseconds', (value) => `${value}000`)),
    ...formed('plain', (value) => value),
    ...times(formed('seconds', (value) => value.slice(0, -3))),
    // All stand-ins for times end alike; only of the call's first moment this is told.
    ...formed('microsecondsBeyond', (value) => String((Number(value) % 1000) * 1000)).slice(0, 1),
  ];
}

function measured(
  { texts, at }: Gap,
  forms: readonly Formed[],
  kinds: readonly ValueKind[],
): FormedText | undefined {
  const result: FormedText = { texts: [...texts], at: [] };
  for (const [index, place] of at.entries()) {
    const [before = '', behind = ''] = [result.texts[index], texts[index + 1]];
    const formed = forms[place];
    if (formed === undefined) return undefined;
    const { text, value } = formed;
    const kind = kinds[value.at];
    if (kind === 'word' || kind === 'address') {
      const length = `${text.length}:`;
      if (!before.endsWith(length)) return undefined;
      result.texts[index] = before.slice(0, -length.length);
      result.at.push({ at: value.at, form: 'measured' });
    } else {
      if (!before.endsWith('i') || !behind.startsWith('e')) return undefined;
      result.at.push(value);
    }
  }
  return result;
}

function filled({ texts, at }: FormedText, values: readonly string[]): string {
  let text = texts[0] ?? '';
  for (const [index, formed] of at.entries()) text += `${spelled(formed, values)}${texts[index + 1] ?? ''}`;
  return text;
}

function spelled({ at, form }: FormedValue, values: readonly string[]): string {
  const value = values[at] ?? '';
  switch (form) {
    case 'plain':
      return value;
    case 'measured':
      return `${value.length}:${value}`;
    case 'seconds':
      return String(Math.floor(Number(value) / 1000));
    case 'microseconds':
      return String(Number(value) * 1000);
    case 'microsecondsBeyond':
      return String((Number(value) % 1000) * 1000);
  }
}

/** Milliseconds since the epoch, of which whole seconds are told. */
function isTime(value: string): boolean {
  return value.length > 12 && /^[0-9]+$/.test(value);
}

const A_DAY_MS = 86_400_000;
