import { beforeEach, describe, expect, test } from 'vitest';
import type { KeyPress } from '../../../src/call/keys.js';
import type { Notice } from '../../../src/call/notice.js';
import type { Client, DeleteCommand } from '../../../src/command/command.js';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { LoadLimit } from '../../../src/command/load.js';
import type { Reply } from '../../../src/command/reply.js';
import type { Event } from '../../../src/dataplane/protocol.gen.js';
import type { Counters } from '../../../src/observability/counters.js';
import type { Attachment } from '../../../src/service/attachment.js';
import type { CallCommand, CallService } from '../../../src/service/call-service.js';
import type { CallRegistry } from '../../../src/service/registry.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';
import { audio, FACTS } from '../negotiation/sample.js';
import { startFakeNode } from './fake-node.js';

const CLIENT: Client = { address: '192.0.2.250', port: 5060, protocol: 'ng' };

let dataPlane: FakeDataPlane;
let registry: CallRegistry;
let attachment: Attachment;
let counters: Counters;
let service: CallService;
let log: string[];
let now: number;
let told: Notice[];
let keys: KeyPress[];

beforeEach(async () => {
  await start();
});

/** A control plane on what `dataPlane` holds. */
async function start({
  maxSessions = null as number | null,
  load = { exceeded: [] as readonly LoadLimit[] },
  onto = new FakeDataPlane(),
} = {}): Promise<void> {
  log = [];
  told = [];
  keys = [];
  now = FACTS.now;
  ({ dataPlane, registry, attachment, counters, service } = await startFakeNode({
    onto,
    log: (line) => void log.push(line),
    parts: {
      clock: { now: () => now },
      maxSessions,
      load,
      notifier: {
        tellEnd() {},
        tellKeyLine() {},
        tell: (notice) => void told.push(notice),
        tellKey: (press) => void keys.push(press),
      },
    },
  }));
}

function run(command: CallCommand): Promise<Reply> {
  return service.handle(command, CLIENT);
}

function offer(callId = 'call', port = 4000, supportsLoadLimit = false): Promise<Reply> {
  const sdp = audio(7, port);
  return run({ kind: 'offer', callId, fromTag: 'a', sdp, flags: DEFAULT_FLAGS, supportsLoadLimit });
}

function answer(callId = 'call'): Promise<Reply> {
  return run({ kind: 'answer', callId, fromTag: 'a', toTag: 'b', sdp: audio(8, 5000), flags: DEFAULT_FLAGS });
}

function remove(more: Partial<DeleteCommand> = {}): Promise<Reply> {
  return run({ kind: 'delete', callId: 'call', delaySeconds: 0, fatal: false, fast: false, ...more });
}

/** Lets events that were handed in be carried out. */
async function settled(): Promise<void> {
  await registry.run('call', async () => {});
}

function portOf(reply: Reply): string | undefined {
  return reply.kind === 'sdp' ? /^m=audio (\d+)/m.exec(reply.sdp)?.[1] : undefined;
}

describe('offer and answer', () => {
  test('name ports that are bound, and leave a call', async () => {
    expect(portOf(await offer())).toMatch(/^3\d{4}$/);
    expect(portOf(await answer())).toMatch(/^3\d{4}$/);
    expect(registry.size).toBe(1);
    expect(counters.callsCreated).toBe(1);
    expect(dataPlane.applied.map(({ revision }) => revision)).toEqual([1, 2]);
  });

  test('that overtake each other in the network are carried out in the order they came', async () => {
    const replies = await Promise.all([
      offer(),
      answer(),
      offer('call'),
      run({ kind: 'query', callId: 'call' }),
    ]);
    expect(replies.map(({ kind }) => kind)).toEqual(['sdp', 'sdp', 'sdp', 'statistics']);
  });

  test('an answer without its offer is refused', async () => {
    expect(await answer()).toMatchObject({ kind: 'failure', message: 'Unknown call-id' });
    expect(dataPlane.applied).toEqual([]);
  });

  test('SDP that cannot be read leaves nothing behind', async () => {
    const broken = { kind: 'offer', callId: 'x', fromTag: 'a', sdp: 'no', flags: DEFAULT_FLAGS } as const;
    expect(await run({ ...broken, supportsLoadLimit: false })).toMatchObject({
      kind: 'failure',
      code: 'badSdp',
    });
    expect(registry.size).toBe(0);
  });
});

describe('a refusal of the data plane', () => {
  const address = '10.0.0.5';

  test.each([
    [{ code: 'portRangeFull', interface: 'default', address, inUse: 9 } as const, 'Ran out of ports'],
    [{ code: 'outOfSockets', reason: 'too many open files' } as const, 'Ran out of ports'],
    [{ code: 'tooManySessions', limit: 1 } as const, 'Parallel session limit reached'],
    [{ code: 'portBusy', address, port: 30000 } as const, 'Port 30000 is taken by another program'],
    [{ code: 'addressNotLocal', address } as const, 'Media address is not an address of this host'],
    [{ code: 'internal', incident: 'x' } as const, 'Internal error'],
    [{ code: 'timeout' } as const, 'Media relay is not available'],
  ])('%j is told as "%s"', async (refusal, message) => {
    dataPlane.refusals.apply.push(refusal);
    expect(await offer()).toMatchObject({ kind: 'failure', message });
    expect(registry.size).toBe(0);
    expect(log.join('')).toContain(`code=${refusal.code}`);
  });

  test('leaves an existing call as it was', async () => {
    await offer();
    await answer();
    const before = registry.find('call');
    dataPlane.refusals.apply.push({ code: 'portRangeFull', interface: 'default', address, inUse: 9 });
    expect(await offer('call', 4444)).toMatchObject({ kind: 'failure', message: 'Ran out of ports' });
    expect(registry.find('call')).toBe(before);
    expect(portOf(await offer('call', 4444))).toBeDefined();
  });
});

describe('a plan whose fate is unknown', () => {
  test('is taken back: the call goes on with its former state and a later revision', async () => {
    await offer();
    await answer();
    dataPlane.refusals.apply.push({ code: 'timeout' });
    await offer('call', 4444);
    await settled();
    // Revision 3 may be in force there, so the former state goes out as 4.
    expect(dataPlane.plans.get('call')).toMatchObject({ revision: 4 });
    expect(dataPlane.plans.get('call')?.streams[0]?.remote?.rtp).toBe('198.51.100.7:4000');
    expect(portOf(await offer('call', 4444))).toBeDefined();
    expect(dataPlane.plans.get('call')).toMatchObject({ revision: 5 });
  });

  test('of a new call is ended', async () => {
    dataPlane.refusals.apply.push({ code: 'timeout' });
    await offer();
    expect(dataPlane.released).toEqual(['call']);
  });

  test('is sent again if the connection broke and came back', async () => {
    dataPlane.refusals.apply.push({ code: 'disconnected' });
    expect(portOf(await offer())).toBeDefined();
  });
});

describe('limits', () => {
  test('count calls that are just arriving', async () => {
    await start({ maxSessions: 2 });
    const replies = await Promise.all([offer('a'), offer('b'), offer('c'), offer('d', 4000, true)]);
    expect(replies.map(({ kind }) => kind)).toEqual(['sdp', 'sdp', 'failure', 'loadLimit']);
    expect(replies[2]).toMatchObject({ message: 'Parallel session limit reached' });
    expect(counters.callsRejected).toBe(2);
    expect((await offer('a', 4002)).kind).toBe('sdp');
  });

  test.each([
    ['cpuPercent', 'CPU usage limit exceeded'],
    ['loadAverage', 'Load limit exceeded'],
    ['bytesPerSecond', 'Bandwidth limit exceeded'],
  ] as const)('of load are named to clients that tell them apart: %s', async (limit, text) => {
    const exceeded: LoadLimit[] = [];
    await start({ load: { exceeded } });
    await offer('before');
    exceeded.push(limit);
    expect(await offer('a')).toMatchObject({ kind: 'failure', message: 'Parallel session limit reached' });
    expect(await offer('b', 4000, true)).toEqual({ kind: 'loadLimit', message: text });
    expect([counters.callsRejected, counters.callsOverloading[limit]]).toEqual([0, 2]);
    expect(log.filter((line) => line.includes('too much load'))).toEqual([
      expect.stringContaining(`callId=a limit=${limit}`),
      expect.stringContaining(`callId=b limit=${limit}`),
    ]);
    // Calls that are there go on.
    expect((await offer('before', 4002)).kind).toBe('sdp');
    expect((await answer('before')).kind).toBe('sdp');
    exceeded.pop();
    expect((await offer('c')).kind).toBe('sdp');
  });

  test('of load come behind the number of calls', async () => {
    await start({ maxSessions: 0, load: { exceeded: ['cpuPercent'] } });
    expect(await offer('a', 4000, true)).toEqual({
      kind: 'loadLimit',
      message: 'Parallel session limit reached',
    });
    expect(counters.callsRejected).toBe(1);
  });

  test('of load hold for clients of rtpproxy', async () => {
    await start({ load: { exceeded: ['loadAverage'] } });
    const options = { weak: false, bridge: [], family: 'IP4', newPort: false } as const;
    const end = { side: 'offer', address: '198.51.100.1', port: 4000, options } as const;
    const reply = await service.handlePair(
      { kind: 'update pair', callId: 'a', fromTag: 'f', ...end, after: [] },
      { ...CLIENT, protocol: 'rtpproxy' },
    );
    expect(reply).toMatchObject({ kind: 'failure', code: 'limit' });
    expect(counters.callsOverloading.loadAverage).toBe(1);
  });

  test('while draining new calls are refused and the others go on', async () => {
    await offer();
    service.drain(true);
    expect(await offer('new')).toMatchObject({ kind: 'failure', message: 'Parallel session limit reached' });
    expect((await answer()).kind).toBe('sdp');
  });
});

describe('delete', () => {
  test('at once ends the session and tells its last numbers', async () => {
    await offer();
    await answer();
    expect(await remove()).toMatchObject({ kind: 'deleted', statistics: { callId: 'call' } });
    expect(dataPlane.released).toEqual(['call']);
    expect(registry.size).toBe(0);
    expect(counters.callsEnded.deleted).toBe(1);
  });

  test('later is known to the data plane, for the case that this process dies', async () => {
    await offer();
    await remove({ delaySeconds: 30 });
    expect(dataPlane.released).toEqual([]);
    await start({ onto: dataPlane });
    expect(registry.find('call')?.deleteAtMs).toBe(FACTS.now + 30_000);
  });

  test('later happens even if the data plane cannot be told', async () => {
    await offer();
    dataPlane.refusals.apply.push({ code: 'timeout' });
    await remove({ delaySeconds: 30 });
    expect(registry.find('call')?.deleteAtMs).toBe(FACTS.now + 30_000);
    expect(portOf(await offer())).toBeDefined();
  });

  test('of an unknown call is a warning, or an error on request', async () => {
    const warning = "Call-ID not found or tags didn't match";
    expect(await remove()).toEqual({ kind: 'deleted', warning });
    expect(await remove({ fatal: true })).toMatchObject({ kind: 'failure', message: warning });
  });

  test('fast has no statistics', async () => {
    await offer();
    expect(await remove({ fast: true })).toEqual({ kind: 'deleted' });
  });
});

describe('what the data plane reports', () => {
  const timeout: Event = {
    kind: 'mediaTimeout',
    session: 'call',
    revision: 2,
    reason: 'media',
    lastPacketMsAgo: 60_000,
  };

  test('a media timeout ends the call and is counted', async () => {
    await offer();
    await answer();
    service.handleEvent(timeout);
    await settled();
    expect(registry.size).toBe(0);
    expect(dataPlane.released).toEqual(['call']);
    expect(counters.callsEnded.mediaTimeout).toBe(1);
  });

  test('a media timeout is told with the tags of both parties', async () => {
    await offer();
    await answer();
    now += 70_000;
    service.handleEvent(timeout);
    await settled();
    expect(told).toEqual([
      {
        event: 'mediaTimeout',
        callId: 'call',
        createdMs: FACTS.now,
        atMs: FACTS.now + 70_000,
        createdFrom: '192.0.2.250:5060',
        dialogues: [{ fromTag: 'a', toTag: 'b' }],
        tags: ['a', 'b'],
        media: ['audio'],
        lastPacketMs: null,
      },
    ]);
  });

  test('a media timeout of a call its client has ended is not told', async () => {
    await offer();
    await answer();
    await remove({ delaySeconds: 30 });
    service.handleEvent({ ...timeout, revision: 3 });
    await settled();
    expect(registry.size).toBe(0);
    expect(told).toEqual([]);
  });

  test('a party that stays silent after its answer is told by its tag', async () => {
    await offer();
    await answer();
    const stream = registry.find('call')?.legs.find(({ tag }) => tag === 'b')?.streams[0]?.id ?? -1;
    service.handleEvent({ kind: 'noFirstPacket', session: 'call', revision: 2, stream });
    await settled();
    expect(told).toMatchObject([
      {
        event: 'noFirstPacket',
        dialogues: [{ fromTag: 'b', toTag: 'a' }],
        tags: ['b'],
        media: ['audio'],
        line: 0,
      },
    ]);
  });

  test('an end by an operator is told, one by its client is not', async () => {
    await offer('mine');
    await service.end('mine');
    await offer();
    await remove();
    expect(told).toMatchObject([{ event: 'forced', callId: 'mine', dialogues: [], tags: ['a'] }]);
  });

  test('a call that cannot be brought back is told', async () => {
    await offer();
    await answer();
    dataPlane.plans.clear();
    dataPlane.refusals.apply.push({ code: 'portBusy', address: '192.0.2.1', port: 30_000 });
    attachment.disconnected('crash');
    attachment.connected('another boot', 0);
    await attachment.ready(30_000);
    expect(told).toMatchObject([
      { event: 'lost', callId: 'call', dialogues: [{ fromTag: 'a', toTag: 'b' }] },
    ]);
  });

  test('a media timeout from before the last signalling is none', async () => {
    await offer();
    await answer();
    await offer('call', 4002);
    service.handleEvent(timeout);
    await settled();
    expect(registry.size).toBe(1);
  });

  test('a media timeout of a session nobody knows ends the session', async () => {
    service.handleEvent({ ...timeout, session: 'stranger' });
    await registry.run('stranger', async () => {});
    expect(dataPlane.released).toEqual(['stranger']);
  });

  test('a learned address comes along when the data plane starts anew', async () => {
    await offer();
    await answer();
    const [stream] = dataPlane.plans.get('call')?.streams ?? [];
    const address = '203.0.113.77:6000';
    const learned = {
      kind: 'remoteLearned',
      session: 'call',
      revision: 2,
      component: 'rtp',
      address,
    } as const;
    service.handleEvent({ ...learned, stream: stream?.id ?? 0 });
    await settled();
    dataPlane.plans.clear();
    attachment.connected('another boot', 0);
    await attachment.ready(30_000);
    const again = dataPlane.plans.get('call')?.streams.find(({ id }) => id === stream?.id);
    expect(again?.resume?.rtp).toBe(address);
    expect(again?.locals[0]?.port).toBe(stream?.locals[0]?.port);
  });

  test.each(['foreign', 'check', 'handshake', 'notAuthentic', 'early'] as const)(
    '%s: strangers are counted, and their addresses stay out of the log above debug',
    async (cause) => {
      await offer();
      service.handleEvent({
        kind: 'suspectPackets',
        session: 'call',
        revision: 1,
        stream: 1,
        component: 'rtp',
        cause,
        source: '203.0.113.99:1',
        packets: 7,
      });
      await settled();
      expect(counters.suspectPackets).toBe(7);
      const named = log.filter((line) => line.includes('203.0.113.99'));
      expect(named.length).toBe(1);
      expect(named.every((line) => line.includes(' debug '))).toBe(true);
    },
  );
});

describe('ICE', () => {
  test('a failure and a lost consent are counted; the call goes on', async () => {
    await offer();
    for (const state of ['checking', 'failed', 'disconnected'] as const)
      service.handleEvent({ kind: 'iceState', session: 'call', revision: 1, stream: 1, state });
    await settled();
    expect([counters.iceFailures, counters.iceDisconnections]).toEqual([1, 1]);
    expect(dataPlane.plans.has('call')).toBe(true);
  });
});

describe('other commands', () => {
  test('ping is answered without waiting for anything', async () => {
    dataPlane.hold = new Promise(() => {});
    void offer();
    expect(await run({ kind: 'ping' })).toEqual({ kind: 'pong' });
  });

  test('list names as many calls as asked for', async () => {
    for (const callId of ['a', 'b', 'c']) await offer(callId);
    expect(await run({ kind: 'list', limit: 2 })).toEqual({ kind: 'calls', callIds: ['a', 'b'] });
  });

  test('query of an unknown call is refused in known words', async () => {
    expect(await run({ kind: 'query', callId: 'x' })).toMatchObject({ message: 'Unknown call-id' });
  });

  test('a control of media is a new plan', async () => {
    await offer();
    await answer();
    const command = {
      kind: 'media control',
      action: 'block media',
      callId: 'call',
      from: { all: 'all' },
    } as const;
    expect(await run(command)).toEqual({ kind: 'done' });
    expect(dataPlane.plans.get('call')?.routes.every(({ media }) => media === 'drop')).toBe(true);
    expect(await run({ ...command, callId: 'x' })).toMatchObject({ message: 'Unknown call-ID' });
  });

  test('statistics count what happened', async () => {
    await offer();
    await remove();
    await offer('goes on');
    now += 5000;
    // As at rtpengine, totals are of calls that have ended.
    expect(await run({ kind: 'statistics' })).toMatchObject({
      statistics: { uptimeSeconds: 5, sessions: 1, managedSessions: 1, regularTerminatedSessions: 1 },
    });
  });

  test.each([
    ['play media', 'play media is not supported'],
    ['inject start', 'Failed to start inject: mixing is not supported'],
    ['transform', 'Failed to set up transform: transcoding is not supported'],
  ])('an unsupported one is refused by its name: %s', async (name, message) => {
    expect(await run({ kind: 'unsupported', name })).toMatchObject({ kind: 'failure', message });
  });

  test('an operator can end a call', async () => {
    await offer();
    expect(await service.end('call')).toBe(true);
    expect(await service.end('call')).toBe(false);
    expect(counters.callsEnded.forced).toBe(1);
  });
});

describe('a key that a party presses', () => {
  const press = (stream: number): Event => ({
    kind: 'telephoneEvent',
    session: 'call',
    revision: 2,
    stream,
    event: 11,
    duration: 4800,
    clockRate: 48_000,
    volume: 9,
    payloadType: 110,
    source: '[2001:db8::7]:4000',
  });

  test('is told with the party, in milliseconds', async () => {
    await offer();
    await answer();
    const [, answerer] = registry.find('call')?.legs ?? [];
    service.handleEvent(press(answerer?.streams[0]?.id ?? 0));
    await settled();
    expect(keys).toMatchObject([
      {
        callId: 'call',
        tag: 'b',
        tags: ['a', 'b'],
        event: 11,
        durationMs: 100,
        volume: 9,
        source: '2001:db8::7',
      },
    ]);
  });

  test('is not told once its call or stream is gone', async () => {
    await offer();
    service.handleEvent(press(99));
    await remove();
    service.handleEvent(press(1));
    await settled();
    expect(keys).toEqual([]);
  });

  test('is reported where somebody wants to hear of it, and by nobody else', async () => {
    await offer();
    expect(dataPlane.plans.get('call')?.reportTelephoneEvents).toBe(false);
    const flags = { ...DEFAULT_FLAGS, dtmfLogDestination: '192.0.2.9:3333' };
    await run({ kind: 'answer', callId: 'call', fromTag: 'a', toTag: 'b', sdp: audio(8, 5000), flags });
    expect(dataPlane.plans.get('call')?.reportTelephoneEvents).toBe(true);
  });
});
