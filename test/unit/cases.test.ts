import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseCase } from '../support/case/case-file.js';
import { runCase } from '../support/case/run-case.js';
import { updatedCase } from '../support/case/update-case.js';

const DIRECTORY = new URL('../cases/offer-answer/', import.meta.url);
const UPDATE = process.env.TANDEM_UPDATE_CASES === '1';

describe('offer and answer', () => {
  const names = readdirSync(DIRECTORY)
    .filter((name) => name.endsWith('.case'))
    .sort();

  it.each(names.map((name) => [name, read(name)] as const))('%s', (name, text) => {
    const outcomes = runCase(parseCase(text), { restart: false });
    if (UPDATE) writeFileSync(new URL(name, DIRECTORY), updatedCase(text, outcomes));
    for (const { step, expected, actual } of outcomes) {
      expect(actual, `line ${step.line}: ${step.command} ${step.flags}`).toEqual(expected);
    }
  });

  it.each(names.map((name) => [name, read(name)] as const))(
    '%s, restarted between the steps',
    (_name, text) => {
      for (const { step, expected, actual } of runCase(parseCase(text), { restart: true })) {
        expect(actual, `line ${step.line}: ${step.command} ${step.flags}`).toEqual(expected);
      }
    },
  );

  it('has one title per behaviour', () => {
    const titles = names.map((name) => parseCase(read(name)).title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});

function read(name: string): string {
  return readFileSync(new URL(name, DIRECTORY), 'utf8');
}
