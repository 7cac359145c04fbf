import type { ProxyName } from './proxy.js';

/** One row of the result: what was measured, and the bound it should keep; a proxy that was left out has no value. */
export type Figure = {
  readonly what: string;
  readonly unit: string;
  readonly tandem: number | undefined;
  readonly rtpengine: number | undefined;
  readonly bound: Bound;
  /** False: what the bound supposes was not so, and it cannot be called kept. */
  readonly holds?: boolean;
  readonly note?: string;
};

export type Bound =
  /** Tandem's value divided by rtpengine's is at most this. */
  | { readonly kind: 'ratio'; readonly atMost: number }
  /** Tandem's value itself is at most this. */
  | { readonly kind: 'value'; readonly atMost: number }
  /** Or at least this: what other bounds suppose. */
  | { readonly kind: 'value'; readonly atLeast: number }
  /** Only shown. */
  | { readonly kind: 'none' };

export type Verdict = 'ok' | 'MISSED' | 'VOID' | '';

export function ratio(figure: Figure): number | undefined {
  const { tandem, rtpengine } = figure;
  return tandem === undefined || rtpengine === undefined ? undefined : tandem / rtpengine;
}

/** Nothing is said of a proxy that was left out; of one that took part, what was not measured is not kept. */
export function verdict(figure: Figure, proxies: readonly ProxyName[]): Verdict {
  const { bound } = figure;
  if (bound.kind === 'none' || needed(bound).some((name) => !proxies.includes(name))) return '';
  if (isUnmeasured(figure)) return 'MISSED';
  const value = bound.kind === 'ratio' ? ratio(figure) : figure.tandem;
  if (value === undefined || !isKept(value, bound)) return 'MISSED';
  return figure.holds === false ? 'VOID' : 'ok';
}

function needed(bound: Bound): readonly ProxyName[] {
  return bound.kind === 'ratio' ? ['tandem', 'rtpengine'] : ['tandem'];
}

/** What comes of dividing by no packets, and of no round at all. */
function isUnmeasured(figure: Figure): boolean {
  return needed(figure.bound).some((name) => !Number.isFinite(figure[name]));
}

/** NaN keeps no bound. */
function isKept(value: number, bound: Exclude<Bound, { kind: 'none' }>): boolean {
  return 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
}

export function renderTable(figures: readonly Figure[], proxies: readonly ProxyName[]): string {
  const header = ['figure', 'unit', 'tandem', 'rtpengine', 'ratio', 'bound', ''];
  const rows = figures.map((figure) => [
    figure.what,
    figure.unit,
    number(figure.tandem),
    number(figure.rtpengine),
    number(ratio(figure)),
    boundText(figure.bound),
    verdictText(figure, proxies),
  ]);
  const table = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function verdictText(figure: Figure, proxies: readonly ProxyName[]): string {
  const said = verdict(figure, proxies);
  return said === 'MISSED' && isUnmeasured(figure) ? `${said}: nothing was measured` : said;
}

function pad(cell: string, width: number, column: number): string {
  return column < 2 || column > 5 ? cell.padEnd(width) : cell.padStart(width);
}

function boundText(bound: Bound): string {
  switch (bound.kind) {
    case 'none':
      return '';
    case 'value':
      return 'atLeast' in bound ? `>= ${number(bound.atLeast)}` : `<= ${number(bound.atMost)}`;
    case 'ratio':
      return `<= ${number(bound.atMost)} x`;
  }
}

function number(value: number | undefined): string {
  if (value === undefined) return '';
  if (Number.isInteger(value)) return `${value}`;
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** The middle value; nothing if there is none. */
export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
