import { setTimeout as sleep } from 'node:timers/promises';
import { NgClient } from '../control/ng/client.js';
import { DemoCall, PRIVATE_ADDRESS } from './call.js';
import { ping } from './commands.js';
import { type DemoOptions, parseOptions, USAGE } from './options.js';
import { Screen } from './screen.js';
import { line, table } from './table.js';
import { TandemProcess } from './tandem-process.js';

const screen = new Screen(process.stdout);
process.exit(await main(process.argv.slice(2)));

/** Resolves with the exit code. */
async function main(words: readonly string[]): Promise<number> {
  const options = parseOptions(words);
  if (options === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const own = options.ng === undefined ? await TandemProcess.start() : undefined;
  try {
    await demonstrate(options, own, stop.signal);
    return 0;
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await own?.stop();
  }
}

async function demonstrate(
  options: DemoOptions,
  own: TandemProcess | undefined,
  stop: AbortSignal,
): Promise<void> {
  const server = options.ng ?? own?.ng;
  if (server === undefined) throw new Error('there is no Tandem to talk to');
  const ng = await NgClient.open(server);
  try {
    await untilReady(ng, server, own, stop);
    const call = await DemoCall.place(ng);
    screen.say(`Alice calls Bob through Tandem at ${server.address}:${server.port}.`);
    screen.say(
      `Alice signals ${PRIVATE_ADDRESS}, which is not where she is; her network loses every 100th packet.\n`,
    );
    try {
      await watch(call, options.seconds, stop);
      const last = await call.hangUp();
      screen.say(`\nBob hangs up. The call in numbers:\n`);
      screen.say(`${table(last).join('\n')}\n\n${call.heard}.`);
      if (call.silence !== undefined) throw new Error(call.silence);
    } finally {
      call.close();
    }
  } finally {
    await ng.close();
  }
}

/** Shows the call every second. Ends early, without an error, when the demo is told to stop. */
async function watch(call: DemoCall, seconds: number, stop: AbortSignal): Promise<void> {
  for (let second = 1; second <= seconds && !stop.aborted; second += 1) {
    await sleep(1000, undefined, { signal: stop }).catch(() => undefined);
    const parties = await call.parties();
    screen.draw(screen.isTerminal ? table(parties) : parties.map((party) => `${second} s  ${line(party)}`));
  }
}

async function untilReady(
  ng: NgClient,
  server: { readonly address: string; readonly port: number },
  own: TandemProcess | undefined,
  stop: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + (own === undefined ? 3000 : 20_000);
  while (!(await ping(ng, 200))) {
    if (own?.failure !== undefined) throw new Error(`Tandem did not start: ${own.failure}`);
    if (stop.aborted) throw new Error('stopped');
    if (performance.now() > deadlineMs) throw new Error(`nobody answers at ${server.address}:${server.port}`);
  }
}
