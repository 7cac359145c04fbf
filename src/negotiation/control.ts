import type { Call, Dialogue, Leg, Restriction } from '../call/call.js';
import { dialogueBetween, dialoguesOf, legWithTag, replaceDialogue, replaceLeg } from '../call/legs.js';
import { type Link, linksOf } from '../call/links.js';
import {
  heardByListener,
  type Subscription,
  subscriptionOf,
  subscriptionsOf,
  withRestrictedFeeds,
  withSubscription,
} from '../call/subscriptions.js';
import type { MediaControlCommand } from '../command/command.js';
import { type CommandFailure, failure } from '../command/reply.js';
import { altersKeys, withKeyRule } from '../call/key-rules.js';
import { withKeySequences } from '../call/key-sequences.js';
import { detach } from '../sdp/detach.js';
import type { Facts } from './facts.js';
import { withForwarding } from './forwarding.js';
import { type KeyBlock, keyBlock, refusedBlock, withKeyBlock, withRedundancyRead } from './key-blocks.js';
import { legWithLabel, selectParty } from './selection.js';

export type Controlled = { readonly kind: 'changed'; readonly call: Call } | CommandFailure;

/** Blocks or silences the media or digits of a call, of a party, or of what one party hears of another. */
export function controlMedia(known: Call, command: MediaControlCommand, facts: ControlFacts): Controlled {
  const change = changeOf(command, facts);
  const call: Call = hasToRead(change) ? { ...known, readsKeys: true } : known;
  const selected = selectParty(call, command.from);
  if (selected.kind === 'failure') return selected;
  const everywhere = command.from.all === 'all';
  if (change.kind === 'keys' && change.isOn) {
    const party = selected.kind === 'party' ? selected.leg : undefined;
    const refused = refusedBlock(call, party, command.keys ?? {});
    if (refused !== undefined) return refused;
  }
  if (change.kind === 'forwarding') {
    const { defaults, now } = facts;
    const wish = { isOn: change.isOn, everywhere, to: defaults.forwardTo, now };
    const forwarded = withForwarding(call, selected, wish);
    return 'kind' in forwarded ? forwarded : { kind: 'changed', call: changed(forwarded) };
  }

  if (selected.kind === 'call') {
    return { kind: 'changed', call: changed(onCall(call, change, everywhere)) };
  }
  const labelled = command.setLabel === undefined ? selected.leg : withLabel(selected.leg, command.setLabel);
  const before = replaceLeg(call, labelled);
  const isOfFlows = command.to !== undefined || command.from.all !== undefined;
  if (isOfFlows && change.kind === 'keys' && change.block.guard !== undefined)
    return failure('unsupported', 'a trigger is for a party or the call, not for a single flow');
  if (command.to) return onFlow(before, labelled, command.to, change);
  if (command.from.all !== undefined) return onFlows(before, labelled, command.from.all, change);
  return { kind: 'changed', call: changed(onParty(before, labelled, change)) };
}

export type ControlFacts = Pick<Facts, 'now' | 'random'> & {
  readonly defaults: Pick<Facts['defaults'], 'forwardTo'>;
};

type Change = MediaChange | KeyChange;
type MediaChange = {
  readonly kind: 'media';
  readonly restriction: 'block media' | 'silence media';
  readonly isOn: boolean;
};
type KeyChange = { readonly kind: 'keys'; readonly block: KeyBlock; readonly isOn: boolean };
type Forwarding = { readonly kind: 'forwarding'; readonly isOn: boolean };

function changeOf({ action, keys = {} }: MediaControlCommand, { random }: ControlFacts): Change | Forwarding {
  switch (action) {
    case 'block media':
    case 'silence media':
      return { kind: 'media', restriction: action, isOn: true };
    case 'unblock media':
      return { kind: 'media', restriction: 'block media', isOn: false };
    case 'unsilence media':
      return { kind: 'media', restriction: 'silence media', isOn: false };
    case 'block DTMF':
      return { kind: 'keys', block: keyBlock(keys, random), isOn: true };
    case 'unblock DTMF':
      return { kind: 'keys', block: UNBLOCKED, isOn: false };
    case 'start forwarding':
      return { kind: 'forwarding', isOn: true };
    case 'stop forwarding':
      return { kind: 'forwarding', isOn: false };
  }
}

/** Packets are not passed on as they are, or somebody has to hear of keys. */
function hasToRead(change: Change | Forwarding): boolean {
  switch (change.kind) {
    case 'media':
      return change.isOn && change.restriction === 'silence media';
    case 'keys':
      return altersKeys(change.block.rule) || change.block.guard !== undefined;
    case 'forwarding':
      return false;
  }
}

function onParty(call: Call, leg: Leg, change: Change): Call {
  if (change.kind === 'keys') return withKeyBlock(call, leg.id, change.block);
  return replaceLeg(call, { ...leg, restrictions: applied(leg.restrictions, change) });
}

/** What holds for the whole call; the restrictions of parties and flows survive unless all are meant. */
function onCall(call: Call, change: Change, everywhere: boolean): Call {
  const restricted =
    change.kind === 'keys'
      ? withKeyBlock(call, undefined, change.block)
      : { ...call, restrictions: applied(call.restrictions, change) };
  if (change.isOn || !everywhere) return restricted;
  const unguarded =
    change.kind === 'media'
      ? restricted
      : call.legs.reduce((rest, { id }) => withKeySequences(rest, id, 'guard', []), restricted);
  return {
    ...unguarded,
    legs: call.legs.map((leg) => ({ ...leg, restrictions: applied(leg.restrictions, change) })),
    dialogues: call.dialogues.map((dialogue) => ({
      ...dialogue,
      restrictionsToA: applied(dialogue.restrictionsToA, change),
      restrictionsToB: applied(dialogue.restrictionsToB, change),
    })),
    subscriptions: restrictedFeeds(call, undefined, change),
    links: call.links?.map((link) => restrictedLink(link, change)),
  };
}

function onFlow(
  call: Call,
  from: Leg,
  target: NonNullable<MediaControlCommand['to']>,
  change: Change,
): Controlled {
  const to = 'tag' in target ? legWithTag(call, target.tag) : legWithLabel(call, target.label);
  if (to === undefined) {
    const name = 'tag' in target ? 'to-tag' : 'to-label';
    return failure('unknownParty', `Media flow not found (${name} not found)`);
  }
  const dialogue = dialogueBetween(call, from.id, to.id);
  const heard = subscriptionOf(call, to.id);
  if (heard && heardByListener(heard).includes(from.id)) {
    const restricted = withSubscription(call, restrictedFrom(heard, from.id, change));
    return { kind: 'changed', call: changed(restricted) };
  }
  const connected = linksOf(call).filter(({ talker, listener }) => talker === from && listener === to);
  if (dialogue === undefined && connected.length === 0)
    return failure('unknownParty', 'Media flow not found (to-tag not subscribed)');
  const negotiated =
    dialogue === undefined ? call : replaceDialogue(call, restrictedFlow(dialogue, from.id, change));
  return {
    kind: 'changed',
    call: changed(
      withRestrictedLinks(
        negotiated,
        connected.map(({ link }) => link),
        change,
      ),
    ),
  };
}

/** All flows that leave a party: those of offers and answers, those to listeners, or both. */
function onFlows(
  call: Call,
  from: Leg,
  which: 'all' | 'flows' | 'offer-answer' | 'except-offer-answer',
  change: Change,
): Controlled {
  const dialogues = which === 'except-offer-answer' ? [] : dialoguesOf(call, from.id);
  const isHeard = subscriptionsOf(call).some((one) => heardByListener(one).includes(from.id));
  const reachesListeners = which !== 'offer-answer' && isHeard;
  const connected = linksOf(call)
    .filter(({ talker, link }) => talker === from && isAmong(link, which))
    .map(({ link }) => link);
  if (dialogues.length === 0 && connected.length === 0 && !reachesListeners)
    return failure('unknownParty', 'No eligible media subscriptions found');
  const restricted = dialogues.reduce(
    (present, dialogue) => replaceDialogue(present, restrictedFlow(dialogue, from.id, change)),
    call,
  );
  const after = reachesListeners
    ? { ...restricted, subscriptions: restrictedFeeds(restricted, from.id, change) }
    : restricted;
  return { kind: 'changed', call: changed(withRestrictedLinks(after, connected, change)) };
}

/** Whom a party was connected with as its peer it hears as if both had negotiated. */
function isAmong({ isPeer }: Link, which: 'all' | 'flows' | 'offer-answer' | 'except-offer-answer'): boolean {
  if (which === 'offer-answer') return isPeer;
  return which === 'except-offer-answer' ? !isPeer : true;
}

function withRestrictedLinks(call: Call, links: readonly Link[], change: Change): Call {
  if (links.length === 0) return call;
  return {
    ...call,
    links: call.links?.map((link) => (links.includes(link) ? restrictedLink(link, change) : link)),
  };
}

function restrictedLink(link: Link, change: Change): Link {
  return { ...link, restrictions: applied(link.restrictions, change) };
}

function restrictedFeeds(call: Call, from: number | undefined, change: Change): Call['subscriptions'] {
  return call.subscriptions?.map((subscription) => restrictedFrom(subscription, from, change));
}

function restrictedFrom(subscription: Subscription, from: number | undefined, change: Change): Subscription {
  return withRestrictedFeeds(subscription, from, (restrictions) => applied(restrictions, change));
}

function restrictedFlow(dialogue: Dialogue, from: number, change: Change): Dialogue {
  if (dialogue.a === from) {
    return { ...dialogue, restrictionsToB: applied(dialogue.restrictionsToB, change) };
  }
  return { ...dialogue, restrictionsToA: applied(dialogue.restrictionsToA, change) };
}

function applied(restrictions: readonly Restriction[], change: Change): readonly Restriction[] {
  if (change.kind === 'keys') return withKeyRule(restrictions, change.block.rule);
  const { restriction, isOn } = change;
  const others = restrictions.filter((present) => present !== restriction);
  return isOn ? [...others, restriction] : others;
}

function withLabel(leg: Leg, label: string): Leg {
  return { ...leg, label: detach(label) };
}

function changed(call: Call): Call {
  return { ...withRedundancyRead(call), revision: call.revision + 1 };
}

const UNBLOCKED: KeyBlock = { rule: undefined, guard: undefined };
