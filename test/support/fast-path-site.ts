import { type FastPathReport, mountBpf, readFastPath, readHttp } from './fast-path.js';
import { createNetwork, LINKS, type Network } from './netns.js';
import { type Agent, compileAgent, startAgent, type Target } from './netns-agent.js';
import { openPorts } from './netns-media.js';
import { type RunningProxy, type Starter, startProxy } from './netns-proxy.js';
import { until } from './netns-until.js';
import {
  createNgClient,
  isDictionary,
  isList,
  type NgClient,
  type NgDictionary,
  type NgValue,
  repeating,
} from './oracle-ng-client.js';

type Family = 'IP4' | 'IP6';

/** Alice, Bob and a proxy between them that relays in the kernel. */
export type FastPathSite = AsyncDisposable & {
  readonly network: Network;
  readonly alice: Agent;
  readonly bob: Agent;
  readonly ng: NgClient;
  readonly pinDirectory: string;
  proxy: RunningProxy;
  /** Starts the proxy again after it was ended. */
  restart(start?: Start): Promise<void>;
  status(): Promise<FastPathReport>;
  metrics(): Promise<string>;
};

/** How the proxy is started. */
export type Start = {
  /** Keys of the configuration. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Keys of its fast path; it is required unless this says something else. */
  readonly fastPath?: Readonly<Record<string, unknown>>;
  /** By whom, if not by root. */
  readonly by?: (network: Network, pinDirectory: string) => Starter;
  /** Of programs under another path. */
  readonly supervisor?: string;
};

/** A call and where each end sends to. */
export type PlainCall = {
  readonly id: string;
  readonly alice: { readonly port: number; readonly to: Target };
  readonly bob: { readonly port: number; readonly to: Target };
};

const CONTROL: Target = { address: '127.0.0.1', port: 2223 };
const HTTP_PORT = 2225;

export async function createFastPathSite(first: Start = {}): Promise<FastPathSite> {
  const network = await createNetwork();
  try {
    const pinDirectory = mountBpf(network);
    const program = await compileAgent(network);
    const core = startAgent(network.core, program);
    const [alice, bob] = [network.parties.alice, network.parties.bob].map((party) =>
      startAgent(party, program),
    );
    if (alice === undefined || bob === undefined) throw new Error('two parties make two agents');
    // What leaves a veth pair may have its checksum still to be made; a network card has sent it by then.
    for (const [where, device] of [
      [network.parties.alice, 'uplink'],
      [network.parties.bob, 'uplink'],
      [network.core, 'alice'],
      [network.core, 'bob'],
    ] as const) {
      await where.run(['ethtool', '-K', device, 'tx', 'off', 'gro', 'on']);
    }
    const start = ({ by, fastPath, settings, supervisor }: Start): RunningProxy =>
      startProxy('tandem', by?.(network, pinDirectory) ?? coreWith(network, supervisor), {
        interfaces: [
          { name: 'west', bind: LINKS.alice.core },
          { name: 'west', bind: LINKS.alice.core6 },
          { name: 'east', bind: LINKS.bob.core },
          { name: 'east', bind: LINKS.bob.core6 },
        ],
        control: CONTROL,
        deleteDelaySeconds: 0,
        ports: [20000, 29998],
        directory: network.directory,
        tandem: {
          listen: { ng: ['127.0.0.1:2223'], http: [`127.0.0.1:${HTTP_PORT}`] },
          fastPath: { mode: 'require', pinDirectory, ...fastPath },
          tos: 184,
          ...settings,
        },
      });
    const ng = createNgClient(repeating((datagram) => core.exchange(CONTROL, datagram, 2000)));
    // The log goes on where the process before has ended.
    const ready = async (proxy: RunningProxy, starts: number): Promise<void> => {
      await until(
        'tandem to answer and to say that it is ready',
        async () => {
          if (proxy.running.child.exitCode !== null) throw new Error(`tandem ended: ${proxy.log()}`);
          const reply = await ng.command({ command: 'list' }).catch(() => undefined);
          return reply?.result === 'ok' && greetings(proxy) >= starts ? true : undefined;
        },
        30_000,
      );
    };
    const site: FastPathSite = {
      network,
      alice,
      bob,
      ng,
      pinDirectory,
      proxy: start(first),
      async restart(again = first) {
        const before = greetings(site.proxy);
        site.proxy = start(again);
        await ready(site.proxy, before + 1);
      },
      status: () => readFastPath(network.core, HTTP_PORT),
      metrics: () => readHttp(network.core, HTTP_PORT, '/metrics'),
      async [Symbol.asyncDispose]() {
        await site.proxy.running.stop();
        await Promise.all([alice, bob, core].map((agent) => agent.stop()));
        await network[Symbol.asyncDispose]();
      },
    };
    await ready(site.proxy, 1).catch(async (error: unknown) => {
      await site[Symbol.asyncDispose]();
      throw error;
    });
    return site;
  } catch (error) {
    await network[Symbol.asyncDispose]();
    throw error;
  }
}

/** How often a proxy has said that it is ready, in the log it shares with those before it. */
function greetings(proxy: RunningProxy): number {
  return proxy.log().match(/^ready$/gm)?.length ?? 0;
}

function coreWith({ core }: Network, supervisor: string | undefined): Starter {
  if (supervisor === undefined) return core;
  return {
    start: (argv, options) =>
      core.start(argv, { ...options, env: { ...options.env, TANDEM_SUPERVISOR: supervisor } }),
  };
}

let calls = 0;
let placed = 0;

/** Alice calls Bob; nothing has been said yet. */
export async function placeCall(
  site: FastPathSite,
  aliceFamily: Family = 'IP4',
  bobFamily: Family = 'IP4',
): Promise<PlainCall> {
  calls += 1;
  const port = 30000 + calls * 2;
  await openPorts(site.alice, 'alice', [port], aliceFamily);
  await openPorts(site.bob, 'bob', [port], bobFamily);
  return placeCallAt(site, port, aliceFamily, bobFamily);
}

/** The same between ports that are open; several calls may share them. */
export async function placeCallAt(
  site: FastPathSite,
  port: number,
  aliceFamily: Family = 'IP4',
  bobFamily: Family = 'IP4',
): Promise<PlainCall> {
  placed += 1;
  const id = `call-${placed}`;
  const toBob = await offer(site, id, description('alice', port, aliceFamily), bobFamily);
  const toAlice = await answer(site, id, description('bob', port, bobFamily));
  return { id, alice: { port, to: toAlice }, bob: { port, to: toBob } };
}

/** An offer of Alice's; resolves with where Bob is to send. */
export async function offer(
  site: FastPathSite,
  id: string,
  sdp: string,
  towards: Family = 'IP4',
): Promise<Target> {
  const direction = ['west', 'east'];
  const family = { 'address-family': towards };
  return destination(
    await ordered(site, {
      command: 'offer',
      'call-id': id,
      'from-tag': 'a',
      sdp,
      direction,
      ...family,
      replace: ['origin'],
    }),
  );
}

/** Bob's answer; resolves with where Alice is to send. */
export async function answer(site: FastPathSite, id: string, sdp: string): Promise<Target> {
  return destination(
    await ordered(site, {
      command: 'answer',
      'call-id': id,
      'from-tag': 'a',
      'to-tag': 'b',
      sdp,
      replace: ['origin'],
    }),
  );
}

export async function hangUp(site: FastPathSite, call: PlainCall): Promise<void> {
  await ordered(site, { command: 'delete', 'call-id': call.id, 'from-tag': 'a' });
}

export function description(
  party: 'alice' | 'bob',
  port: number,
  family: Family = 'IP4',
  direction = 'sendrecv',
): string {
  const address = family === 'IP4' ? LINKS[party].party : LINKS[party].party6;
  const lines = ['v=0', `o=- 1 1 IN ${family} ${address}`, 's=-', `c=IN ${family} ${address}`, 't=0 0'];
  return [...lines, `m=audio ${port} RTP/AVP 0`, `a=${direction}`, ''].join('\r\n');
}

/** How the streams of a call are relayed, Alice's first: `kernel`, or why not. */
export async function paths(site: FastPathSite, call: PlainCall): Promise<string[]> {
  const reply = await ordered(site, { command: 'query', 'call-id': call.id });
  const tags = isDictionary(reply.tags) ? reply.tags : {};
  return ['a', 'b'].map((tag) => {
    const stream = at(at(at(at(tags[tag], 'medias'), 0), 'streams'), 0);
    return String(at(stream, 'path') === 'kernel' ? 'kernel' : at(stream, 'path reason'));
  });
}

/** What `query` tells of the source that Alice's media come from. */
export async function ingressOfAlice(site: FastPathSite, call: PlainCall): Promise<NgDictionary> {
  const reply = await ordered(site, { command: 'query', 'call-id': call.id });
  const source = at(at(at(at(at(reply.tags, 'a'), 'medias'), 0), 'ingress SSRCs'), 0);
  if (!isDictionary(source)) throw new Error('nothing was heard of Alice');
  return source;
}

export async function relayedPackets(site: FastPathSite, call: PlainCall): Promise<number> {
  const reply = await ordered(site, { command: 'query', 'call-id': call.id });
  return Number(at(at(reply.totals, 'RTP'), 'packets'));
}

export async function offloaded(site: FastPathSite, call: PlainCall): Promise<void> {
  await until('both streams to be relayed by the kernel', async () =>
    (await paths(site, call)).every((path) => path === 'kernel') ? true : undefined,
  );
}

function at(value: NgValue | undefined, key: string | number): NgValue | undefined {
  if (value === undefined) return undefined;
  if (typeof key === 'number') return isList(value) ? value[key] : undefined;
  return isDictionary(value) ? value[key] : undefined;
}

async function ordered(site: FastPathSite, command: NgDictionary): Promise<NgDictionary> {
  const reply = await site.ng.command(command);
  if (reply.result !== 'ok') throw new Error(`${String(command.command)}: ${JSON.stringify(reply)}`);
  return reply;
}

function destination(reply: NgDictionary): Target {
  const sdp = String(reply.sdp);
  const address = /^c=IN IP[46] (\S+)/m.exec(sdp)?.[1];
  const port = /^m=audio (\d+)/m.exec(sdp)?.[1];
  if (address === undefined || port === undefined) throw new Error(`no destination in ${sdp}`);
  return { address, port: Number(port) };
}
