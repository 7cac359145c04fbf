import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from './netns.js';
import { type ProxyInterface, type ProxyKind, type RunningProxy, startProxy } from './netns-proxy.js';
import { until } from './netns-until.js';
import {
  createNgClient,
  isDictionary,
  isList,
  type NgClient,
  type NgDictionary,
  type NgValue,
  repeating,
} from './oracle-ng-client.js';
import { describeSdp, PortNames } from './sdp-compare.js';

/** What a conversation with a proxy consists of: commands without their call-id. */
export type Command = NgDictionary & { readonly command: string };

export type Conversation = {
  readonly name: string;
  readonly steps: readonly Command[];
  /** Names of the known differences this conversation shows, all of them and no others. */
  readonly differs?: readonly string[];
};

export type Difference = {
  readonly step: number;
  readonly command: string;
  readonly fact: string;
  readonly oracle: string | undefined;
  readonly subject: string | undefined;
};

/** Pings are answered before there is a media relay. */
const PROBE = {
  'call-id': 'probe',
  'from-tag': 'probe',
  sdp: 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n',
};

/** A proxy on the loopback of this machine. */
export type LocalProxy = AsyncDisposable & { readonly ng: NgClient; readonly proxy: RunningProxy };

const INTERFACES: readonly ProxyInterface[] = [
  { name: 'inner', bind: '127.0.0.1' },
  { name: 'inner', bind: '::1' },
  { name: 'outer', bind: '127.0.0.2', advertise: '203.0.113.5' },
];

export async function startLocalProxy(
  kind: ProxyKind,
  control: number,
  firstPort: number,
  ports = 1000,
): Promise<LocalProxy> {
  const directory = mkdtempSync(join(tmpdir(), `tandem-oracle-${kind}-`));
  const proxy = startProxy(
    kind,
    { start: startProcess },
    {
      interfaces: INTERFACES,
      control: { address: '127.0.0.1', port: control },
      deleteDelaySeconds: 0,
      ports: [firstPort, firstPort + ports - 1],
      // Thousands of calls a minute, one after the other.
      tandem: { portRestSeconds: 1 },
      directory,
    },
  );
  const ng = createNgClient(repeating((datagram) => exchange(control, datagram)));
  const dispose = async (): Promise<void> => {
    await proxy.running.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await until(`${kind} to answer`, async () => {
      if (proxy.running.child.exitCode !== null) throw new Error(`${kind} ended: ${proxy.log()}`);
      const ready = await ng.command({ command: 'offer', ...PROBE }).catch(() => undefined);
      return ready?.result === 'ok' ? true : undefined;
    });
    await ng.command({ command: 'delete', 'call-id': PROBE['call-id'], 'delete delay': 0 });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { ng, proxy, [Symbol.asyncDispose]: dispose };
}

/** For a conversation with a local proxy. */
export function portNames(): PortNames {
  return new PortNames(INTERFACES.map(({ bind, advertise }) => advertise ?? bind));
}

/** Holds the conversation with one proxy and describes each reply. */
export async function converse(ng: NgClient, conversation: Conversation, callId: string): Promise<Facts[]> {
  const ports = portNames();
  const replies: Facts[] = [];
  for (const step of conversation.steps) {
    const reply = await ng.command({ 'call-id': callId, ...step });
    replies.push(describeReply(step.command, reply, ports, callId));
  }
  await ng.command({ command: 'delete', 'call-id': callId, 'delete delay': 0 });
  return replies;
}

export type Facts = Readonly<Record<string, string>>;

export function compare(
  conversation: Conversation,
  oracle: readonly Facts[],
  subject: readonly Facts[],
): Difference[] {
  return conversation.steps.flatMap(({ command }, index) =>
    differencesOf(command, index + 1, oracle[index] ?? {}, subject[index] ?? {}),
  );
}

export function differencesOf(command: string, step: number, oracle: Facts, subject: Facts): Difference[] {
  // What only one of them accepted differs in everything else.
  const isOneRefused = oracle.result !== subject.result;
  const names = isOneRefused ? ['result'] : [...new Set([...Object.keys(oracle), ...Object.keys(subject)])];
  return names
    .filter((fact) => subject[fact] !== oracle[fact])
    .map((fact) => ({ step, command, fact, oracle: oracle[fact], subject: subject[fact] }));
}

export function describeReply(command: string, reply: NgDictionary, ports: PortNames, callId: string): Facts {
  const facts: Record<string, string> = {};
  for (const key of ['result', 'error-reason', 'message', 'warning']) {
    const value = reply[key];
    if (value !== undefined) facts[key] = String(value);
  }
  if (typeof reply.sdp === 'string') Object.assign(facts, describeSdp(reply.sdp, ports));
  if (isList(reply.calls)) facts['lists the call'] = String(reply.calls.includes(callId));
  if (command === 'query') Object.assign(facts, describeQuery(reply));
  if (command === 'subscribe request') Object.assign(facts, describeSubscription(reply));
  return facts;
}

/** Labels are given as the proxy likes. */
function describeSubscription(reply: NgDictionary): Facts {
  const facts: Record<string, string> = {};
  for (const key of ['from-tag', 'from-tags', 'to-tag'])
    if (reply[key] !== undefined) facts[key] = JSON.stringify(reply[key]);
  const parties = isList(reply['tag-medias']) ? reply['tag-medias'] : [];
  const labels = isDictionary(reply['media-labels']) ? reply['media-labels'] : {};
  for (const party of parties) {
    if (!isDictionary(party) || !isList(party.medias)) continue;
    for (const media of party.medias) {
      if (!isDictionary(media)) continue;
      const name = `media ${String(media.index)} of ${String(party.tag)}`;
      facts[name] = `${String(media.type)} ${String(media.mode)}`;
      const labelled = labels[String(media.label)];
      facts[`${name} labelled`] = isDictionary(labelled)
        ? `${String(labelled.tag)} ${String(labelled.index)}`
        : 'no';
    }
  }
  return facts;
}

/** Flags of a media that mean the same to everybody. */
const MEDIA_FLAGS = ['send', 'recv', 'rtcp-mux', 'asymmetric', 'unidirectional', 'loop check'];
/** The same of a stream, where no packets are needed for it. */
const STREAM_FLAGS = ['RTP', 'RTCP', 'fallback RTCP'];

function describeQuery(reply: NgDictionary): Facts {
  const facts: Record<string, string> = {};
  for (const key of ['created', 'last signal', 'totals', 'tags']) {
    if (reply[key] === undefined) facts[`lacks ${key}`] = 'yes';
  }
  if (isDictionary(reply.totals)) {
    for (const [kind, counters] of Object.entries(reply.totals))
      facts[`totals ${kind}`] = JSON.stringify(sorted(counters));
  }
  if (!isDictionary(reply.tags)) return facts;
  // Parties without a tag are named by the proxy as it likes.
  for (const [tag, party] of Object.entries(reply.tags)) {
    const name = tag.includes('untagged') ? '(untagged)' : tag;
    if (!isDictionary(party) || !isList(party.medias)) continue;
    facts[`party ${name} tag`] = String(party.tag ?? 'none');
    for (const media of party.medias)
      if (isDictionary(media)) Object.assign(facts, describeQueriedMedia(name, media));
  }
  return facts;
}

function describeQueriedMedia(party: string, media: NgDictionary): Facts {
  const prefix = `party ${party} media ${String(media.index)}`;
  const streams = isList(media.streams) ? media.streams : [];
  return {
    [`${prefix} type`]: String(media.type),
    [`${prefix} protocol`]: String(media.protocol),
    [`${prefix} flags`]: flagsAmong(MEDIA_FLAGS, media),
    [`${prefix} endpoints`]: streams.map(endpointOf).join(', '),
    [`${prefix} stream flags`]: streams.map((stream) => flagsAmong(STREAM_FLAGS, stream)).join(', '),
  };
}

function flagsAmong(known: readonly string[], described: NgValue): string {
  const flags = isDictionary(described) && isList(described.flags) ? described.flags.map(String) : [];
  return flags
    .filter((flag) => known.includes(flag))
    .sort()
    .join(' ');
}

function endpointOf(stream: NgValue): string {
  if (!isDictionary(stream) || !isDictionary(stream.endpoint)) return 'none';
  return `${String(stream.endpoint.family)} ${String(stream.endpoint.address)} ${String(stream.endpoint.port)}`;
}

function sorted(value: NgValue | undefined): NgValue | undefined {
  if (!isDictionary(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function exchange(port: number, datagram: Buffer): Promise<Buffer | undefined> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const finish = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(undefined), 2000);
    socket.on('error', () => finish(undefined));
    socket.on('message', finish);
    socket.connect(port, '127.0.0.1', () => socket.send(datagram));
  });
}
