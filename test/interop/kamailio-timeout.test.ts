import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type Agent, compileAgent, startAgent, type Target } from '../support/netns-agent.js';
import { openPorts, play } from '../support/netns-media.js';
import { createNetwork, LINKS, type Namespace, type Network, type Running } from '../support/netns.js';
import { describePeers } from '../support/netns-peers.js';
import { type RunningProxy, startProxy } from '../support/netns-proxy.js';
import { until } from '../support/netns-until.js';
import { type Sipp, startSipp } from '../support/sipp.js';

const CONFIG = join(import.meta.dirname, '../../config/kamailio-timeout.cfg');
const CORE = LINKS.alice.core;
/** Bob's two telephones, one for each SIP proxy. */
const PHONES = [5060, 5062] as const;

describePeers(['kamailio', 'sipp'], 'a SIP proxy that is told of dead media', () => {
  const undo: (() => Promise<void>)[] = [];
  let network: Network;
  let agents: { alice: Agent; bob: Agent };
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  async function setUp(): Promise<void> {
    network = await createNetwork();
    undo.push(async () => network[Symbol.asyncDispose]());
    const program = await compileAgent(network);
    agents = {
      alice: startAgent(network.parties.alice, program),
      bob: startAgent(network.parties.bob, program),
    };
    undo.push(async () => {
      await Promise.all([agents.alice.stop(), agents.bob.stop()]);
    });
  }

  async function tandem(
    port: number,
    media: readonly [number, number],
    notify: object,
    timeouts: object = { mediaSeconds: 5, silentSeconds: 5 },
  ): Promise<RunningProxy> {
    const directory = join(network.directory, `tandem-${port}`);
    mkdirSync(directory);
    const proxy = startProxy('tandem', network.core, {
      interfaces: [{ name: 'net', bind: CORE }],
      control: { address: CORE, port },
      deleteDelaySeconds: 0,
      ports: media,
      directory,
      tandem: {
        listen: { ng: [`${CORE}:${port}`] },
        timeouts,
        notify,
      },
    });
    undo.push(() => proxy.running.stop());
    await until('Tandem to be ready', () => {
      if (proxy.running.child.exitCode !== null) throw new Error(`Tandem ended: ${proxy.log()}`);
      const log = join(directory, 'tandem.log');
      return existsSync(log) && /^ready$/m.test(proxy.log()) ? true : undefined;
    });
    return proxy;
  }

  async function kamailio(where: Namespace, at: Target, mediaProxies: string): Promise<() => string> {
    const directory = join(network.directory, `kamailio-${at.address}`);
    mkdirSync(directory);
    const log = join(directory, 'log');
    // In the core it also has to reach bob's network.
    const addresses = at.address === CORE ? [CORE, LINKS.bob.core] : [at.address];
    const listen = addresses.flatMap((each) => [`udp:${each}:${at.port}`, `tcp:${each}:${at.port}`]);
    const defines = [`MEDIA_PROXY="${mediaProxies}"`, `NOTIFIERS="${CORE},${LINKS.carol.core}"`, 'WORKERS=2'];
    const running: Running = where.start(
      [
        ...['kamailio', '-f', CONFIG, '-DD', '-E', '-m', '64', '-M', '8', '-Y', directory, '-w', directory],
        ...listen.flatMap((address) => ['-l', address]),
        ...defines.flatMap((define) => ['-A', define]),
      ],
      { log },
    );
    undo.push(() => running.stop());
    const read = (): string => readFileSync(log, 'utf8');
    const ready = Buffer.from(
      [
        `OPTIONS sip:${at.address}:${at.port} SIP/2.0`,
        `Via: SIP/2.0/UDP ${LINKS.alice.party}:9;branch=z9hG4bKready;rport`,
        'From: <sip:ready@localhost>;tag=ready',
        `To: <sip:${at.address}>`,
        'Call-ID: ready\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n',
      ].join('\r\n'),
    );
    await until('Kamailio to answer', async () => {
      if (running.child.exitCode !== null) throw new Error(`Kamailio ended: ${read()}`);
      return agents.alice.exchange(at, ready, 200);
    });
    return read;
  }

  async function register(to: Target, port: number): Promise<void> {
    const sipp = startSipp(network, network.parties.bob, {
      scenario: 'register.xml',
      at: { address: LINKS.bob.party, port: port + 20 },
      to,
      rows: [['bob', `<sip:bob@${LINKS.bob.party}:${port}>`]],
    });
    await sipp.finished();
  }

  type Ending = { readonly callId: string; readonly caller: Sipp; readonly callee: Sipp };

  /** Calls bob through a SIP proxy, lets both talk for a moment, and falls silent. */
  async function callThatDies(to: Target, phone: number): Promise<Ending> {
    const ports = { alice: 30_000 + phone, bob: 40_000 + phone };
    await openPorts(agents.alice, 'alice', [ports.alice]);
    await openPorts(agents.bob, 'bob', [ports.bob]);
    const callee = startSipp(network, network.parties.bob, {
      scenario: 'uas-call.xml',
      at: { address: LINKS.bob.party, port: phone },
      rows: [[ports.bob]],
    });
    const caller = startSipp(network, network.parties.alice, {
      scenario: 'uac-ended.xml',
      at: { address: LINKS.alice.party, port: phone + 100 },
      to,
      service: 'bob',
      rows: [[ports.alice]],
    });
    undo.push(async () => {
      await Promise.all([caller.stop(), callee.stop()]);
    });
    const [ofAlice, ofBob] = await Promise.all([caller.note('answered'), callee.note('invited')]);
    await Promise.all([
      play({ agent: agents.alice, note: ofAlice }, 20),
      play({ agent: agents.bob, note: ofBob }, 20),
    ]);
    return { callId: ofAlice.callId, caller, callee };
  }

  async function bothHangUp({ caller, callee }: Ending): Promise<void> {
    await Promise.all([caller.finished(), callee.finished()]);
  }

  it.each([
    ['XML-RPC', { xmlrpc: { url: 'http://%%:5060/RPC2' } }],
    ['JSON-RPC', { jsonrpc: { url: 'http://%%:5060/RPC' } }],
  ])(
    'by %s ends the call with BYE to both sides, and each hears of its own calls only',
    async (_, notify) => {
      await setUp();
      const [first, second] = [
        { address: CORE, port: 5060 },
        { address: LINKS.carol.party, port: 5060 },
      ];
      const proxy = await tandem(2223, [20_000, 20_100], notify);
      const logs = [
        await kamailio(network.core, first, `udp:${CORE}:2223`),
        await kamailio(network.parties.carol, second, `udp:${CORE}:2223`),
      ];
      await Promise.all([register(first, PHONES[0]), register(second, PHONES[1])]);
      const calls = await Promise.all([callThatDies(first, PHONES[0]), callThatDies(second, PHONES[1])]);
      try {
        await Promise.all(calls.map(bothHangUp));
      } catch (error) {
        throw new Error([proxy.log(), ...logs.map((log) => log())].join('\n---\n'), { cause: error });
      }
      const [one, other] = calls.map(({ callId }) => callId);
      const noticesIn = (log: () => string): readonly string[] =>
        log()
          .split('\n')
          .filter((line) => line.includes('dlg.terminate_dlg'));
      const notices = await until('the notices', () => {
        const found = logs.map(noticesIn);
        return found.every((lines) => lines.length > 0) ? found : undefined;
      });
      expect(notices[0]?.every((line) => line.includes(one ?? ''))).toBe(true);
      expect(notices[1]?.every((line) => line.includes(other ?? ''))).toBe(true);
      expect(notices.map((lines) => lines.length)).toEqual([1, 1]);
    },
  );

  it('goes on with the next media proxy of its set while one is drained; that one keeps its calls, answers their re-INVITEs, and ends with the last of them', async () => {
    await setUp();
    const at = { address: CORE, port: 5060 };
    const notify = { xmlrpc: { url: 'http://%%:5060/RPC2' } };
    const timeouts = { mediaSeconds: 15 };
    const [old, next] = await Promise.all([
      tandem(2223, [20_000, 20_100], notify, timeouts),
      tandem(2224, [21_000, 21_100], notify, timeouts),
    ]);
    await kamailio(network.core, at, `udp:${CORE}:2223 udp:${CORE}:2224`);
    await register(at, PHONES[0]);
    const callee = startSipp(network, network.parties.bob, {
      scenario: 'uas-reinvite.xml',
      at: { address: LINKS.bob.party, port: PHONES[0] },
      calls: 2 * CALLS,
      rows: mediaPorts(2 * CALLS),
    });
    undo.push(() => callee.stop());
    const startCaller = (port: number): Sipp => {
      const caller = startSipp(network, network.parties.alice, {
        scenario: 'uac-reinvite-ended.xml',
        at: { address: LINKS.alice.party, port },
        to: at,
        service: 'bob',
        calls: CALLS,
        rows: mediaPorts(CALLS),
      });
      undo.push(() => caller.stop());
      return caller;
    };

    const earlier = startCaller(5160);
    const made = await earlier.notes('answered');
    const kept = made.filter(({ remote }) => remote.port < 21_000);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(CALLS);
    process.kill(old.running.pid, 'SIGHUP');
    await until('the drain', () => (old.log().includes('draining=true') ? true : undefined));

    const later = startCaller(5162);
    for (const { remote } of await later.notes('answered'))
      expect(remote.port).toBeGreaterThanOrEqual(21_000);
    await until('a refusal', () => (old.log().includes('reason=draining') ? true : undefined));
    for (const { callId } of made) await earlier.nudge(agents.alice, callId);
    for (const { callId } of await later.notes('answered')) await later.nudge(agents.alice, callId);
    const again = await earlier.notes('reinvited');
    for (const { callId, remote } of made) {
      expect(again.find((note) => note.callId === callId)?.remote).toEqual(remote);
    }
    expect(old.running.child.exitCode).toBe(null);
    await later.notes('reinvited');

    await Promise.all([earlier.finished(), later.finished(), callee.finished()]);
    for (const { log } of [old, next])
      await until('the reason', () => (log().includes('reason=mediaTimeout') ? true : undefined));
    expect(await old.running.ended).toBe(0);
    expect(next.running.child.exitCode).toBe(null);
  });
});

/** Rows of media ports that nobody listens on. */
function mediaPorts(count: number): readonly (readonly [number])[] {
  return Array.from({ length: count }, (_, index) => [33_000 + 2 * index]);
}

const CALLS = 10;
