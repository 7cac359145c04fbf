/** Labels as `labels` writes them, or nothing. */
export type Sample = readonly [labels: string, value: number];

/** The lines of a metric; none without samples. */
export function metric(name: string, type: string, help: string, samples: readonly Sample[]): string[] {
  if (samples.length === 0) return [];
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([of, value]) => `${name}${of} ${value}`),
  ];
}

export function labels(named: Readonly<Record<string, string>>): string {
  const written = Object.entries(named).map(([name, value]) => `${name}="${escaped(value)}"`);
  return `{${written.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
