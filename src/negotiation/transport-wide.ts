import type { Groups } from './bundle-said.js';
import { isTransportWide, WITHOUT_TRANSPORT_CC } from './feedback.js';
import type { RelayedSlot, Slot } from './slots.js';

/**
 * Transport-wide sequence numbers count what one transport carries. Where sections share a transport on one side and
 * not on the other, who receives them sees gaps or repetitions that no network made: nobody is promised them there.
 */
export function withoutTornSequences(slots: readonly Slot[], groups: Groups): readonly Slot[] {
  const counted = slots.filter(isCounted);
  if (counted.length < 2) return slots;
  const groupOfSender = ({ view }: RelayedSlot) => groups.get(view)?.group;
  const groupOfReceiver = ({ bundle }: RelayedSlot) => bundle?.group;
  const isTorn = (one: RelayedSlot, other: RelayedSlot) =>
    isShared(groupOfSender(one), groupOfSender(other)) !==
    isShared(groupOfReceiver(one), groupOfReceiver(other));
  const torn = new Set<Slot>(
    counted.filter((one) => counted.some((other) => one !== other && isTorn(one, other))),
  );
  if (torn.size === 0) return slots;
  return slots.map((slot) =>
    slot.kind === 'relayed' && torn.has(slot) ? { ...slot, feedback: WITHOUT_TRANSPORT_CC } : slot,
  );
}

function isCounted(slot: Slot): slot is RelayedSlot {
  if (slot.kind !== 'relayed' || slot.feedback.kind !== 'end to end') return false;
  return slot.view.extmaps.some(isTransportWide);
}

function isShared(one: number | undefined, other: number | undefined): boolean {
  return one !== undefined && one === other;
}
