import type { Party } from './party.js';

/** A table of the parties, one line each under a heading. */
export function table(parties: readonly Party[]): readonly string[] {
  const rows = [
    COLUMNS.map(({ heading }) => heading),
    ...parties.map((party) => COLUMNS.map(({ cell }) => cell(party))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, COLUMNS[column]?.right ?? false))
      .join('  ')
      .trimEnd(),
  );
}

/** The same in one line, for logs. */
export function line(party: Party): string {
  const facts = COLUMNS.slice(1).map(({ heading, cell }) => `${heading} ${cell(party)}`);
  return [party.name, ...facts].join('  ');
}

type Column = {
  readonly heading: string;
  readonly cell: (party: Party) => string;
  readonly right?: boolean;
};

const UNKNOWN = '-';

const COLUMNS: readonly Column[] = [
  { heading: 'party', cell: ({ name }) => name },
  { heading: 'signalled', cell: ({ signalled }) => signalled ?? UNKNOWN },
  { heading: 'packets go to', cell: sentTo },
  { heading: 'codec', cell: ({ codec }) => codec?.split('/')[0] ?? UNKNOWN },
  { heading: 'in', cell: ({ packetsIn }) => String(packetsIn), right: true },
  { heading: 'out', cell: ({ packetsOut }) => String(packetsOut), right: true },
  { heading: 'lost', cell: ({ lost, lossPercent }) => `${lost} (${lossPercent.toFixed(1)} %)`, right: true },
  { heading: 'jitter', cell: ({ jitterMs }) => withUnit(jitterMs?.toFixed(0), 'ms'), right: true },
  { heading: 'RTT', cell: ({ roundTripMs }) => withUnit(roundTripMs?.toFixed(1), 'ms'), right: true },
  { heading: 'MOS', cell: ({ mos }) => mos?.toFixed(1) ?? UNKNOWN, right: true },
];

function sentTo({ signalled, learned, confirmed }: Party): string {
  if (learned === undefined) return UNKNOWN;
  if (learned === signalled) return confirmed ? `${learned} (confirmed)` : learned;
  return `${learned} (${confirmed ? 'learned' : 'learning'})`;
}

function withUnit(number: string | undefined, unit: string): string {
  return number === undefined ? UNKNOWN : `${number} ${unit}`;
}

function pad(cell: string, width: number, right: boolean): string {
  return right ? cell.padStart(width) : cell.padEnd(width);
}
