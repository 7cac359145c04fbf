/** What of a node's load can have a limit. A client is told of the first one that is exceeded. */
export const LOAD_LIMITS = ['cpuPercent', 'loadAverage', 'bytesPerSecond'] as const;

export type LoadLimit = (typeof LOAD_LIMITS)[number];

/** `null`: there is none. */
export type LoadLimits = Readonly<Record<LoadLimit, number | null>>;
