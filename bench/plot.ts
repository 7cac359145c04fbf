import type { Cost, PathName } from './paths.js';

/** What one path cost at some rates. */
export type Curve = { readonly path: PathName; readonly points: readonly Cost[] };

const [width, height] = [760, 460];
const area = { left: 74, right: 640, top: 54, bottom: 400 };

const styles: Readonly<Record<PathName, { label: string; hue: string; dashes: string }>> = {
  bare: { label: 'bare XDP redirect', hue: '#888888', dashes: '5 4' },
  native: { label: 'native XDP', hue: '#2a8f5b', dashes: '' },
  generic: { label: 'generic XDP', hue: '#4aa3c7', dashes: '' },
  tc: { label: 'tc', hue: '#7a6fd0', dashes: '' },
  io_uring: { label: 'io_uring', hue: '#d08a2a', dashes: '' },
  mmsg: { label: 'mmsg', hue: '#b3651e', dashes: '' },
  rtpengine: { label: 'rtpengine', hue: '#cc4444', dashes: '2 3' },
};

/** CPU time per packet over packets a second, both logarithmic, as an SVG that suits light and dark pages. */
export function plotCost(curves: readonly Curve[], machine: string): string {
  const drawn = curves.filter(({ points }) => points.length > 0);
  const rates = drawn.flatMap(({ points }) => points.map(({ rate }) => rate));
  const costs = drawn.flatMap(({ points }) => points.map(micros));
  const x = scale(...around(rates), area.left, area.right);
  const y = scale(...around(costs), area.bottom, area.top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>CPU time per packet, by path and rate</title>`,
    `<style>
  svg { background: #ffffff; color: #222222 }
  text { fill: currentColor }
  .grid { stroke: currentColor; stroke-opacity: 0.15 }
  @media (prefers-color-scheme: dark) { svg { background: #0d1117; color: #e6edf3 } }
</style>`,
    `<text x="${area.left}" y="22" font-size="15" font-weight="bold">CPU time per packet, kernel and process together</text>`,
    `<text x="${area.left}" y="40" fill-opacity="0.7">frames of 214 bytes on one core, 500 streams; ${escaped(machine)}</text>`,
    ...steps(...around(costs)).map((cost) => horizontal(y(cost), label(cost))),
    ...steps(...around(rates)).map((rate) => vertical(x(rate), rate)),
    `<text x="${(area.left + area.right) / 2}" y="${height - 14}" text-anchor="middle">packets a second that are relayed</text>`,
    `<text transform="translate(20 ${(area.top + area.bottom) / 2}) rotate(-90)" text-anchor="middle">µs a packet</text>`,
    ...drawn.map(({ path, points }) =>
      line(
        path,
        points.toSorted(byRate).map((point) => [x(point.rate), y(micros(point))]),
      ),
    ),
    ...labels(drawn.map(({ path, points }) => end(path, x, y, points.toSorted(byRate).at(-1)))),
    '</svg>',
    '',
  ].join('\n');
}

function micros(cost: Cost | undefined): number {
  return cost === undefined ? Number.NaN : (cost.kernelNs + cost.processNs) / 1000;
}

function byRate(one: Cost, other: Cost): number {
  return one.rate - other.rate;
}

type Scale = (value: number) => number;

function scale(least: number, most: number, from: number, to: number): Scale {
  const span = Math.log(most / least) || 1;
  return (value) => Math.round((from + ((to - from) * Math.log(value / least)) / span) * 10) / 10;
}

/** Where lines may be drawn: 1, 2, 5 times a power of ten. */
const marks = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
);

/** The marks that enclose all values. */
function around(values: readonly number[]): readonly [number, number] {
  const least = Math.max(...marks.filter((mark) => mark <= Math.min(...values)));
  return [least, Math.min(...marks.filter((mark) => mark >= Math.max(...values)))];
}

function steps(least: number, most: number): readonly number[] {
  return marks.filter((mark) => mark >= least * 0.999 && mark <= most * 1.001);
}

function label(value: number): string {
  return `${Number(value.toPrecision(2))}`;
}

function horizontal(y: number, text: string): string {
  return `<path class="grid" d="M${area.left} ${y}H${area.right}"/><text x="${area.left - 8}" y="${y + 4}" text-anchor="end">${text}</text>`;
}

function vertical(x: number, rate: number): string {
  const text = rate >= 1_000_000 ? `${rate / 1_000_000} M` : `${rate / 1000} k`;
  return `<path class="grid" d="M${x} ${area.top}V${area.bottom}"/><text x="${x}" y="${area.bottom + 18}" text-anchor="middle">${text}</text>`;
}

function line(path: PathName, points: readonly (readonly [number, number])[]): string {
  const { hue, dashes } = styles[path];
  const way = points.map(([x, y]) => `${x} ${y}`).join('L');
  const dots = points.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${hue}"/>`).join('');
  const dashed = dashes === '' ? '' : ` stroke-dasharray="${dashes}"`;
  return `<path d="M${way}" fill="none" stroke="${hue}" stroke-width="2"${dashed}/>${dots}`;
}

type End = { readonly path: PathName; readonly x: number; readonly y: number };

function end(path: PathName, x: Scale, y: Scale, last: Cost | undefined): End {
  return { path, x: x(last?.rate ?? Number.NaN), y: y(micros(last)) };
}

/** Beside the last points, moved apart where they would overlap. */
function labels(ends: readonly End[]): readonly string[] {
  const gap = 15;
  let above = Number.NEGATIVE_INFINITY;
  return ends
    .toSorted((one, other) => one.y - other.y)
    .map(({ path, x, y }) => {
      above = Math.max(y, above + gap);
      const { label: text, hue } = styles[path];
      return `<text x="${x + 9}" y="${above + 4}" style="fill: ${hue}">${text}</text>`;
    });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
