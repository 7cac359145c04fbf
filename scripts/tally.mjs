// Names the tests that failed and why, adds up what the runners reported, and prints `N passed, N failed[, N skipped]` as
// the last line.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { endOf, reasonsOf, summary } from './failures.mjs';

const [directory, ...suites] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const LINES = 60;

for (const suite of suites) {
  const seen = resultOf(suite);
  if (seen === undefined || (suite !== 'check' && seen.passed + seen.failed + seen.skipped === 0)) {
    failures.push({ suite, name: 'no result', reason: endOf(directory, suite, 20) });
    total.failed += 1;
    continue;
  }
  const reasons = reasonsOf(directory, suite);
  // A runner may fail for another reason than a test, an error nobody caught say.
  const others = [...reasons.keys()].filter((name) => !seen.names.includes(name));
  for (const name of [...seen.names, ...others]) failures.push({ suite, name, ...reasons.get(name) });
  if (existsSync(`${directory}/${suite}.failed`) && seen.failed === 0) {
    seen.failed = 1;
    if (others.length === 0)
      failures.push({ suite, name: 'not all of it; see above', reason: endOf(directory, suite, 20) });
  }
  for (const key of Object.keys(total)) total[key] += seen[key];
}

for (const line of summary(failures, LINES)) console.log(line);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exit(total.failed === 0 ? 0 : 1);

function resultOf(suite) {
  switch (suite) {
    case 'check':
      return { passed: 0, failed: 0, skipped: 0, names: [] };
    case 'native':
      return cargo(`${directory}/native.log`);
    default:
      return vitest(`${directory}/${suite}.json`);
  }
}

function cargo(file) {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const names = [...text.matchAll(/^test (.*) \.\.\. FAILED$/gm)].map(([, name]) => name);
  const seen = { passed: 0, failed: 0, skipped: 0, names };
  for (const [, passed, failed, ignored] of text.matchAll(
    /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm,
  )) {
    seen.passed += Number(passed);
    seen.failed += Number(failed);
    seen.skipped += Number(ignored);
  }
  return seen;
}

function vitest(file) {
  if (!existsSync(file)) return undefined;
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const failed = report.testResults.filter(({ status }) => status === 'failed');
  const broken = failed.filter(({ assertionResults }) => assertionResults.length === 0);
  const names = failed.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
    names: [...names, ...broken.map(({ name }) => relative(process.cwd(), name))],
  };
}
