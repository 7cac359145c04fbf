import type { LabelledMedia, LabelledParty, SubscriptionReply } from '../../command/reply.js';
import { dictionaryAt, dictionaryOf, integerAt, listAt, textAt, textOf } from './bencode-text.js';

/** What a client gets for its listener, and which of the parties is heard where. */
export function encodeSubscription({ sdp, toTag, fromTags, parties }: SubscriptionReply): string {
  const [only, ...others] = fromTags;
  const fromTag = only === undefined || others.length > 0 ? '' : textAt('from-tag', only);
  const labels = parties === undefined ? '' : labelEntries(parties);
  return `${textAt('sdp', sdp)}${fromTag}${labels}${listAt('from-tags', fromTags, textOf)}${textAt('to-tag', toTag)}`;
}

function labelEntries(parties: readonly LabelledParty[]): string {
  const labels = parties.flatMap(({ tag, label, medias }) =>
    medias.map((media) =>
      dictionaryAt(media.label, textAt('tag', tag) + withoutOwnLabel(media) + named(label) + modeOf(media)),
    ),
  );
  return listAt('tag-medias', parties, partyRecord) + dictionaryAt('media-labels', labels.join(''));
}

function partyRecord({ tag, label, medias }: LabelledParty): string {
  return dictionaryOf(textAt('tag', tag) + named(label) + listAt('medias', medias, mediaRecord));
}

function mediaRecord(media: LabelledMedia): string {
  return dictionaryOf(withoutOwnLabel(media) + named(media.label) + modeOf(media));
}

function withoutOwnLabel({ index, type }: LabelledMedia): string {
  return integerAt('index', index) + textAt('type', type);
}

function named(label: string | undefined): string {
  return label === undefined ? '' : textAt('label', label);
}

function modeOf({ mode }: LabelledMedia): string {
  return textAt('mode', mode);
}
