import type { EventAction } from '../dataplane/protocol.gen.js';

/** What the others get instead of the keys a party presses, as it is remembered among the restrictions. */
export type KeyRule =
  | 'block DTMF'
  | 'silence DTMF'
  /** Another key, 0 to 15. */
  | `DTMF ${number}`
  /** Random digits, drawn with a seed. */
  | `random DTMF ${number} ${number}`
  /** Decibels below full scale, then frequencies with commas between. */
  | `tone DTMF ${number} ${string}`;

/** What holds in the data plane; of several rules the strictest, otherwise that of the greatest extent. */
export function keyAction(restrictions: readonly string[]): EventAction {
  if (restrictions.includes('block DTMF')) return 'drop';
  const rule = restrictions.find(isKeyRule);
  return rule === undefined ? 'forward' : (actionOf(rule) ?? 'drop');
}

/** `undefined`: keys pass. */
export function ruleOf(action: EventAction): KeyRule | undefined {
  switch (action) {
    case 'forward':
      return undefined;
    case 'drop':
      return 'block DTMF';
    case 'silence':
      return 'silence DTMF';
  }
  if ('replace' in action) return `DTMF ${action.replace.event}`;
  if ('random' in action) return `random DTMF ${action.random.seed[0]} ${action.random.seed[1]}`;
  return `tone DTMF ${action.tone.volume} ${action.tone.frequencies.join()}`;
}

/** These restrictions with another rule for keys, or with none. */
export function withKeyRule<T extends string>(
  restrictions: readonly T[],
  rule: KeyRule | undefined,
): readonly (T | KeyRule)[] {
  const others = restrictions.filter((present) => !isKeyRule(present));
  return rule === undefined ? others : [...others, rule];
}

/** What is wanted, with the seed of what holds if both draw digits. */
export function keptRule(present: KeyRule | undefined, wanted: KeyRule | undefined): KeyRule | undefined {
  return isSameRule(present, wanted) ? present : wanted;
}

/** They do the same, but for the seed. */
export function isSameRule(one: KeyRule | undefined, other: KeyRule | undefined): boolean {
  return one === other || [one, other].every((rule) => rule?.startsWith('random DTMF ') === true);
}

export function isKeyRule(restriction: string): restriction is KeyRule {
  return actionOf(restriction) !== undefined;
}

/** Packets have to be read and written anew for it. */
export function altersKeys(rule: KeyRule | undefined): boolean {
  return rule !== undefined && rule !== 'block DTMF';
}

function actionOf(restriction: string): EventAction | undefined {
  if (restriction === 'block DTMF') return 'drop';
  if (restriction === 'silence DTMF') return 'silence';
  const [, event] = /^DTMF (\d{1,2})$/.exec(restriction) ?? [];
  if (event !== undefined) return { replace: { event: Number(event) } };
  const [, first, second] = /^random DTMF (\d{1,10}) (\d{1,10})$/.exec(restriction) ?? [];
  if (first !== undefined) return { random: { seed: [Number(first), Number(second)] } };
  const [, volume, frequencies] = /^tone DTMF (\d{1,2}) (\d{1,5}(?:,\d{1,5})*)$/.exec(restriction) ?? [];
  if (frequencies === undefined) return undefined;
  return { tone: { frequencies: frequencies.split(',').map(Number), volume: Number(volume) } };
}
