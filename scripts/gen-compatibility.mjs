// Writes the lists of cases and of differences into docs/compatibility.md; with --check, fails if they are not there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const CASES = 'test/cases/offer-answer';
const PAGE = 'docs/compatibility.md';
const BEGIN = '<!-- cases: begin -->';
const END = '<!-- cases: end -->';
const DIFFERENCES_BEGIN = '<!-- differences: begin -->';
const DIFFERENCES_END = '<!-- differences: end -->';

const rows = readdirSync(CASES)
  .filter((name) => name.endsWith('.case'))
  .sort()
  .map((name) => {
    const lines = readFileSync(`${CASES}/${name}`, 'utf8').split('\n');
    const steps = lines
      .filter((line) => /^(offer|answer|publish|create|connect|mesh)\b/.test(line))
      .map(flagsOf);
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

const differences = [
  DIFFERENCES_BEGIN,
  '| what differs from 10.5 | why |',
  '|---|---|',
  ...['test/oracle/differences.ts', 'test/oracle/product/differences.ts'].flatMap(differencesIn),
  DIFFERENCES_END,
].join('\n');

const page = readFileSync(PAGE, 'utf8');
const next = replaced(replaced(page, table, BEGIN, END), differences, DIFFERENCES_BEGIN, DIFFERENCES_END);

if (process.argv.includes('--check')) {
  if (next !== page) {
    console.error(`${PAGE} does not list the present cases: run scripts/gen-compatibility.mjs`);
    process.exit(1);
  }
} else {
  writeFileSync(PAGE, next);
}

function replaced(text, section, begin, end) {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < 0) throw new Error(`${PAGE} has no place for ${begin}`);
  return text.slice(0, from) + section + text.slice(to + end.length);
}

/** The names and reasons in a table of known differences. */
function differencesIn(file) {
  const entry = /(?:name: '([^']+)',|^ {2}'([^']+)': \{)\s+reason:\s+'([^']+)'/gm;
  return [...readFileSync(file, 'utf8').matchAll(entry)].map(
    ([, name, key, reason]) => `| ${name ?? key} | ${reason} |`,
  );
}

/** What a Kamailio route would say, without the tags that only tell parties apart. */
function flagsOf(line) {
  return line
    .split(' ')
    .slice(1)
    .filter((word) => !/^(answer$|(from-tag|to-tag|via-branch)=)/.test(word))
    .join(' ');
}
