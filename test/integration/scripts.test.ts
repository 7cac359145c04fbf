import { describe, expect, test } from 'vitest';
import { ScriptSite } from '../support/script-site.js';

describe('scripts/build', () => {
  function unbuilt(): ScriptSite {
    const site = new ScriptSite();
    for (const source of ['bpf/relay.c', 'crates/engine.rs', 'Cargo.toml', 'Cargo.lock'])
      site.write(`native/${source}`, '');
    for (const source of ['src/main.ts', 'tsconfig.json', 'package-lock.json']) site.write(source, '');
    const program = 'target/release/tandem-dataplane';
    site.write('tools/cargo', `#!/bin/sh\nmkdir -p target/release && : >${program} && chmod +x ${program}\n`);
    site.write(
      'node_modules/typescript/bin/tsc',
      "import('node:fs').then((fs) => { fs.mkdirSync('dist', { recursive: true }); fs.writeFileSync('dist/main.js', ''); });",
    );
    return site;
  }

  test('says what it builds, and nothing when there is nothing to do', async () => {
    const site = unbuilt();
    const first = await site.run('scripts/build');
    expect(first.stderr).toBe(
      'tandem: building the data plane (some minutes the first time)\ntandem: building the control plane\n',
    );
    expect(await site.run('scripts/build')).toEqual({ code: 0, stdout: '', stderr: '' });
    site.write('native/crates/engine.rs', 'changed');
    const again = await site.run('scripts/build');
    expect(again.stderr).toBe('tandem: building the data plane (about a minute)\n');
    site.write('src/main.ts', 'changed');
    expect((await site.run('scripts/build')).stderr).toBe('tandem: building the control plane\n');
  });

  test('what changes during a build is built the next time', async () => {
    const site = unbuilt();
    await site.run('scripts/build');
    site.write('src/main.ts', 'changed');
    site.write(
      'node_modules/typescript/bin/tsc',
      "import('node:fs').then((fs) => fs.writeFileSync('src/other.ts', ''));",
    );
    await site.run('scripts/build');
    expect((await site.run('scripts/build')).stderr).toBe('tandem: building the control plane\n');
  });
});

describe('scripts/test', () => {
  /** Suites that say in three steps, which take turns with the others', that they have run. */
  function suites(): ScriptSite {
    const site = new ScriptSite();
    site.write('native/Cargo.toml', '');
    site.write(
      'tools/cargo',
      `#!/bin/sh
case "$*" in *--no-run*) exit ;; esac
printf 'running 2 tests\\ntest one ... ok\\ntest engine::two ... FAILED\\n\\nfailures:\\n\\n'
printf -- '---- engine::two stdout ----\\nbefore\\n\\nthread main panicked at two.rs:2:2:\\nleft is not right\\n\\nfailures:\\n'
echo 'test result: FAILED. 1 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s'
exit 101
`,
    );
    site.write(
      'node_modules/vitest/vitest.mjs',
      `
import { writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import FailuresReporter from '../../scripts/failures-reporter.mjs';
const words = process.argv;
const suite = words[words.indexOf('--project') + 1];
const file = words.find((word) => word.startsWith('--outputFile.json=')).split('=')[1];
for (const step of [1, 2, 3]) {
  console.log(suite + ' ' + step);
  await setImmediate();
}
const failed = suite === 'interop' ? [{ status: 'failed', fullName: 'a proxy under load puts calls through' }] : [];
writeFileSync(file, JSON.stringify({
  numPassedTests: 10, numFailedTests: failed.length, numPendingTests: 0, numTodoTests: 0,
  testResults: [{ status: failed.length > 0 ? 'failed' : 'passed', name: suite, assertionResults: failed }],
}));
const module = {
  type: 'module', moduleId: suite, errors: () => [],
  children: { allSuites: () => [], allTests: () => failed.map(() => test) },
};
const within = (parent, name) =>
  ({ name, parent, fullName: parent.type === 'module' ? name : parent.fullName + ' > ' + name });
const test = {
  ...within(within(within(module, 'a proxy'), 'under load'), 'puts calls through'),
  result: () => ({ errors: [{ name: 'Error', message: 'expected 1 to be 2' }] }),
  meta: () => ({ logs: [{ of: 'tandem', end: Array.from({ length: 30 }, (_, at) => 'line ' + at) }] }),
};
new FailuresReporter().onTestRunEnd([module], []);
process.exit(suite === 'unit' ? Number(process.env.UNIT_EXIT ?? 0) : failed.length);
`,
    );
    return site;
  }

  test('adds up all suites, says at the end what failed and why, and shows each suite as a whole', async () => {
    const ran = await suites().run('scripts/test');
    expect(ran.code).toBe(1);
    expect(ran.stdout.slice(ran.stdout.indexOf('failed: native'))).toBe(
      [
        'failed: native: engine::two',
        '    thread main panicked at two.rs:2:2:',
        '    left is not right',
        '    --- printed',
        '    before',
        'failed: interop: a proxy under load puts calls through',
        '    Error: expected 1 to be 2',
        '    --- tandem',
        ...Array.from({ length: 20 }, (_, at) => `    line ${at + 10}`),
        '31 passed, 2 failed, 3 skipped',
        '',
      ].join('\n'),
    );
    for (const suite of ['unit', 'integration', 'interop'])
      expect(ran.stdout).toContain(`${suite} 1\n${suite} 2\n${suite} 3\n`);
    expect(ran.stdout).toContain('test engine::two ... FAILED\n');
    expect(ran.stdout).not.toContain('test one ... ok');
  });

  test('runs those that are named', async () => {
    const ran = await suites().run('scripts/test', 'unit', 'integration');
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/\n20 passed, 0 failed\n$/) });
    expect((await suites().run('scripts/test', 'unit')).stdout).toBe(
      'unit 1\nunit 2\nunit 3\n10 passed, 0 failed\n',
    );
    expect(await suites().run('scripts/test', 'none')).toMatchObject({
      code: 2,
      stderr: 'tandem: no such suite: none\n',
    });
  });

  test('fails if a runner does, though no test of it has', async () => {
    const ran = await suites().run('env', 'UNIT_EXIT=1', 'scripts/test', 'unit', 'integration');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(
      /\nfailed: unit: [^\n]+\n {4}unit 1\n {4}unit 2\n {4}unit 3\n20 passed, 1 failed\n$/,
    );
  });

  test('fails with the checks, and goes on without them', async () => {
    const site = suites();
    site.write('scripts/check', '#!/bin/sh\necho "check: rust lint FAILED"\nexit 1\n');
    const ran = await site.run('scripts/test', 'check', 'unit');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('check: rust lint FAILED\n');
    expect(ran.stdout).toMatch(
      /\nfailed: check: [^\n]+\n {4}check: rust lint FAILED\n10 passed, 1 failed\n$/,
    );
  });

  test('a suite without a result has failed', async () => {
    const site = suites();
    site.write('node_modules/vitest/vitest.mjs', 'process.exit(1);');
    const ran = await site.run('scripts/test', 'unit', 'interop');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/failed: unit: no result\nfailed: interop: no result\n0 passed, 2 failed\n$/);
  });
});
