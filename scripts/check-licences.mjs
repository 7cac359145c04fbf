// Fails if a dependency's licence is not on the list: Tandem itself is Apache-2.0 and ships as one program.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ALLOWED = new Set([
  'Apache-2.0',
  'Apache-2.0 WITH LLVM-exception',
  'MIT',
  'MIT-0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'Zlib',
  'Unicode-3.0',
  'Unlicense',
  'CC0-1.0',
  'BSL-1.0',
  'BlueOak-1.0.0',
  '0BSD',
  'Python-2.0',
  'MPL-2.0',
]);

/** True if the SPDX expression can be satisfied with allowed licences. */
function allowed(expression) {
  const alternatives = expression.replace(/[()]/g, ' ').split(/\s+OR\s+|\//);
  return alternatives.some((all) => all.split(/\s+AND\s+/).every((id) => ALLOWED.has(id.trim())));
}

const bad = [];
const metadata = JSON.parse(
  execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], {
    cwd: 'native',
    maxBuffer: 64 << 20,
    encoding: 'utf8',
  }),
);
for (const crate of metadata.packages) {
  if (!allowed(crate.license ?? 'none'))
    bad.push(`crate ${crate.name}: ${crate.license ?? 'no licence named'}`);
}
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path !== '' && !allowed(entry.license ?? 'none'))
    bad.push(`npm ${path}: ${entry.license ?? 'no licence named'}`);
}
for (const line of bad) console.error(line);
process.exit(bad.length === 0 ? 0 : 1);
