/** What can be changed while the program runs, and what is shown beside it; all are numbers, as in rtpengine. */
export type SettingName =
  | 'timeout'
  | 'silenttimeout'
  | 'offertimeout'
  | 'finaltimeout'
  | 'deletedelay'
  | 'maxsessions'
  | 'maxload'
  | 'maxcpu'
  | 'maxbw'
  | 'controltos'
  | 'redisallowederrors'
  | 'redisdisabletime'
  | 'redisdisable'
  | 'redisconnecttimeout'
  | 'rediscmdtimeout';

export type Settings = Readonly<Record<SettingName, number>>;

export type SettingRule = {
  readonly name: SettingName;
  /** In `params`. */
  readonly parameter: string;
  readonly shown: (value: number) => string;
  /** What is told as set, if that is not its name. */
  readonly told?: string;
  /** Undefined: it cannot be changed. */
  readonly range?: { readonly min: number; readonly max: number };
  /** How many digits behind the point a value may have, and is told with; none if absent. */
  readonly digits?: number;
};

/** Those of syslog, one beyond, and none. */
export const LOG_LEVELS = { min: -1, max: 8 } as const;

/** In the order of `params`. */
export const SETTINGS: readonly SettingRule[] = [
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
  {
    name: 'deletedelay',
    parameter: 'delete-delay',
    told: 'delete-delay',
    shown: String,
    range: { min: 0, max: 86_400 },
  },
  {
    name: 'maxcpu',
    parameter: 'max-cpu',
    shown: (percent) => `Maximum CPU usage configured on rtpengine: ${percent.toFixed(1)}`,
    range: { min: 0, max: 100 },
    digits: 1,
  },
  {
    name: 'maxload',
    parameter: 'max-load',
    shown: (average) => `Maximum load average configured on rtpengine: ${average.toFixed(2)}`,
    range: { min: 0, max: 10_000 },
    digits: 2,
  },
  {
    name: 'maxbw',
    parameter: 'max-bw',
    shown: (bytes) => `Maximum bandwidth configured on rtpengine: ${bytes}`,
    range: { min: 0, max: 1_000_000_000_000 },
  },
  { name: 'controltos', parameter: 'control-tos', shown: String },
  {
    name: 'redisallowederrors',
    parameter: 'redis-allowed-errors',
    shown: String,
    range: { min: -1, max: 1_000_000 },
  },
  {
    name: 'redisdisabletime',
    parameter: 'redis-disable-time',
    shown: String,
    range: { min: 1, max: 86_400 },
  },
  { name: 'redisdisable', parameter: 'redis-disable', shown: String, range: { min: 0, max: 1 } },
  {
    name: 'redisconnecttimeout',
    parameter: 'redis-connect-timeout',
    shown: String,
    range: { min: 10, max: 60_000 },
  },
  { name: 'rediscmdtimeout', parameter: 'redis-cmd-timeout', shown: String, range: { min: 0, max: 60_000 } },
];

export function ruleOf(name: string): SettingRule | undefined {
  return SETTINGS.find((rule) => rule.name === name);
}

/** A number of the range, rounded to the digits it is told with; undefined: it is none. */
export function settingValue({ range, digits = 0 }: SettingRule, written: string): number | undefined {
  const form = digits === 0 ? /^-?\d{1,13}$/ : /^-?\d{1,13}(?:\.\d{1,9})?$/;
  if (range === undefined || !form.test(written)) return undefined;
  const value = Number(Number(written).toFixed(digits));
  return value >= range.min && value <= range.max ? value : undefined;
}

/** As it is told that it is set. */
export function settingText({ digits = 0 }: SettingRule, value: number): string {
  return value.toFixed(digits);
}

function timeout(min: number): { readonly min: number; readonly max: number } {
  return { min, max: 30 * 86_400 };
}

export const LACKING = 'More parameters required.\n';
