import { type Dictionary, isDictionary, isList, integer, text, type Value } from '../control/ng/value.js';

/** What Tandem says of one party's audio. */
export type Party = {
  readonly name: string;
  readonly signalled: string | undefined;
  readonly learned: string | undefined;
  readonly confirmed: boolean;
  readonly codec: string | undefined;
  /** Packets from the party, and to it. */
  readonly packetsIn: number;
  readonly packetsOut: number;
  /** Of the packets from the party, on arrival at Tandem. */
  readonly lost: number;
  readonly lossPercent: number;
  readonly jitterMs: number | undefined;
  readonly mos: number | undefined;
  /** From the party's reports and the other's; undefined until both have sent some. */
  readonly roundTripMs: number | undefined;
};

/** Reads a party from the reply to `query` or `delete`; the label is its name. */
export function partyOf(statistics: Dictionary, name: string): Party | undefined {
  const tags = statistics.get('tags');
  const tag = isDictionary(tags)
    ? [...tags.values()].find((party) => at(party, 'label') === name)
    : undefined;
  const media = at(tag, 'medias', 0);
  if (media === undefined) return undefined;
  const stream = at(media, 'streams', 0);
  const source = at(media, 'ingress SSRCs', 0);
  const flags = at(stream, 'flags');
  const packets = number(source, 'packets') ?? 0;
  const lost = Math.max(0, number(source, 'measured', 'packets lost') ?? 0);
  const mos = number(source, 'average MOS', 'MOS') ?? number(source, 'measured', 'MOS');
  const roundTripUs = number(source, 'average MOS', 'round-trip time');
  return {
    name,
    signalled: transportAddress(at(stream, 'advertised endpoint')),
    learned: transportAddress(at(stream, 'endpoint')),
    confirmed: isList(flags) && flags.includes('confirmed'),
    codec: text(at(media, 'codec')),
    packetsIn: number(stream, 'stats', 'packets') ?? 0,
    packetsOut: number(stream, 'stats_out', 'packets') ?? 0,
    lost,
    lossPercent: packets + lost === 0 ? 0 : (100 * lost) / (packets + lost),
    jitterMs: number(source, 'measured', 'jitter'),
    mos: mos === undefined ? undefined : mos / 10,
    roundTripMs: roundTripUs === undefined ? undefined : roundTripUs / 1000,
  };
}

function at(value: Value | undefined, ...path: readonly (string | number)[]): Value | undefined {
  return path.reduce<Value | undefined>((inner, step) => {
    if (typeof step === 'number') return isList(inner) ? inner[step] : undefined;
    return isDictionary(inner) ? inner.get(step) : undefined;
  }, value);
}

function number(value: Value | undefined, ...path: readonly (string | number)[]): number | undefined {
  return integer(at(value, ...path));
}

function transportAddress(endpoint: Value | undefined): string | undefined {
  const address = text(at(endpoint, 'address'));
  const port = number(endpoint, 'port');
  if (address === undefined || port === undefined) return undefined;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
