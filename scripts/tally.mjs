// Names the tests that failed, adds up what the runners reported, and prints `N passed, N failed[, N skipped]` as the last
// line.
import { existsSync, readFileSync } from 'node:fs';

const [directory, ...suites] = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

for (const suite of suites) {
  const seen = resultOf(suite);
  if (seen === undefined || (suite !== 'check' && seen.passed + seen.failed + seen.skipped === 0)) {
    console.log(`failed: ${suite}: no result`);
    total.failed += 1;
    continue;
  }
  // A runner may fail for another reason than a test, an error nobody caught say.
  if (existsSync(`${directory}/${suite}.failed`) && seen.failed === 0) {
    seen.failed = 1;
    seen.names.push('not all of it; see above');
  }
  for (const key of Object.keys(total)) total[key] += seen[key];
  for (const name of seen.names) console.log(`failed: ${suite}: ${name}`);
}

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
    names: [...names, ...broken.map(({ name }) => name)],
  };
}
