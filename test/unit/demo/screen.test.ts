import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Screen } from '../../../src/demo/screen.js';

function screenOf(terminal: { readonly isTTY?: boolean; readonly columns?: number }) {
  const stream = Object.assign(new PassThrough(), terminal);
  return { screen: new Screen(stream), written: () => String(stream.read()) };
}

describe('the screen', () => {
  test('a terminal shows each block in place of the one before, wrapped lines counted', () => {
    const { screen, written } = screenOf({ isTTY: true, columns: 4 });
    screen.draw(['abcdef', 'x']);
    screen.draw(['y']);
    expect(written()).toBe('abcdef\nx\n\x1b[3A\x1b[Jy\n');
  });

  test('what was said in between stays', () => {
    const { screen, written } = screenOf({ isTTY: true, columns: 80 });
    screen.draw(['a']);
    screen.say('b');
    screen.draw(['c']);
    expect(written()).toBe('a\nb\nc\n');
  });

  test('a file gets one block below the other', () => {
    const { screen, written } = screenOf({});
    screen.draw(['a']);
    screen.draw(['b']);
    expect(written()).toBe('a\nb\n');
  });
});
