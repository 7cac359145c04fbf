// Writes why tests failed, for the end of the whole run: TANDEM_FAILURES names the file.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

export default class FailuresReporter {
  onTestRunEnd(modules, unhandled) {
    const failures = modules.flatMap((module) => [
      ...ofErrors(relative(process.cwd(), module.moduleId), module.errors()),
      ...[...module.children.allSuites()].flatMap((suite) => ofErrors(nameOf(suite), suite.errors())),
      ...[...module.children.allTests('failed')].map(ofTest),
    ]);
    failures.push(...ofErrors('an error nobody caught', unhandled));
    writeFileSync(process.env.TANDEM_FAILURES, JSON.stringify(failures));
  }
}

function ofTest(test) {
  return {
    name: nameOf(test),
    reason: (test.result().errors ?? []).flatMap(inLines),
    logs: test.meta().logs ?? [],
  };
}

/** As the JSON reporter has it, by which the two are brought together. */
function nameOf({ name, parent }) {
  return parent.type === 'module' ? name : `${nameOf(parent)} ${name}`;
}

function ofErrors(name, errors) {
  return errors.length === 0 ? [] : [{ name, reason: errors.flatMap(inLines), logs: [] }];
}

/** Message, difference and place; what led there is our own if it can be. */
function inLines({ name, message = '', diff, stacks = [], stack = '' }) {
  const own = stacks.filter(({ file }) => !file.includes('/node_modules/'));
  const places = (own.length > 0 ? own : stacks).slice(0, 3);
  return [
    ...`${name ?? 'Error'}: ${message}`.split('\n'),
    ...(diff ?? '').split('\n').filter(Boolean),
    ...places.map(({ file, line, column }) => `at ${relative(process.cwd(), file)}:${line}:${column}`),
    ...(places.length > 0
      ? []
      : stack
          .split('\n')
          .filter((line) => /^\s+at /.test(line))
          .slice(0, 3)),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape a colour begins with is what is looked for
  ].map((line) => line.replace(/\x1b\[[\d;]*m/g, ''));
}
