import { expect, test } from 'vitest';
import { templateOf } from '../../../src/pattern/template.js';

const one = ['ALPHA', '4711'];
const other = ['BETA', '815'];

test('values take the places of their stand-ins, in texts, numbers and members', () => {
  const template = templateOf(
    { result: { name: 'x ALPHA:4711', list: [4711, null, { deep: 'ALPHA' }], same: true }, standIns: one },
    { result: { name: 'x BETA:815', list: [815, null, { deep: 'BETA' }], same: true }, standIns: other },
  );
  expect(template?.fill(['y', '7'])).toEqual({ name: 'x y:7', list: [7, null, { deep: 'y' }], same: true });
});

test.each([
  ['a value that was changed', 'alpha', 'beta'],
  ['a text that is part of the surroundings by chance', 'ALPHA 815', 'BETA 815'],
  ['a number that was computed with', 4712, 816],
  ['another number of members', [1], [1, 2]],
  ['another member', { a: 1 }, { b: 1 }],
  ['another kind', null, {}],
])('%s has no template', (_, first, second) => {
  const templates = templateOf<unknown>(
    { result: first, standIns: one },
    { result: second, standIns: other },
  );
  expect(templates).toBeUndefined();
});

test('parts without a value are shared', () => {
  const result = (name: string) => ({ name, rest: { deep: [1, 2] } });
  const template = templateOf(
    { result: result('ALPHA'), standIns: one },
    { result: result('BETA'), standIns: other },
  );
  expect(template?.fill(['a', '1']).rest).toBe(template?.fill(['b', '2']).rest);
});
