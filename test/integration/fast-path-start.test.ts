import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { eventually } from '../support/eventually.js';
import {
  answer,
  createFastPathSite,
  description,
  type FastPathSite,
  hangUp,
  offer,
  offloaded,
  type PlainCall,
  paths,
  placeCall,
  type Start,
} from '../support/fast-path-site.js';
import { describePeers } from '../support/netns-peers.js';
import { until } from '../support/netns-until.js';
import { type Capability, ordinaryUser, rootWithoutBpf } from '../support/privileges.js';
import { keepLog } from '../support/test-log.js';

let site: FastPathSite | undefined;

async function start(how: Start): Promise<FastPathSite> {
  site = await createFastPathSite(how);
  const started = site;
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

afterEach(({ task }) => {
  keepLog(task, 'tandem', site?.proxy.log().slice(-6000) ?? '');
});

/** Both ends speak; what each has sent in all has arrived at the other one. */
async function talk({ alice, bob }: FastPathSite, call: PlainCall, count: number): Promise<void> {
  const ways = [
    { from: alice, to: bob, speaks: call.alice, hears: call.bob.port, ssrc: 1 },
    { from: bob, to: alice, speaks: call.bob, hears: call.alice.port, ssrc: 2 },
  ];
  await Promise.all(
    ways.map(({ from, speaks, ssrc }) => from.play({ ...speaks, ssrc, count, intervalMs: 10 })),
  );
  for (const { from, to, speaks, hears, ssrc } of ways) {
    const { sentRtp } = await from.report(speaks.port);
    const heard = async (): Promise<number | undefined> =>
      (await to.report(hears)).rtp.find((source) => source.ssrc === ssrc)?.packets;
    await until(`${sentRtp} packets`, async () => ((await heard()) === sentRtp ? true : undefined));
  }
}

const MISSING = {
  bpf: 'CAP_BPF is missing (to load the program and its maps)',
  net_admin: 'CAP_NET_ADMIN is missing (to attach the program to interfaces)',
} as const;

vi.setConfig({ testTimeout: 90_000 });

describePeers(['ethtool'], 'who may have a fast path', () => {
  it('a node that requires it does not start without, and says why', async () => {
    await expect(createFastPathSite({ by: rootWithoutBpf })).rejects.toThrow(
      `no fast path, and the configuration requires it: ${MISSING.bpf}`,
    );
  });

  it('an ordinary user with three capabilities', async () => {
    const here = await start({ by: userWith(['bpf', 'net_admin', 'net_raw']) });
    expect(here.proxy.log()).toMatch(
      /^fast path: its self-test has passed, and rules outlive this process$/m,
    );
    const call = await placeCall(here);
    await talk(here, call, 10);
    await offloaded(here, call);
    await talk(here, call, 10);
    await hangUp(here, call);
  });

  it('and two of them are enough', async () => {
    const here = await start({ by: userWith(['bpf', 'net_admin']) });
    const call = await placeCall(here);
    await talk(here, call, 10);
    await offloaded(here, call);
  });

  it.each([
    [['net_admin', 'net_raw'], ['bpf']],
    [['bpf', 'net_raw'], ['net_admin']],
    [['net_raw'], ['bpf', 'net_admin']],
  ] as const)('with no more than %s, calls go through the process and %s is named', async (has, misses) => {
    const here = await start({ by: userWith(has), fastPath: { mode: 'auto' } });
    const reason = misses.map((capability) => MISSING[capability]).join('; ');
    expect(here.proxy.log()).toContain(`no fast path, all packets take the data path: ${reason}\n`);
    expect(await here.status()).toMatchObject({ mode: 'auto', state: 'unavailable', reason });
    const call = await placeCall(here);
    await talk(here, call, 10);
    expect(await paths(here, call)).toEqual(['noFastPath', 'noFastPath']);
    const metrics = await here.metrics();
    expect(metrics).toContain('\ntandem_fast_path_active 0\n');
    expect(metrics).toContain('\ntandem_streams{path="userspace",reason="noFastPath"} 2\n');
  });

  function userWith(capabilities: readonly Capability[]): NonNullable<Start['by']> {
    return (network, pinDirectory) => ordinaryUser(network, pinDirectory, capabilities);
  }
});

describePeers(['ethtool'], 'what is told of the fast path', () => {
  it('of each stream and each interface, in query, status, metrics and log, as it changes', async () => {
    const here = await start({ settings: { log: { level: 'debug' } } });
    const call = await placeCall(here);
    const streams = async (kernel: number, ...userspace: readonly string[]): Promise<void> => {
      const status = await here.status();
      const reasons = status.streams.userspace.flatMap(({ reason, streams }) => Array(streams).fill(reason));
      expect([status.streams.kernel, ...reasons]).toEqual([kernel, ...userspace]);
      const metrics = await here.metrics();
      expect(metrics).toContain(`\ntandem_streams{path="kernel",reason=""} ${kernel}\n`);
      for (const reason of userspace) {
        expect(metrics).toContain(`\ntandem_streams{path="userspace",reason="${reason}"} `);
      }
    };
    expect(await paths(here, call)).toEqual(['learning', 'learning']);
    await streams(0, 'learning', 'learning');
    await talk(here, call, 10);
    await offloaded(here, call);
    await streams(2);
    await offer(here, call.id, description('alice', call.alice.port, 'IP4', 'sendonly'));
    await answer(here, call.id, description('bob', call.bob.port, 'IP4', 'recvonly'));
    expect((await paths(here, call))[1]).toBe('held');
    await here.network.core.run(['ip', 'link', 'delete', 'bob']);
    await until('the log to tell of it', () =>
      here.proxy.log().includes('the interface is gone device="bob"') ? true : undefined,
    );
    const { devices } = await here.status();
    expect(devices.map(({ device, mode, reason }) => `${device}: ${mode} (${reason})`).sort()).toEqual([
      '10.77.2.1: none (no interface has this address)',
      expect.stringMatching(/^alice: native \(.+\)$/),
      'fd77:2::1: none (no interface has this address)',
    ]);
    const metrics = await here.metrics();
    expect(metrics).toMatch(/\ntandem_fast_path_device\{device="alice",mode="native",reason=".+"\} 1\n/);
    expect(metrics).toContain(
      '\ntandem_fast_path_device{device="10.77.2.1",mode="none",reason="no interface has this address"} 1\n',
    );
    await eventually(() =>
      expect(told(here, call)).toEqual([
        'userspace held',
        'userspace learning',
        'userspace learning',
        'kernel',
        'kernel',
        'userspace held',
        'userspace unroutable',
      ]),
    );
    const inLog = /INFO \S+: fast path device="alice" mode=native reason=".+"$/m;
    expect(here.proxy.log()).toMatch(inLog);
  });

  /** What the log has told of the paths of a call's streams. */
  function told({ proxy }: FastPathSite, call: PlainCall): string[] {
    const pattern = new RegExp(
      `path of a stream call="${call.id}" stream=\\d+ path="(\\w+)"(?: reason="(\\w+)")?`,
      'g',
    );
    const all = [...proxy.log().matchAll(pattern)].map(([, path, reason]) =>
      reason === undefined ? `${path}` : `${path} ${reason}`,
    );
    return all;
  }
});

describePeers(['ethtool'], 'what a killed node has left in the kernel', () => {
  it.each([
    ['whose fast path is off', { mode: 'off' }, undefined],
    ['that pins elsewhere', { mode: 'require' }, 'elsewhere'],
    ['that may not load programs any more', { mode: 'auto' }, undefined],
  ] as const)('is ended by its successor %s', async (_what, fastPath, folder) => {
    const here = await start({});
    const call = await placeCall(here);
    await talk(here, call, 10);
    await offloaded(here, call);
    await here.proxy.running.stop('SIGKILL');
    expect(readdirSync(here.pinDirectory)).toHaveLength(1);
    const pinDirectory = folder === undefined ? here.pinDirectory : join(here.pinDirectory, '..', folder);
    mkdirSync(pinDirectory, { recursive: true });
    const again = { fastPath: { ...fastPath, pinDirectory } };
    const may = fastPath.mode === 'auto' ? { by: rootWithoutBpf } : {};
    await here.restart({ ...again, ...may });
    await until(
      'the rules to end',
      () =>
        !existsSync(here.pinDirectory) || readdirSync(here.pinDirectory).length === 0 ? true : undefined,
      30_000,
    );
    const before = (await here.bob.report(call.bob.port)).rtp[0]?.packets;
    await here.alice.play({ ...call.alice, ssrc: 1, count: 5, intervalMs: 10 });
    expect((await here.bob.report(call.bob.port)).rtp[0]?.packets).toBe(before);
  });
});
