// Why tests failed, in few enough lines that they are seen where only the end of a run is shown.
import { existsSync, readFileSync } from 'node:fs';

/** What the runner of a suite has told, by the tests' names. */
export function reasonsOf(directory, suite) {
  if (suite === 'native') return ofCargo(textOf(`${directory}/native.log`));
  const failures = JSON.parse(textOf(`${directory}/${suite}.failures.json`) || '[]');
  return new Map(failures.map(({ name, reason, logs }) => [name, { reason, logs }]));
}

/** The end of what a suite has printed, for where no test can be named. */
export function endOf(directory, suite, lines) {
  const text = textOf(`${directory}/${suite}.out`) || textOf(`${directory}/${suite}.log`);
  return text.split('\n').filter(Boolean).slice(-lines);
}

/** `failed: SUITE: NAME` for each, and below it why, in at most so many lines altogether. */
export function summary(failures, limit) {
  const shown = failures.slice(0, SHOWN);
  const rest = failures.slice(SHOWN).map(title);
  const left = limit - Math.min(rest.length, SHOWN) - 1;
  const each = Math.floor(left / Math.max(1, shown.length)) - 1;
  const more = rest.length > SHOWN ? [`… and ${rest.length - SHOWN} more`] : [];
  return [
    ...rest.slice(0, SHOWN),
    ...more,
    ...shown.flatMap((failure) => [
      title(failure),
      ...why(failure, each).map((line) => `    ${clipped(line)}`),
    ]),
  ];
}

const SHOWN = 10;

function title({ suite, name }) {
  return `failed: ${suite}: ${name}`;
}

/** The reason first, then as much of the ends of the logs as there is room for. */
function why({ reason = [], logs = [] }, room) {
  const head = reason.slice(0, logs.length > 0 ? Math.max(6, Math.floor(room / 2)) : room);
  const share = Math.floor((room - head.length) / Math.max(1, logs.length)) - 1;
  const tails =
    share < 2 ? [] : logs.flatMap(({ of, end }) => [`--- ${of}`, ...end.slice(-Math.min(share, 20))]);
  return [...head, ...tails].slice(0, Math.max(1, room));
}

function clipped(line) {
  return line.length > 240 ? `${line.slice(0, 240)}…` : line;
}

function ofCargo(text) {
  const reasons = new Map();
  for (const [, name, said] of text.matchAll(
    /^---- (.*) stdout ----\n([\s\S]*?)(?=\n\n---- |\n\nfailures:\n)/gm,
  )) {
    const lines = said.split('\n').filter((line) => line !== '' && !line.startsWith('note: run with'));
    const panic = lines.findIndex((line) => /^thread .* panicked at /.test(line));
    // The panic says why; what the test had printed before comes behind it.
    const reason = panic < 0 ? lines : lines.slice(panic);
    reasons.set(name, { reason, logs: panic > 0 ? [{ of: 'printed', end: lines.slice(0, panic) }] : [] });
  }
  return reasons;
}

function textOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
