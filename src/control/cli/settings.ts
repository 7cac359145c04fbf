/** What can be changed while the program runs, and what is shown beside it; all are numbers, as in rtpengine. */
export type SettingName =
  | 'timeout'
  | 'silenttimeout'
  | 'offertimeout'
  | 'finaltimeout'
  | 'deletedelay'
  | 'maxsessions'
  | 'loglevel'
  | 'controltos';

export type Settings = Readonly<Record<SettingName, number>>;

export type SettingRule = {
  readonly name: SettingName;
  /** In `params`. */
  readonly parameter: string;
  readonly shown: (value: number) => string;
  /** Undefined: it cannot be changed. */
  readonly range?: { readonly min: number; readonly max: number };
};

/** Those of syslog, and one beyond. */
export const LOG_LEVELS = { min: 0, max: 8 } as const;

/** In the order of `params`. */
export const SETTINGS: readonly SettingRule[] = [
  {
    name: 'loglevel',
    parameter: 'log-level-core',
    shown: (level) => `core = ${level}`,
    range: LOG_LEVELS,
  },
  {
    name: 'maxsessions',
    parameter: 'max-sessions',
    shown: (calls) => `Maximum sessions configured on rtpengine: ${calls}`,
    range: { min: -1, max: 1_000_000 },
  },
  { name: 'timeout', parameter: 'timeout', shown: (seconds) => `TIMEOUT=${seconds}`, range: timeout(1) },
  {
    name: 'silenttimeout',
    parameter: 'silent-timeout',
    shown: (seconds) => `SILENT_TIMEOUT=${seconds}`,
    range: timeout(1),
  },
  {
    name: 'finaltimeout',
    parameter: 'final-timeout',
    shown: (seconds) => `FINAL_TIMEOUT=${seconds}`,
    range: timeout(0),
  },
  {
    name: 'offertimeout',
    parameter: 'offer-timeout',
    shown: (seconds) => `OFFER_TIMEOUT=${seconds}`,
    range: timeout(1),
  },
  { name: 'deletedelay', parameter: 'delete-delay', shown: String, range: { min: 0, max: 86_400 } },
  { name: 'controltos', parameter: 'control-tos', shown: String },
];

export function ruleOf(name: string): SettingRule | undefined {
  return SETTINGS.find((rule) => rule.name === name);
}

/** Whole numbers of the range; undefined: it is none. */
export function settingValue({ range }: SettingRule, written: string): number | undefined {
  if (range === undefined || !/^-?\d{1,9}$/.test(written)) return undefined;
  const value = Number(written);
  return value >= range.min && value <= range.max ? value : undefined;
}

function timeout(min: number): { readonly min: number; readonly max: number } {
  return { min, max: 30 * 86_400 };
}
