export type DemoOptions = {
  /** A running Tandem; absent: the demo starts one of its own. */
  readonly ng?: { readonly address: string; readonly port: number };
  readonly seconds: number;
};

export const USAGE = `Places a call through Tandem and shows what becomes of its media.

  --ng HOST:PORT    use the Tandem that listens there instead of starting one
  --seconds N       how long the call lasts (8)
`;

/** Undefined: the arguments make no sense. */
export function parseOptions(words: readonly string[]): DemoOptions | undefined {
  let options: DemoOptions = { seconds: 8 };
  for (let at = 0; at < words.length; at += 2) {
    const value = words[at + 1] ?? '';
    if (words[at] === '--ng') {
      const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(value);
      const address = match?.[1] ?? match?.[2];
      if (address === undefined) return undefined;
      options = { ...options, ng: { address, port: Number(match?.[3]) } };
    } else if (words[at] === '--seconds' && /^[1-9]\d{0,3}$/.test(value)) {
      options = { ...options, seconds: Number(value) };
    } else return undefined;
  }
  return options;
}
