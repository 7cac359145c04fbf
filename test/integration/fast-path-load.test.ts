import { afterEach, expect, it } from 'vitest';
import { hangUpAll, placeCalls, startCrowd } from '../support/fast-path-crowd.js';
import {
  createFastPathSite,
  type FastPathSite,
  relayedPackets,
  type Start,
} from '../support/fast-path-site.js';
import { describePeers } from '../support/netns-peers.js';
import { halfPid, killHalf } from '../support/netns-proxy.js';
import { until } from '../support/netns-until.js';
import { copyPrograms } from '../support/programs.js';
import { keepLog } from '../support/test-log.js';

/** Calls that go on, calls that come and go, and calls whose data plane is killed. */
const [STEADY = 1000, PASSING = 2000, KILLED = 500] = (process.env.TANDEM_FAST_PATH_CALLS ?? '1000,2000,500')
  .split(',')
  .map(Number);
const PASSING_AT_ONCE = 200;
/** A machine may be busy with other work. */
const LONG = 600_000;

describePeers(['ethtool'], 'many calls in the kernel', () => {
  let site: FastPathSite | undefined;
  afterEach(async ({ task }) => {
    keepLog(task, 'tandem', site?.proxy.log().slice(-6000) ?? '');
    await site?.[Symbol.asyncDispose]();
    site = undefined;
  });

  async function startSite(how: Start = {}): Promise<FastPathSite> {
    site = await createFastPathSite(how);
    return site;
  }

  async function inKernel(site: FastPathSite, streams: number): Promise<void> {
    await until(
      `${streams} streams in the kernel`,
      async () => ((await site.status()).streams.kernel === streams ? true : undefined),
      60_000,
    );
  }

  it(
    `${PASSING} calls come and go while ${STEADY} others lose and reorder nothing`,
    async () => {
      const here = await startSite();
      const steady = await startCrowd(here, await placeCalls(here, STEADY), 200);
      await inKernel(here, 2 * STEADY);
      for (let gone = 0; gone < PASSING; gone += PASSING_AT_ONCE) {
        const passing = await startCrowd(here, await placeCalls(here, PASSING_AT_ONCE), 100);
        await inKernel(here, 2 * (STEADY + PASSING_AT_ONCE));
        await passing.endAndExpectWhole();
        await hangUpAll(here, passing.calls);
      }
      await inKernel(here, 2 * STEADY);
      await steady.endAndExpectWhole();
      await hangUpAll(here, steady.calls);
      await inKernel(here, 0);
    },
    LONG,
  );

  it(
    `a data plane that is killed costs ${KILLED} calls under load no packet, and none of its rules lingers`,
    async () => {
      const here = await startSite();
      await expectGoesOn(here, () => killHalf(here.proxy, 'dataplane'));
    },
    LONG,
  );

  it(
    `a data plane that is upgraded to another binary costs ${KILLED} calls under load no packet`,
    async () => {
      const programs = copyPrograms();
      const here = await startSite({ supervisor: programs.supervisor });
      await expectGoesOn(here, async () => {
        const before = await halfPid(here.proxy, 'dataplane');
        programs.replaceDataPlane();
        process.kill(before, 'SIGTERM');
        await until('another binary to run', async () => {
          const after = await halfPid(here.proxy, 'dataplane');
          return after !== before && programs.isRunning(after) ? true : undefined;
        });
      });
    },
    LONG,
  );

  /** Nobody in the middle of a call notices that another process takes over. */
  async function expectGoesOn(site: FastPathSite, replace: () => Promise<void>): Promise<void> {
    const crowd = await startCrowd(site, await placeCalls(site, KILLED), 100);
    await inKernel(site, 2 * KILLED);
    const [first] = crowd.calls;
    if (first === undefined) throw new Error('no call');
    const before = await relayedPackets(site, first);
    await replace();
    await until('the fast path to be taken over', () =>
      site.proxy.log().includes('the kernel has been relaying for a process before us') ? true : undefined,
    );
    await inKernel(site, 2 * KILLED);
    expect(await relayedPackets(site, first)).toBeGreaterThan(before);
    await crowd.endAndExpectWhole();
    await hangUpAll(site, crowd.calls);
    await inKernel(site, 0);
    expect(site.proxy.log()).not.toContain('no call has claimed');
  }
});
