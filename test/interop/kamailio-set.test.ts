import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startKamailio } from '../support/kamailio.js';
import { createNetwork, LINKS, type Network } from '../support/netns.js';
import { compileAgent, startAgent, type Target } from '../support/netns-agent.js';
import { describePeers } from '../support/netns-peers.js';
import { freeze, type RunningProxy, startProxy } from '../support/netns-proxy.js';
import { until } from '../support/netns-until.js';
import { startSipp } from '../support/sipp.js';

const CORE = LINKS.alice.core;
const SIP = { address: CORE, port: 5060 };
const CALLS = 20;
/** Of Kamailio, as `startKamailio` has it. */
const WORKERS = 2;
/** As in the configuration files: wait for an answer, and how often a command is sent. */
const WAITS = {
  rtpengine: { timeoutMs: 500, tries: 3 },
  rtpproxy: { timeoutMs: 1000, tries: 2 },
} as const;

type Module = keyof typeof WAITS;

describePeers(['kamailio', 'sipp'], 'a set of two media proxies one of which dies', () => {
  const undo: (() => Promise<void>)[] = [];
  let network: Network;
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  async function tandem(module: Module, number: number): Promise<{ proxy: RunningProxy; at: Target }> {
    const directory = join(network.directory, `tandem-${number}`);
    mkdirSync(directory);
    const control = { address: CORE, port: 2223 + number };
    const at = module === 'rtpengine' ? control : { address: CORE, port: 22_222 + number };
    const media: [number, number] = [20_000 + 1000 * number, 20_500 + 1000 * number];
    const proxy = startProxy('tandem', network.core, {
      interfaces: [{ name: 'net', bind: CORE }],
      control,
      deleteDelaySeconds: 0,
      ports: media,
      directory,
      tandem: {
        listen: { ng: [`${CORE}:${control.port}`], rtpproxy: [`udp:${CORE}:${22_222 + number}`] },
      },
    });
    undo.push(() => proxy.running.stop('SIGKILL'));
    await until('Tandem to be ready', () => {
      if (proxy.running.child.exitCode !== null) throw new Error(`Tandem ended: ${proxy.log()}`);
      return existsSync(join(directory, 'tandem.log')) && /^ready$/m.test(proxy.log()) ? true : undefined;
    });
    return { proxy, at };
  }

  /** Two media proxies in one set, Kamailio with two workers, and a registered telephone. */
  async function setUp(module: Module): Promise<{ first: RunningProxy; kamailioLog: () => string }> {
    network = await createNetwork();
    undo.push(async () => network[Symbol.asyncDispose]());
    const agent = startAgent(network.core, await compileAgent(network));
    undo.push(() => agent.stop());
    const [first, second] = [await tandem(module, 0), await tandem(module, 1)];
    const kamailio = await startKamailio(network, agent, {
      proxy: first.at,
      set: [first.at, second.at],
      module,
      slowActionMs: WAITS[module].timeoutMs / 2,
    });
    undo.push(() => kamailio.stop());
    const phone = startSipp(network, network.parties.bob, {
      scenario: 'register.xml',
      at: { address: LINKS.bob.party, port: 5080 },
      to: { address: LINKS.bob.core, port: 5060 },
      rows: [['bob', `<sip:bob@${LINKS.bob.party}:5060>`]],
    });
    await phone.finished();
    return {
      first: first.proxy,
      kamailioLog: () => readFileSync(join(network.directory, 'kamailio.log'), 'utf8'),
    };
  }

  /** Resolves with the ports the callers were told once all calls are answered. */
  async function call(): Promise<readonly number[]> {
    const rows = Array.from({ length: CALLS }, (_, index) => [33_000 + 2 * index]);
    const callee = startSipp(network, network.parties.bob, {
      scenario: 'uas-call.xml',
      at: { address: LINKS.bob.party, port: 5060 },
      calls: CALLS,
      rows,
    });
    const caller = startSipp(network, network.parties.alice, {
      scenario: 'uac-call.xml',
      at: { address: LINKS.alice.party, port: 5070 },
      to: SIP,
      service: 'bob',
      calls: CALLS,
      rows,
    });
    undo.push(async () => {
      await Promise.all([caller.stop(), callee.stop()]);
    });
    return (await caller.notes('answered', CALLS, 30_000)).map(({ remote }) => remote.port);
  }

  const modules: readonly Module[] = ['rtpengine', 'rtpproxy'];

  it.each(modules)(
    'silent: a SIP worker of the %s module waits as long as its settings say, once, and all calls are answered',
    async (module) => {
      const { first, kamailioLog } = await setUp(module);
      freeze(first);
      const ports = await call();
      expect(ports.every((port) => port >= 21_000)).toBe(true);
      const { timeoutMs, tries } = WAITS[module];
      const waits = slowActionsMs(kamailioLog());
      // Some calls would have gone to the first one, or nothing was tried at all.
      expect(waits.length).toBeGreaterThan(0);
      // Each worker finds out for itself at most.
      expect(kamailioLog().match(/timeout waiting reply/g)?.length).toBeLessThanOrEqual(WORKERS);
      // One try more is the room left for a busy machine.
      expect(Math.max(...waits)).toBeLessThan(timeoutMs * (tries + 1));
      expect(Math.max(...waits)).toBeGreaterThanOrEqual(timeoutMs * tries - 1);
    },
  );

  it.each(modules)('killed: the %s module goes on with the other one at once', async (module) => {
    const { first, kamailioLog } = await setUp(module);
    await first.running.stop('SIGKILL');
    const ports = await call();
    expect(ports.every((port) => port >= 21_000)).toBe(true);
    const { timeoutMs, tries } = WAITS[module];
    // A port that refuses is no silence; less than all tries in any case.
    for (const wait of slowActionsMs(kamailioLog())) expect(wait).toBeLessThan(timeoutMs * tries);
  });
});

/** How long Kamailio says that its workers were held up, in milliseconds. */
function slowActionsMs(log: string): readonly number[] {
  return [...log.matchAll(/took too long \[(\d+) us\]/g)].map(([, us]) => Number(us) / 1000);
}
