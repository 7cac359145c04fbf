// Writes the list of offer/answer cases into docs/compatibility.md; with --check, fails if it is not what is there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const CASES = 'test/cases/offer-answer';
const PAGE = 'docs/compatibility.md';
const BEGIN = '<!-- cases: begin -->';
const END = '<!-- cases: end -->';

const rows = readdirSync(CASES)
  .filter((name) => name.endsWith('.case'))
  .sort()
  .map((name) => {
    const lines = readFileSync(`${CASES}/${name}`, 'utf8').split('\n');
    const steps = lines.filter((line) => /^(offer|answer)\b/.test(line)).map(flagsOf);
    const flags = [...new Set(steps.filter((step) => step !== ''))].join('; ');
    const shown = flags === '' ? '' : `\`${flags.replaceAll('|', '\\|')}\``;
    return `| ${(lines[0] ?? '').replaceAll('|', '\\|')} | ${shown} | [${name.replace(/\.case$/, '')}](../${CASES}/${name}) |`;
  });

const table = [
  BEGIN,
  `${rows.length} behaviours, each with its SDP in and out:`,
  '',
  '| behaviour | flags | case |',
  '|---|---|---|',
  ...rows,
  END,
].join('\n');

const page = readFileSync(PAGE, 'utf8');
const start = page.indexOf(BEGIN);
const end = page.indexOf(END);
if (start < 0 || end < 0) throw new Error(`${PAGE} has no place for the cases`);
const next = page.slice(0, start) + table + page.slice(end + END.length);

if (process.argv.includes('--check')) {
  if (next !== page) {
    console.error(`${PAGE} does not list the present cases: run scripts/gen-compatibility.mjs`);
    process.exit(1);
  }
} else {
  writeFileSync(PAGE, next);
}

/** What a Kamailio route would say, without the tags that only tell parties apart. */
function flagsOf(line) {
  return line
    .split(' ')
    .slice(1)
    .filter((word) => !/^(from-tag|to-tag|via-branch)=/.test(word))
    .join(' ');
}
