import { parseArgs } from 'node:util';
import { answerOf, bencode, type Dictionary, FLAGS } from './browser-requests.js';
import { browserSdp } from './browser-sdp.js';

/**
 * Negotiates calls between browsers in this process, without sockets or data plane: no two of a kind, everything warm.
 * Prints the CPU time of single negotiations: `Alone` as JSON. An offer's includes finding out that its kind is unknown.
 */
export type Alone = { readonly offerUs: number; readonly answerUs: number };

/** The parts of the product that are measured, as far as they are used here. */
type Product = {
  readonly readPayload: (payload: Buffer) => { readonly dictionary: unknown };
  readonly decodeNg: (dictionary: unknown) => { readonly command: object };
  readonly decodeConfig: (root: undefined, host: object) => { readonly config: object };
  readonly callDefaults: (config: object, hostname: string) => object;
  readonly randomPool: () => object;
  readonly Patterns: new () => {
    of(command: object, client: object, before: undefined, facts: object): { kind: string } | undefined;
  };
  readonly negotiateOffer: (...given: readonly [undefined, ...Message]) => Negotiated;
  readonly negotiateAnswer: (...given: readonly [object, ...Message]) => Negotiated;
  readonly complete: (
    step: Step,
    bound: readonly object[],
  ) => { readonly call: object; readonly sdp: string };
};

type Message = readonly [command: object, client: object, facts: object];
type Local = { readonly id: number; readonly port: number | null };
type Step = {
  readonly kind: 'step';
  readonly plan: { readonly streams: readonly { readonly locals: readonly Local[] }[] };
};
type Negotiated = Step | { readonly kind: 'failure' };

const { values } = parseArgs({ options: { turns: { type: 'string', default: '7' } } });

const product: Product = Object.assign(
  {},
  ...(await Promise.all(
    [
      ...['control/ng/envelope', 'control/ng/decode', 'config/decode', 'config/derive', 'random-pool'],
      ...['pattern/patterns', 'negotiation/negotiate'],
    ].map((file) => import(`../${file}.js`)),
  )),
);

const HASH = Array.from({ length: 32 }, (_, at) => (at + 16).toString(16).toUpperCase()).join(':');
const address = '192.0.2.1';
const facts = {
  now: Date.now(),
  random: product.randomPool(),
  interfaces: [
    {
      name: 'default',
      aliases: [],
      addresses: [{ bind: address, advertise: address, family: 'IP4' }],
    },
  ],
  turn: 0,
  defaults: product.callDefaults(product.decodeConfig(undefined, { isLocal: () => true }).config, 'bench'),
  capabilities: new Set(['srtp', 'ice']),
  certificate: { id: 'ours', former: [], fingerprints: [{ hash: 'sha-256', value: HASH }] },
};
const client = { address: '192.0.2.9', port: 5000, protocol: 'ng' };
const patterns = new product.Patterns();

/** A turn's calls. */
const CALLS = 300;
/** Turns until Node has compiled what runs often. */
const WARMING = 10;

const costs: Alone[] = [];
for (let turn = 0; turn < WARMING + Number(values.turns); turn += 1) costs.push(turnOf(turn * CALLS));
const counted = costs.slice(WARMING);
const result: Alone = {
  offerUs: middle(counted.map(({ offerUs }) => offerUs)),
  answerUs: middle(counted.map(({ answerUs }) => answerUs)),
};
process.stdout.write(JSON.stringify(result));

function turnOf(first: number): Alone {
  const numbers = Array.from({ length: CALLS }, (_, at) => first + at);
  const offers = numbers.map((number) => request('offer', number, browserSdp(2 * number, 'never seen')));
  const answers = numbers.map((number) =>
    request('answer', number, answerOf(browserSdp(2 * number + 1, 'never seen'))),
  );
  const calls: object[] = [];
  const offerUs = microsEach(offers, (offer) => {
    patterns.of(offer, client, undefined, facts);
    calls.push(completed(product.negotiateOffer(undefined, offer, client, facts)));
  });
  const answerUs = microsEach(answers, (answer, at) => {
    completed(product.negotiateAnswer(calls[at] ?? {}, answer, client, facts));
  });
  return { offerUs, answerUs };
}

function request(command: 'offer' | 'answer', number: number, sdp: string): object {
  const dictionary: Dictionary = {
    command,
    ...FLAGS,
    'call-id': `browser-${number}@example.net`,
    'from-tag': `from${number}`,
    ...(command === 'answer' && { 'to-tag': `to${number}` }),
    sdp,
  };
  const payload = product.readPayload(Buffer.from(bencode(dictionary), 'latin1'));
  // Those with equal flags are alike to whoever looks for patterns.
  return { ...product.decodeNg(payload.dictionary).command, likeness: 1 };
}

/** The call after a message whose new ports are open. */
function completed(step: Negotiated): object {
  if (step.kind !== 'step') throw new Error(`a message was not negotiated: ${JSON.stringify(step)}`);
  const locals = step.plan.streams.flatMap((stream) => stream.locals);
  const bound = locals.map(({ id, port }) => ({ local: id, port: port ?? 30_000 + 2 * id }));
  return product.complete(step, bound).call;
}

function microsEach<T>(items: readonly T[], task: (item: T, at: number) => void): number {
  const before = process.cpuUsage();
  for (const [at, item] of items.entries()) task(item, at);
  const { user } = process.cpuUsage(before);
  return user / items.length;
}

function middle(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? Number.NaN;
}
