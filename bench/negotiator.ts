import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { answerOf, bencode, type Dictionary, FLAGS } from './browser-requests.js';
import { browserSdp } from './browser-sdp.js';

/**
 * Places calls between browsers at a proxy, all offers first, then all answers, and prints the CPU time the proxy's
 * processes took for each half: `Negotiations` as JSON. Runs in the proxy's network namespace.
 */
export type Negotiations = {
  readonly calls: number;
  readonly sdpBytes: number;
  /** One per watched process. */
  readonly offerNs: readonly number[];
  readonly answerNs: readonly number[];
  readonly deletionNs: readonly number[];
};

const { values } = parseArgs({
  options: {
    ng: { type: 'string', default: '' },
    calls: { type: 'string', default: '0' },
    first: { type: 'string', default: '0' },
    kind: { type: 'string', default: 'known' },
    watch: { type: 'string', multiple: true, default: [] },
  },
});

const [host = '', port = ''] = values.ng.split(':');
const calls = Number(values.calls);
const first = Number(values.first);
const watched = values.watch.map(Number);
const CONCURRENCY = 4;
const TIMEOUT_MS = 5_000;

/** USER_HZ is 100 on every Linux that Debian builds. */
const TICK_NS = 10_000_000;

const socket = createSocket('udp4');
await new Promise<void>((resolve) => socket.connect(Number(port), host, resolve));
const waiting = new Map<string, (reply: string) => void>();
socket.on('message', (datagram) => {
  const text = datagram.toString('latin1');
  const space = text.indexOf(' ');
  waiting.get(text.slice(0, space))?.(text.slice(space + 1));
});

const numbers = Array.from({ length: calls }, (_, at) => first + at);
// Made before, so that the proxy is not left to idle while bodies are written.
const kind = values.kind === 'known' ? 'known' : 'never seen';
const offers = numbers.map((number) => browserSdp(number * 2, kind));
const answers = numbers.map((number) => answerOf(browserSdp(number * 2 + 1, kind)));

const begin = cpuOf(watched);
await each((at) =>
  exchange('o', at, { command: 'offer', ...FLAGS, ...dialogue(at, false), sdp: offers[at] ?? '' }),
);
const middle = cpuOf(watched);
await each((at) =>
  exchange('a', at, { command: 'answer', ...FLAGS, ...dialogue(at, true), sdp: answers[at] ?? '' }),
);
const end = cpuOf(watched);
await each((at) => exchange('d', at, { command: 'delete', 'call-id': callId(at), 'delete delay': '0' }));
const deleted = cpuOf(watched);
socket.close();

const bytes = [...offers, ...answers].reduce((sum, { length }) => sum + length, 0);
const result: Negotiations = {
  calls,
  sdpBytes: bytes / (2 * calls),
  offerNs: middle.map((value, at) => value - (begin[at] ?? 0)),
  answerNs: end.map((value, at) => value - (middle[at] ?? 0)),
  deletionNs: deleted.map((value, at) => value - (end[at] ?? 0)),
};
process.stdout.write(JSON.stringify(result));

async function each(task: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < calls; at = next++) await task(at);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function exchange(kind: string, at: number, request: Dictionary): Promise<void> {
  const cookie = `${kind}${process.pid}_${first + at}`;
  const reply = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no reply to ${cookie}`)), TIMEOUT_MS);
    waiting.set(cookie, (text) => {
      clearTimeout(timer);
      resolve(text);
    });
    socket.send(Buffer.from(`${cookie} ${bencode(request)}`, 'latin1'));
  });
  waiting.delete(cookie);
  if (!reply.includes('6:result2:ok')) throw new Error(`${cookie}: ${reply.slice(0, 200)}`);
}

function dialogue(at: number, answered: boolean): Dictionary {
  return {
    'call-id': callId(at),
    'from-tag': `from${first + at}`,
    ...(answered && { 'to-tag': `to${first + at}` }),
  };
}

function callId(at: number): string {
  return `browser-${process.pid}-${first + at}@example.net`;
}

/** CPU time of processes so far, all their threads, in nanoseconds. */
function cpuOf(processes: readonly number[]): readonly number[] {
  return processes.map((process) => {
    const stat = readFileSync(`/proc/${process}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_NS;
  });
}
