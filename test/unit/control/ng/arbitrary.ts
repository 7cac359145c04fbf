import fc from 'fast-check';
import type { Dictionary, Value } from '../../../../src/control/ng/value.js';

/** Bytes as they may stand in a message. */
export const byteString = fc
  .uint8Array({ maxLength: 30 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

const { value } = fc.letrec<{ value: Value; dictionary: Dictionary }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    byteString,
    fc.maxSafeInteger(),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('dictionary'),
  ),
  dictionary: fc
    .array(fc.tuple(byteString, tie('value')), { maxLength: 4 })
    .map((entries) => new Map(entries)),
}));

export const dictionary: fc.Arbitrary<Dictionary> = fc
  .array(fc.tuple(byteString, value), { maxLength: 6 })
  .map((entries) => new Map(entries));
