import type { TestContext } from 'vitest';
import { compileAgent, startAgent, type Agent } from './netns-agent.js';
import { startKamailio, type KamailioOptions } from './kamailio.js';
import { mountBpf, readFastPath, takeFrames } from './fast-path.js';
import { createNetwork, LINKS, type Network, type Party, type Running } from './netns.js';
import { type ProxyInterface, type ProxyKind, startProxy, type RunningProxy } from './netns-proxy.js';
import { until } from './netns-until.js';
import { createNgClient, isList, type NgClient, repeating } from './oracle-ng-client.js';
import { startSipp, type Sipp } from './sipp.js';
import { keepLog } from './test-log.js';

export type SiteOptions = {
  readonly proxy: ProxyKind;
  readonly interfaces: readonly ProxyInterface[];
  readonly kamailio?: Partial<KamailioOptions>;
  readonly deleteDelaySeconds?: number;
  /** Tandem relays in the kernel, and would not start if it could not. */
  readonly fastPath?: boolean;
  /** Further keys of Tandem's configuration. */
  readonly tandem?: Readonly<Record<string, unknown>>;
};

/** A small SIP site: three parties, Kamailio and a media proxy in the core. */
export type Site = AsyncDisposable & {
  readonly network: Network;
  readonly agents: Readonly<Record<Party | 'core', Agent>>;
  readonly proxy: RunningProxy;
  readonly kamailio: Running;
  readonly ng: NgClient;
  /** Packets that the kernel has relayed. */
  relayedInKernel(): Promise<number>;
  call(caller: EndOptions, callee: EndOptions): { caller: Sipp; callee: Sipp };
  start(end: EndOptions): Sipp;
  /** Ends the scenarios and calls that a failed test left behind. */
  reset(): Promise<void>;
  calls(): Promise<string[]>;
  /** Waits until the proxy has no call left. */
  settled(): Promise<void>;
};

export type EndOptions = {
  readonly party: Party;
  readonly scenario: string;
  readonly family?: 'IP4' | 'IP6';
  readonly service?: string;
  readonly calls?: number;
  /** Length of the scenario's own pauses. */
  readonly pauseMs?: number;
  readonly rows: readonly (readonly (number | string)[])[];
};

/** Ports outside the ephemeral range, so that no other socket of the core can sit on one. */
export const PROXY_PORTS: readonly [number, number] = [20000, 22000];
const CONTROL = { address: '127.0.0.1', port: 2223 };
const HTTP_PORT = 2225;
export const CALLER_PORT = 5070;
const CALLEE_PORT = 5060;

export async function createSite(options: SiteOptions): Promise<Site> {
  const stack = new AsyncDisposableStackLike();
  try {
    const network = await createNetwork();
    stack.defer(async () => network[Symbol.asyncDispose]());
    const program = await compileAgent(network);
    const agents = {
      core: startAgent(network.core, program),
      alice: startAgent(network.parties.alice, program),
      bob: startAgent(network.parties.bob, program),
      carol: startAgent(network.parties.carol, program),
    };
    stack.defer(async () => {
      await Promise.all(Object.values(agents).map((agent) => agent.stop()));
    });
    const fastPath = options.fastPath === true ? await fastPathSettings(network) : {};
    const proxy = startProxy(options.proxy, network.core, {
      interfaces: options.interfaces,
      control: CONTROL,
      deleteDelaySeconds: options.deleteDelaySeconds ?? 1,
      ports: PROXY_PORTS,
      directory: network.directory,
      tandem: { ...fastPath, ...options.tandem },
    });
    stack.defer(() => proxy.running.stop());
    const ng = createNgClient(repeating((datagram) => agents.core.exchange(CONTROL, datagram, 2000)));
    await until(`${options.proxy} to answer`, async () => {
      if (proxy.running.child.exitCode !== null) throw new Error(`${options.proxy} ended: ${proxy.log()}`);
      return ng.command({ command: 'ping' }).catch(() => undefined);
    });
    const kamailio = await startKamailio(network, agents.core, { proxy: CONTROL, ...options.kamailio });
    stack.defer(() => kamailio.stop());
    await register(network);
    const calls = async (): Promise<string[]> => {
      const reply = await ng.command({ command: 'list' });
      return isList(reply.calls) ? reply.calls.map(String) : [];
    };
    const sipps: Sipp[] = [];
    const reset = async (): Promise<void> => {
      await Promise.all(sipps.splice(0).map((sipp) => sipp.stop()));
    };
    stack.defer(reset);
    const start = (end: EndOptions): Sipp => {
      const sipp = startEnd(network, end);
      sipps.push(sipp);
      return sipp;
    };
    return {
      network,
      agents,
      proxy,
      kamailio,
      ng,
      start,
      relayedInKernel: async () => (await readFastPath(network.core, HTTP_PORT)).packets.kernel,
      reset: async () => {
        await reset();
        for (const callId of await calls()) {
          await ng.command({ command: 'delete', 'call-id': callId, 'delete delay': 0 });
        }
      },
      call: (caller, callee) => {
        const called = start(callee);
        return { callee: called, caller: start({ ...caller, service: caller.service ?? callee.party }) };
      },
      calls,
      settled: async () => {
        await until('the proxy to have no call left', async () =>
          (await calls()).length === 0 ? true : undefined,
        );
      },
      [Symbol.asyncDispose]: () => stack.dispose(),
    };
  } catch (error) {
    await stack.dispose();
    throw error;
  }
}

async function fastPathSettings(network: Network): Promise<object> {
  const pinDirectory = mountBpf(network);
  await takeFrames(network);
  const http = [`127.0.0.1:${HTTP_PORT}`];
  return {
    listen: { ng: [`${CONTROL.address}:${CONTROL.port}`], http },
    fastPath: { mode: 'require', pinDirectory },
  };
}

/** For `afterEach`: tidies up, and shows what the proxy said if the test failed. */
export async function tidyUp(site: Site, { task }: Pick<TestContext, 'task'>): Promise<void> {
  keepLog(task, site.proxy.kind, site.proxy.log().slice(-6000));
  await site.reset();
}

/** Addresses of a party, in one family. */
export function addressOf(party: Party, family: 'IP4' | 'IP6' = 'IP4'): string {
  return family === 'IP4' ? LINKS[party].party : LINKS[party].party6;
}

function startEnd(network: Network, end: EndOptions): Sipp {
  const family = end.family ?? 'IP4';
  const core = family === 'IP4' ? LINKS[end.party].core : LINKS[end.party].core6;
  const calling = end.scenario.startsWith('uac-');
  return startSipp(network, network.parties[end.party], {
    scenario: end.scenario,
    at: { address: addressOf(end.party, family), port: calling ? CALLER_PORT : CALLEE_PORT },
    ...(calling ? { to: { address: core, port: 5060 }, service: end.service ?? 'bob' } : {}),
    calls: end.calls ?? 1,
    rows: end.rows,
    pauseMs: end.pauseMs ?? 0,
  });
}

/** Each phone registers from its own network: `bob`, `carol`, both as `team`, and bob by IPv6 as `bob6`. */
async function register(network: Network): Promise<void> {
  await Promise.all([
    registerPhone(network, 'bob', 'IP4', ['bob', 'team']),
    registerPhone(network, 'bob', 'IP6', ['bob6']),
    registerPhone(network, 'carol', 'IP4', ['carol', 'team']),
  ]);
}

async function registerPhone(
  network: Network,
  party: Party,
  family: 'IP4' | 'IP6',
  users: readonly string[],
): Promise<void> {
  const address = addressOf(party, family);
  const host = family === 'IP4' ? address : `[${address}]`;
  const sipp = startSipp(network, network.parties[party], {
    scenario: 'register.xml',
    at: { address, port: CALLER_PORT },
    to: { address: family === 'IP4' ? LINKS[party].core : LINKS[party].core6, port: 5060 },
    calls: users.length,
    rows: users.map((user) => [user, `<sip:${party}@${host}:${CALLEE_PORT}>`]),
  });
  await sipp.finished();
}

/** Runs what was deferred in reverse order, each even if another one fails. */
class AsyncDisposableStackLike {
  readonly #deferred: (() => Promise<void>)[] = [];

  defer(dispose: () => Promise<void>): void {
    this.#deferred.push(dispose);
  }

  async dispose(): Promise<void> {
    for (const dispose of this.#deferred.splice(0).reverse()) await dispose().catch(() => undefined);
  }
}
