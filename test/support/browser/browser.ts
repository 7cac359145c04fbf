import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Browser as Chromium } from 'playwright-core';
import { rolldown } from 'rolldown';
import type { Namespace, Network } from '../netns.js';
import { until } from '../netns-until.js';
import type { CallStats, Phone, PhoneOptions } from './phone.js';

/** A headless Chromium in a namespace, with a microphone that beeps and a camera that shows a test picture. */
export type Browser = {
  /** A page of its own with a registered phone. */
  phone(options: PhoneOptions): Promise<BrowserPhone>;
  close(): Promise<void>;
};

export type BrowserPhone = {
  /** Runs one of the phone's actions in the page. */
  do<Action extends keyof Phone>(
    action: Action,
    ...words: Parameters<Phone[Action]>
  ): Promise<Awaited<ReturnType<Phone[Action]>>>;
  /** Waits until the statistics are as asked for, and fails with the last ones. */
  statsWhere(what: string, holds: (stats: CallStats) => boolean): Promise<CallStats>;
  /** Waits for one of JsSIP's events. */
  seen(event: string): Promise<void>;
  close(): Promise<void>;
};

const SWITCHES = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  // Nobody is there to allow the page to reach the SIP server of a private network.
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,LocalNetworkAccessChecksWebRTC',
];

/** A page on localhost may use microphone and WebSockets without TLS; nothing listens there, the test answers. */
const PAGE = 'http://localhost/';

export async function startBrowser(network: Network, where: Namespace): Promise<Browser> {
  const script = await bundle();
  const browser = await chromium.launch({
    executablePath: wrapper(network, where),
    chromiumSandbox: false,
    args: SWITCHES,
  });
  return {
    phone: (options) => openPhone(browser, script, options),
    close: () => browser.close(),
  };
}

async function openPhone(browser: Chromium, script: string, options: PhoneOptions): Promise<BrowserPhone> {
  const page = await browser.newPage();
  await page.route(PAGE, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<title>phone</title>' }),
  );
  await page.goto(PAGE);
  await page.addScriptTag({ content: script });
  const act: BrowserPhone['do'] = (action, ...words) =>
    page.evaluate(
      ([name, list]) => {
        const { phone } = globalThis as unknown as { phone: Record<string, (...all: unknown[]) => unknown> };
        return phone[name as string]?.(...(list as unknown[])) as never;
      },
      [action, words] as const,
    );
  await act('register', options);
  return {
    do: act,
    async statsWhere(what, holds) {
      let last: CallStats | undefined;
      return until(what, async () => {
        last = await act('stats');
        return holds(last) ? last : undefined;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${JSON.stringify(last, null, 2)}`);
      });
    },
    async seen(event) {
      await until(event, async () => {
        const events = await act('events');
        const failed = events.find((each) => each.startsWith('failed'));
        if (failed !== undefined && event !== 'failed') throw new Error(failed);
        return events.some((each) => each.startsWith(event)) ? true : undefined;
      });
    },
    close: () => page.close(),
  };
}

/** `ip netns exec` replaces itself by the browser, so its pipes and its process id are the browser's. */
function wrapper(network: Network, where: Namespace): string {
  const program = join(mkdtempSync(join(network.directory, 'browser-')), 'chromium');
  writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${where.name} chromium "$@"\n`);
  chmodSync(program, 0o755);
  return program;
}

async function bundle(): Promise<string> {
  const bundled = await rolldown({
    input: join(import.meta.dirname, 'page.ts'),
    platform: 'browser',
    logLevel: 'warn',
  });
  const { output } = await bundled.generate({ format: 'iife' });
  return output[0].code;
}
