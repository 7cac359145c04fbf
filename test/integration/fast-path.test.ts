import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest';
import {
  answer,
  createFastPathSite,
  description,
  type FastPathSite,
  hangUp,
  offer,
  offloaded,
  paths,
  type PlainCall,
  placeCall,
  relayedPackets,
} from '../support/fast-path-site.js';
import { captureFrames, type Frame, sequenceOf } from '../support/frames.js';
import type { Agent, SourceReport, Target } from '../support/netns-agent.js';
import { describePeers } from '../support/netns-peers.js';
import { killHalf } from '../support/netns-proxy.js';
import { until } from '../support/netns-until.js';
import { keepLog } from '../support/test-log.js';

/** Sends RTP from one end of a call; returns its source. An end keeps its source as long as it speaks from a port. */
async function speak(
  agent: Agent,
  end: { port: number; to: Target },
  count: number,
  intervalMs = 10,
): Promise<number> {
  const ssrc = end.to.port * 65_536 + end.port;
  await agent.play({ port: end.port, to: end.to, ssrc, count, intervalMs });
  return ssrc;
}

function talk(
  { alice, bob }: FastPathSite,
  call: PlainCall,
  count: number,
  intervalMs?: number,
): Promise<[number, number]> {
  return Promise.all([speak(alice, call.alice, count, intervalMs), speak(bob, call.bob, count, intervalMs)]);
}

async function heard(agent: Agent, port: number, source: number): Promise<SourceReport | undefined> {
  const { rtp } = await agent.report(port);
  return rtp.find((each) => each.ssrc === source);
}

async function expectWhole(agent: Agent, port: number, source: number, count: number): Promise<void> {
  await until(`${count} packets`, async () =>
    ((await heard(agent, port, source))?.packets ?? 0) >= count ? true : undefined,
  ).catch(() => undefined);
  expect(await heard(agent, port, source)).toMatchObject({ packets: count, distinct: count, corrupted: 0 });
}

function ofSource(frames: readonly Frame[], source: number): Frame[] {
  return frames.filter(({ payload }) => payload.length === 172 && payload.readUInt32BE(8) === source);
}

function expectInOrder(frames: readonly Frame[]): void {
  const sequences = frames.map(sequenceOf);
  expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
}

/** Until both are relayed by the kernel, by ten packets each. */
async function settle(site: FastPathSite, call: PlainCall): Promise<void> {
  await talk(site, call, SETTLING);
  await offloaded(site, call);
}

const SETTLING = 10;

describePeers(['tcpdump', 'ethtool'], 'calls relayed in the kernel', () => {
  let site: FastPathSite;
  beforeAll(async () => {
    site = await createFastPathSite();
  });
  afterEach(({ task }) => {
    keepLog(task, 'tandem', site.proxy.log().slice(-6000));
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  it('the start says which device relays how', async () => {
    const status = await site.status();
    expect(status).toMatchObject({ state: 'active' });
    expect(status.devices.map(({ device }) => device).sort()).toEqual(['alice', 'bob']);
    expect(site.proxy.log()).toMatch(/^fast path on alice: (native|generic|tc) \(/m);
  });

  it.each([
    ['IP4', 'IP4'],
    ['IP6', 'IP6'],
    ['IP4', 'IP6'],
  ] as const)(
    '%s to %s: nothing is lost, repeated, reordered or damaged on the way into the kernel',
    async (west, east) => {
      const { alice, bob } = site.network.parties;
      const captures = await Promise.all([alice, bob].map((end) => captureFrames(site.network, end)));
      const call = await placeCall(site, west, east);
      const before = await site.status();
      const [fromAlice, fromBob] = await talk(site, call, 200);
      await expectWhole(site.bob, call.bob.port, fromAlice, 200);
      await expectWhole(site.alice, call.alice.port, fromBob, 200);
      await offloaded(site, call);
      expect(await relayedPackets(site, call)).toBe(400);
      const [atAlice = [], atBob = []] = await Promise.all(captures.map((capture) => capture.finish()));
      for (const frames of [ofSource(atAlice, fromBob), ofSource(atBob, fromAlice)]) {
        expectInOrder(frames);
        expect(frames).toHaveLength(200);
        expect(frames.filter(({ checksums }) => checksums === 'wrong')).toHaveLength(0);
        // Whoever relays: a packet of ours is a new one.
        expect(new Set(frames.map(({ hops, tos }) => `${hops} ${tos}`))).toEqual(new Set(['64 184']));
      }
      const after = await site.status();
      // A process that gets its turn late has more of them to pass on itself.
      expect(after.packets.kernel - before.packets.kernel).toBeGreaterThan(200);
      await hangUp(site, call);
    },
  );

  it('hold ends relaying at once, and the end of hold lets the kernel go on', async () => {
    const call = await placeCall(site);
    await settle(site, call);
    await offer(site, call.id, description('alice', call.alice.port, 'IP4', 'sendonly'));
    await answer(site, call.id, description('bob', call.bob.port, 'IP4', 'recvonly'));
    expect((await paths(site, call))[1]).toBe('held');
    const [heardByBob, unheard] = await talk(site, call, 20);
    await expectWhole(site.bob, call.bob.port, heardByBob, SETTLING + 20);
    await expectWhole(site.alice, call.alice.port, unheard, SETTLING);
    await offer(site, call.id, description('alice', call.alice.port));
    await answer(site, call.id, description('bob', call.bob.port));
    const [fromAlice, fromBob] = await talk(site, call, 50);
    await expectWhole(site.bob, call.bob.port, fromAlice, SETTLING + 70);
    await expectWhole(site.alice, call.alice.port, fromBob, SETTLING + 50);
    await offloaded(site, call);
    await hangUp(site, call);
  });

  it('a stream loses and reorders nothing however often its rule ends and comes back', async () => {
    const { alice, bob } = site.network.parties;
    const captures = await Promise.all([alice, bob].map((end) => captureFrames(site.network, end)));
    const call = await placeCall(site);
    await settle(site, call);
    const before = (await site.status()).packets;
    let talks = true;
    const talking = talk(site, call, 300, 10).finally(() => {
      talks = false;
    });
    while (talks) {
      // Telephone events come up from the kernel or not: another rule.
      for (const name of ['block DTMF', 'unblock DTMF']) {
        await site.ng.command({ command: name, 'call-id': call.id });
        await until('the rules to come back', async () =>
          !talks || (await paths(site, call)).every((path) => path === 'kernel') ? true : undefined,
        );
      }
    }
    const [fromAlice, fromBob] = await talking;
    await expectWhole(site.bob, call.bob.port, fromAlice, SETTLING + 300);
    await expectWhole(site.alice, call.alice.port, fromBob, SETTLING + 300);
    const [atAlice = [], atBob = []] = await Promise.all(captures.map((capture) => capture.finish()));
    expectInOrder(ofSource(atAlice, fromBob));
    expectInOrder(ofSource(atBob, fromAlice));
    const after = (await site.status()).packets;
    expect(after.userspace - before.userspace).toBeGreaterThan(20);
    expect(after.kernel - before.kernel).toBeGreaterThan(20);
    await hangUp(site, call);
  });

  it('blocked media end the rules at once, and let them come back', async () => {
    const call = await placeCall(site);
    await settle(site, call);
    const command = async (name: string): Promise<void> => {
      const reply = await site.ng.command({ command: name, 'call-id': call.id, 'from-tag': 'a' });
      expect(reply.result).toBe('ok');
    };
    await command('block media');
    expect((await paths(site, call))[0]).toBe('silenced');
    const [unheard, fromBob] = await talk(site, call, 20);
    await expectWhole(site.bob, call.bob.port, unheard, SETTLING);
    await expectWhole(site.alice, call.alice.port, fromBob, SETTLING + 20);
    await command('unblock media');
    await talk(site, call, 20);
    await offloaded(site, call);
    await expectWhole(site.bob, call.bob.port, unheard, SETTLING + 20);
    await hangUp(site, call);
  });

  it('a re-INVITE to another port moves the stream there', async () => {
    const call = await placeCall(site);
    await settle(site, call);
    const port = call.bob.port + 1000;
    await site.bob.open({ address: '10.77.2.10', port });
    await offer(site, call.id, description('alice', call.alice.port));
    await answer(site, call.id, description('bob', port));
    const moved = { ...call, bob: { ...call.bob, port } };
    const [fromAlice, fromBob] = await talk(site, moved, 50);
    await expectWhole(site.bob, port, fromAlice, 50);
    await expectWhole(site.alice, call.alice.port, fromBob, 50);
    await offloaded(site, call);
    await hangUp(site, call);
  });

  it('a peer that speaks on with another SSRC loses nothing and is followed by the kernel', async () => {
    const call = await placeCall(site);
    await settle(site, call);
    const ssrc = 77;
    await site.alice.play({ port: call.alice.port, to: call.alice.to, ssrc, count: 60, intervalMs: 10 });
    await expectWhole(site.bob, call.bob.port, ssrc, 60);
    await offloaded(site, call);
    const before = await site.status();
    await site.alice.play({ port: call.alice.port, to: call.alice.to, ssrc, count: 20, intervalMs: 10 });
    await expectWhole(site.bob, call.bob.port, ssrc, 80);
    expect((await site.status()).packets.kernel - before.packets.kernel).toBe(20);
    await hangUp(site, call);
  });

  it('a stranger is kept out and does not disturb the call', async () => {
    const call = await placeCall(site);
    await settle(site, call);
    const stranger = { port: call.bob.port + 1000, to: call.bob.to };
    await site.bob.open({ address: '10.77.2.10', port: stranger.port });
    const [fromStranger, [, fromBob]] = await Promise.all([
      speak(site.bob, stranger, 30),
      talk(site, call, 50),
    ]);
    await expectWhole(site.alice, call.alice.port, fromBob, SETTLING + 50);
    expect(await heard(site.alice, call.alice.port, fromStranger)).toBeUndefined();
    expect(await paths(site, call)).toEqual(['kernel', 'kernel']);
    await hangUp(site, call);
  });

  it('a deleted call relays nothing any more', async () => {
    const call = await placeCall(site);
    await settle(site, call);
    await hangUp(site, call);
    const fromAlice = await speak(site.alice, call.alice, 20);
    await expectWhole(site.bob, call.bob.port, fromAlice, SETTLING);
    expect((await site.status()).streams.kernel).toBe(0);
  });

  it('calls come and go while others lose and reorder nothing', async () => {
    const capture = await captureFrames(site.network, site.network.parties.bob);
    const steady = await Promise.all(Array.from({ length: 5 }, () => placeCall(site)));
    const talking = Promise.all(steady.map((call) => speak(site.alice, call.alice, 400, 20)));
    for (let round = 0; round < 40; round++) {
      const call = await placeCall(site);
      await talk(site, call, 5, 5);
      await hangUp(site, call);
    }
    const sources = await talking;
    for (const [index, call] of steady.entries()) {
      const source = sources[index] ?? 0;
      await expectWhole(site.bob, call.bob.port, source, 400);
    }
    const frames = await capture.finish();
    for (const source of sources) expectInOrder(ofSource(frames, source));
    for (const call of steady) await hangUp(site, call);
  });

  it('a killed data plane costs the calls in the kernel no packet', async () => {
    const calls = await Promise.all(Array.from({ length: 10 }, () => placeCall(site)));
    await Promise.all(calls.map((call) => settle(site, call)));
    const talking = Promise.all(calls.map((call) => talk(site, call, 150, 20)));
    await killHalf(site.proxy, 'dataplane');
    const sources = await talking;
    await Promise.all(calls.map((call) => offloaded(site, call)));
    for (const [index, call] of calls.entries()) {
      const [fromAlice, fromBob] = sources[index] ?? [0, 0];
      await expectWhole(site.bob, call.bob.port, fromAlice, SETTLING + 150);
      await expectWhole(site.alice, call.alice.port, fromBob, SETTLING + 150);
    }
    expect(site.proxy.log()).not.toContain('no call has claimed');
    for (const call of calls) await hangUp(site, call);
  });
});

describePeers(['tcpdump', 'ethtool'], 'calls in the kernel that fall silent', () => {
  it('end by their timeout, and those that speak do not', async () => {
    const site = await createFastPathSite({ settings: { timeouts: { mediaSeconds: 4 } } });
    onTestFinished(() => site[Symbol.asyncDispose]());
    const [silent, speaking] = [await placeCall(site), await placeCall(site)];
    for (const [agent, { port, to }] of [
      [site.alice, speaking.alice],
      [site.bob, speaking.bob],
    ] as const) {
      await agent.stream(port, [{ to, ssrc: port }], 20);
    }
    await settle(site, silent);
    await offloaded(site, speaking);
    await until('the silent call to end', async () => {
      const { streams } = await site.status();
      return streams.kernel === 2 ? true : undefined;
    });
    expect(await paths(site, speaking)).toEqual(['kernel', 'kernel']);
  });
});

describePeers(['tcpdump', 'ethtool'], 'a data plane that does not come back', () => {
  const native = join(import.meta.dirname, '../../native/target/release');
  const command = join(
    process.env.TANDEM_SUPERVISOR ?? join(native, 'tandem-supervisor'),
    '../tandem-fastpath',
  );

  it('leaves rules that its successor ends if no call claims them', async () => {
    const site = await createFastPathSite();
    onTestFinished(() => site[Symbol.asyncDispose]());
    const call = await placeCall(site);
    await settle(site, call);
    await site.proxy.running.stop('SIGKILL');
    // While it starts, and not when it is ready: on a busy machine its patience has ended by then.
    const [fromAlice] = await Promise.all([speak(site.alice, call.alice, 100), site.restart()]);
    await expectWhole(site.bob, call.bob.port, fromAlice, SETTLING + 100);
    await until(
      'the rules to end',
      () => (site.proxy.log().includes('no call has claimed') ? true : undefined),
      20_000,
    );
    await speak(site.alice, call.alice, 10);
    await expectWhole(site.bob, call.bob.port, fromAlice, SETTLING + 100);
  });

  it('leaves rules that an operator can end, whatever the configuration is by then', async () => {
    const site = await createFastPathSite();
    onTestFinished(() => site[Symbol.asyncDispose]());
    const call = await placeCall(site);
    await settle(site, call);
    await site.proxy.running.stop('SIGKILL');
    const fromAlice = await speak(site.alice, call.alice, 20);
    await expectWhole(site.bob, call.bob.port, fromAlice, SETTLING + 20);
    // As if the configuration had named another directory since.
    const another = join(site.pinDirectory, '../another');
    execFileSync(command, ['clean', another], { stdio: 'ignore' });
    expect(readdirSync(site.pinDirectory)).toEqual([]);
    const unheard = await speak(site.bob, call.bob, 5);
    expect(await heard(site.alice, call.alice.port, unheard)).toMatchObject({ packets: SETTLING });
    execFileSync(command, ['clean', site.pinDirectory], { stdio: 'ignore' });
    expect(existsSync(site.pinDirectory)).toBe(false);
  });
});
