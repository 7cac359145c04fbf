import { spawn } from 'node:child_process';
import type { Alone } from './alone.js';
import type { Lab } from './lab.js';
import type { Negotiations } from './negotiator.js';
import { generatorCore, prefer, proxyCore } from './process.js';

/** The generator, built by scripts/bench. */
const program = process.env.TANDEM_LOADGEN ?? 'native/target/release/tandem-loadgen';

/** Which party of each call has SRTP with SDES, and how it protects. */
export type Secured = { readonly party: 'caller' | 'callee'; readonly suite: string };

export type CallsRequest = {
  readonly ng: string;
  readonly calls: number;
  readonly concurrency: number;
  readonly delete: boolean;
  readonly prefix: string;
  /** Each party sends a packet before its call is deleted. */
  readonly speak?: boolean;
  /** How many kinds of calls take turns; 0: no two are alike. */
  readonly kinds?: number;
  readonly watch: readonly number[];
  readonly secured?: Secured | undefined;
};

export type CallsReport = {
  readonly calls: number;
  readonly failed: number;
  readonly failure: string | null;
  readonly seconds: number;
  readonly commandP50Us: number;
  readonly commandP99Us: number;
  readonly cpu: Cpu;
};

/** CPU time of the watched processes, together and each. */
export type Cpu = { readonly totalNs: number; readonly perProcessNs: readonly number[] };

export type Phase = {
  readonly rate: number;
  readonly seconds: number;
  /** Processes that are killed as the phase begins. */
  readonly killing?: readonly number[];
  /** Shell command that follows, before anything is sent. */
  readonly afterwards?: string;
};

export type PhaseReport = {
  readonly seconds: number;
  readonly sent: number;
  /** Of frames: those the proxy's ring had no room for, so that no program has seen them. */
  readonly refused: number;
  readonly received: number;
  readonly reordered: number;
  readonly duplicated: number;
  /** Packets whose payload is not as it was made. */
  readonly encrypted: number;
  readonly streams: number;
  readonly streamsAlive: number;
  readonly slowestFirstMs: number;
  readonly latencyP50Us: number;
  readonly latencyP99Us: number;
  /** No more than 65 ms are told apart. */
  readonly latencyMaxUs: number;
  readonly cpu: Cpu;
  readonly coreBusyNs: number;
};

/** How RTP gets to the proxy: as packets of a socket, or as frames of a driver. */
export type Sender = {
  readonly frames: boolean;
  readonly standIn?: StandIn;
};

/** What relays in a proxy's place: the least that XDP can do, or the fast path with a rule for each stream. */
export type StandIn = { readonly kind: 'bare' | 'rules' };

export type StreamReport = { readonly phases: readonly PhaseReport[]; readonly sinkOverrun: number };

/** Makes calls; `text` is the generator's whole report, which holds the routes of the streams. */
export async function makeCalls(
  lab: Lab,
  request: CallsRequest,
): Promise<CallsReport & { readonly text: string }> {
  const words = [
    ...['ip', 'netns', 'exec', lab.proxyNamespace, program, 'calls', '--ng', request.ng],
    ...['--calls', `${request.calls}`, '--concurrency', `${request.concurrency}`, '--prefix', request.prefix],
    ...['--caller', lab.callers, '--callee', lab.callees, '--core', `${generatorCore}`],
    ...request.watch.flatMap((process) => ['--watch', `${process}`]),
    ...(request.delete ? ['--delete'] : []),
    ...(request.speak ? ['--speak'] : []),
    ...(request.kinds === undefined ? [] : ['--kinds', `${request.kinds}`]),
    ...(request.secured ? ['--secured', request.secured.party, '--suite', request.secured.suite] : []),
  ];
  const text = await run(words);
  return { ...decode<CallsReport>(text), text };
}

export type NegotiatorRequest = {
  readonly ng: string;
  readonly calls: number;
  /** Number of the first call: other numbers, other bodies. */
  readonly first: number;
  readonly kind: 'known' | 'never seen';
  readonly watch: readonly number[];
};

/** Places calls between browsers. */
export async function runNegotiator(lab: Lab, request: NegotiatorRequest): Promise<Negotiations> {
  const words = [
    ...['ip', 'netns', 'exec', lab.proxyNamespace, 'taskset', '-c', `${generatorCore}`],
    ...[process.execPath, 'dist/bench/negotiator.js', '--ng', request.ng],
    ...['--calls', `${request.calls}`, '--first', `${request.first}`, '--kind', request.kind],
    ...request.watch.flatMap((process) => ['--watch', `${process}`]),
  ];
  return decode<Negotiations>(await run(words));
}

/** Negotiates calls between browsers without a proxy around it. */
export async function negotiateAlone(turns: number): Promise<Alone> {
  const pinned = ['taskset', '-c', `${proxyCore}`];
  return decode<Alone>(
    await run([...pinned, process.execPath, 'dist/bench/alone.js', '--turns', `${turns}`]),
  );
}

export type Handshakes = {
  readonly calls: number;
  readonly completed: number;
  readonly seconds: number;
  readonly handshakeP50Us: number;
};

/** Makes calls whose callers shake hands, all of them within a second. */
export async function shakeHands(
  lab: Lab,
  request: { readonly ng: string; readonly calls: number },
): Promise<Handshakes> {
  const words = [
    ...['ip', 'netns', 'exec', lab.proxyNamespace, program, 'handshakes', '--ng', request.ng],
    ...['--calls', `${request.calls}`, '--caller', lab.peers, '--callee', lab.callees],
    ...['--core', `${generatorCore}`],
  ];
  return decode<Handshakes>(await run(words, 'modest'));
}

/** Sends RTP over the routes in the file, one phase after the other. */
export async function sendStreams(
  lab: Lab,
  routesFile: string,
  phases: readonly Phase[],
  watch: readonly number[],
  secured?: Secured,
  sender: Sender = { frames: false },
): Promise<StreamReport> {
  const words = [
    ...[program, 'stream', '--routes', routesFile, '--core', `${generatorCore}`],
    ...['--watch-core', `${proxyCore}`],
    ...['--source-namespace', lab.source.namespace, '--source-interface', lab.source.interface],
    ...['--source-mac', lab.source.mac, '--proxy-mac', lab.proxyMac],
    ...['--sink-namespace', lab.sink.namespace, '--sink-interface', lab.sink.interface],
    ...watch.flatMap((process) => ['--watch', `${process}`]),
    // Whoever has SRTP, the packets look alike; only those of a caller are protected by the generator.
    ...(secured ? ['--marks-in-header'] : []),
    ...(secured?.party === 'caller' ? ['--suite', secured.suite] : []),
    ...(sender.frames ? ['--frames'] : []),
    ...(sender.standIn ? standInWords(lab, sender.standIn) : []),
    ...phases.flatMap((phase) => ['--phase', `${phase.rate}:${phase.seconds}`]),
    ...phases.flatMap(({ killing, afterwards }, index) => [
      ...(killing === undefined ? [] : ['--crash', `${killing.join(',')}:${index}`]),
      ...(afterwards === undefined ? [] : ['--after-crash', afterwards]),
    ]),
  ];
  return decode<StreamReport>(await run(words));
}

/** Nanoseconds per packet of each turn. */
export type ProgramTimes = { readonly bareNs: readonly number[]; readonly nativeNs: readonly number[] };

/** The two XDP programs by themselves, in turns. */
export async function timePrograms(rounds: number): Promise<ProgramTimes> {
  const pinned = ['taskset', '-c', `${proxyCore}`];
  return decode<ProgramTimes>(await run([...pinned, program, 'programs', '--rounds', `${rounds}`]));
}

function standInWords(lab: Lab, { kind }: StandIn): readonly string[] {
  const detour = [lab.proxyNamespace, lab.inbound, lab.outbound, lab.proxyAddress, lab.callees].join(':');
  return [kind === 'bare' ? '--redirect-bare' : '--relay-by-rules', detour];
}

// Both ends are built from one tree; a field that is missing shows up as NaN in the table, not as a wrong figure.
function decode<T>(text: string): T {
  return JSON.parse(text) as T;
}

/** A modest generator leaves the core to the one whose packets are timed. */
function run(words: readonly string[], manner: 'eager' | 'modest' = 'eager'): Promise<string> {
  return new Promise((resolve, reject) => {
    const [command = '', ...rest] = words;
    const env = { ...process.env, RUST_BACKTRACE: '0' };
    const child = spawn(command, rest, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    if (manner === 'eager') prefer(child.pid);
    const [output, complaints]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(output).toString());
      else reject(new Error(`${words.join(' ')}: ${Buffer.concat(complaints).toString()}`));
    });
  });
}
