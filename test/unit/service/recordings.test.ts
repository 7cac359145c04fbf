import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Command, RecordingCommand } from '../../../src/command/command.js';
import { DEFAULT_FLAGS, type MediaFlags } from '../../../src/command/flags.js';
import type { Reply } from '../../../src/command/reply.js';
import type { CallServiceParts } from '../../../src/service/call-service.js';
import { RecordingFiles } from '../../../src/service/recording-files.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';
import { audio, CLIENT, FACTS } from '../negotiation/sample.js';
import { type FakeNode, startFakeNode } from './fake-node.js';

let directory: string;
let files: RecordingFiles;
let dataPlane: FakeDataPlane;
let node: FakeNode;
let log: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tandem-recordings-'));
  dataPlane = new FakeDataPlane();
  dataPlane.statsOf = (session) => ({
    taps: (dataPlane.applied.findLast((plan) => plan.session === session)?.taps ?? []).map(({ id }) => ({
      id,
      ...counted,
    })),
  });
  counted = { packets: 9, bytes: 1548, dropped: 0, failure: null };
  log = [];
  node = await started();
});

afterEach(async () => {
  await files.settled();
  await rm(directory, { recursive: true });
});

let counted: { packets: number; bytes: number; dropped: number; failure: string | null };

async function started(more: Partial<CallServiceParts> = {}): Promise<FakeNode> {
  files = new RecordingFiles({
    directory,
    failed: (file, error) => log.push(`${file}: ${String(error)}`),
  });
  await files.prepare();
  const recording = { directory, link: 'rawIp', side: 'arriving', rtcp: true, everyCall: false } as const;
  const defaults = { ...FACTS.defaults, recording };
  let drawn = 0;
  const random = {
    bytes(count: number) {
      drawn += 1;
      return new Uint8Array(count).fill(drawn);
    },
  };
  const parts = { recordingFiles: files, defaults, random, ...more };
  return startFakeNode({ onto: dataPlane, log: (line) => log.push(line), parts });
}

function flags(more: Partial<MediaFlags>): MediaFlags {
  return { ...DEFAULT_FLAGS, ...more };
}

function offer(more: Partial<MediaFlags> = { recordCall: 'on' }, callId = 'a b@c'): Promise<Reply> {
  const command: Command = {
    ...{ kind: 'offer', callId, fromTag: 'alice', sdp: audio(10, 4000), supportsLoadLimit: false },
    flags: flags(more),
  };
  return node.service.handle(command, CLIENT);
}

function answer(more: Partial<MediaFlags> = {}, callId = 'a b@c'): Promise<Reply> {
  const command: Command = {
    ...{ kind: 'answer', callId, fromTag: 'alice', toTag: 'bob', sdp: audio(20, 5000) },
    flags: flags(more),
  };
  return node.service.handle(command, CLIENT);
}

function record(action: RecordingCommand['action'], more: Partial<RecordingCommand> = {}): Promise<Reply> {
  const base = { kind: 'recording', action, callId: 'a b@c', excludes: false, destination: {} } as const;
  return node.service.handle({ ...base, ...more }, CLIENT);
}

function end(callId = 'a b@c'): Promise<Reply> {
  return node.service.handle({ kind: 'delete', callId, delaySeconds: 0, fatal: false, fast: true }, CLIENT);
}

async function textOf(folder: 'tmp' | 'metadata'): Promise<string> {
  await files.settled();
  const [name] = await readdir(join(directory, folder));
  return name === undefined ? 'there is none' : readFile(join(directory, folder, name), 'latin1');
}

function path(number: number): string {
  return `${directory}/pcaps/a%20b%40c-${number.toString(16).padStart(2, '0').repeat(8)}.pcap`;
}

describe('a recording', () => {
  test('is named in the replies as long as it goes on', async () => {
    expect(await offer()).toMatchObject({
      kind: 'sdp',
      recordings: [expect.stringContaining('/pcaps/a%20b%40c-')],
    });
    expect(await answer()).toMatchObject({ recordings: [expect.stringContaining('.pcap')] });
    await record('stop');
    expect(await offer({})).not.toHaveProperty('recordings');
  });

  test('is of a published party, too, and named in the reply to it', async () => {
    const names = { callId: 'a b@c', fromTag: 'alice', bidirectional: false };
    const published = await node.service.handle(
      { kind: 'publish', ...names, sdp: audio(10, 4000), flags: flags({ recordCall: 'on' }) },
      CLIENT,
    );
    if (published.kind !== 'party') throw new Error(`refused: ${JSON.stringify(published)}`);
    expect(published.recordings).toEqual([expect.stringContaining('/pcaps/a%20b%40c-')]);
    const { streams = [], taps = [] } = dataPlane.plans.get('a b@c') ?? {};
    expect(taps.map((tap) => tap.streams)).toEqual([streams.map(({ id }) => id)]);
    expect(await textOf('tmp')).toContain(published.sdp);
  });

  test('has a text beside it, as rtpengine writes it', async () => {
    const offered = await offer({ recordCall: 'on', metadata: 'k:v', label: 'A' });
    const answered = await answer();
    await end();
    const text = await textOf('metadata');
    if (offered.kind !== 'sdp' || answered.kind !== 'sdp') throw new Error('there is no SDP');
    expect(text.replaceAll(offered.sdp, 'OFFER\n').replaceAll(answered.sdp, 'ANSWER\n')).toBe(
      [
        ...[offered.recordings?.[0], '', ''],
        ...[
          'Label: A',
          'Timestamp started ms: 1700000000000.000',
          'SDP mode: offer',
          'SDP before RTP packet: 1',
        ],
        ...['', 'OFFER', ''],
        ...['Timestamp started ms: 1700000000000.000', 'SDP mode: answer', 'SDP before RTP packet: 10'],
        ...['', 'ANSWER', ''],
        ...['Timestamp terminated ms(first monologue): 1700000000000.000', ''],
        ...['call start time: 2023-11-14T22:13:20', 'call end time: 2023-11-14T22:13:20', '', '', 'k:v', ''],
      ].join('\n'),
    );
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  test('has a text that is not for everybody, as it has the keys of the call', async () => {
    await offer();
    await files.settled();
    const [name = ''] = await readdir(join(directory, 'tmp'));
    expect((await stat(join(directory, 'tmp', name))).mode & 0o137).toBe(0);
  });

  test('has its name for itself after a command that was overtaken', async () => {
    const destination = { file: 'mine' };
    await offer({});
    dataPlane.refusals.apply.push({ code: 'overtaken' });
    await record('start', { destination }).catch(() => {});
    await record('stop');
    await record('start', { destination });
    const reply = await offer({});
    expect(reply).toMatchObject({ recordings: [join(directory, 'mine.pcap')] });
  });

  test('is accounted for once, when its call ends', async () => {
    await offer();
    await answer();
    expect(node.counters.recordings).toMatchObject({ started: 1, running: 1 });
    await end();
    await end();
    expect(node.counters.recordings).toMatchObject({ running: 0, packets: 9, bytes: 1548, dropped: 0 });
    expect(node.counters.recordings.ended).toMatchObject({ complete: 1, failed: 0, unknown: 0 });
    expect(log.filter((line) => line.includes('recording ended'))).toHaveLength(1);
  });

  test.each([
    ['empty', { packets: 0 }],
    ['incomplete', { dropped: 3 }],
    ['failed', { failure: 'no space left on device' }],
  ])('that is %s says so', async (outcome, counts) => {
    counted = { ...counted, ...counts };
    await offer();
    await end();
    expect(node.counters.recordings.ended).toMatchObject({ [outcome]: 1, complete: 0 });
  });

  test('stops without the call, and is another one when it is started again', async () => {
    await offer();
    await answer();
    expect(await record('stop')).toEqual({ kind: 'done' });
    expect(node.counters.recordings).toMatchObject({ running: 0, ended: { complete: 1 } });
    expect(dataPlane.plans.get('a b@c')?.taps).toBeUndefined();
    await record('start');
    await record('start');
    expect(node.counters.recordings).toMatchObject({ started: 2, running: 1 });
    await end();
    await files.settled();
    expect(await readdir(join(directory, 'metadata'))).toHaveLength(2);
  });

  test('that was paused and resumed tells when', async () => {
    await offer();
    await record('pause');
    await record('start');
    expect(await textOf('tmp')).toContain(
      'Recording paused at: 1700000000000.000\nRecording resumed at: 1700000000000.000\n',
    );
    expect(node.counters.recordings.started).toBe(1);
  });

  test('that is discarded leaves nothing', async () => {
    const reply = await offer();
    const file = reply.kind === 'sdp' ? (reply.recordings?.[0] ?? '') : '';
    await writeFile(file, 'packets');
    await record('discard');
    await files.settled();
    expect(node.counters.recordings.ended).toMatchObject({ discarded: 1, complete: 0 });
    const left = await Promise.all(
      ['pcaps', 'tmp', 'metadata'].map((name) => readdir(join(directory, name))),
    );
    expect(left).toEqual([[], [], []]);
  });

  test('shows in a query', async () => {
    await offer({ recordCall: 'on', excludeRecording: true });
    const reply = await node.service.handle({ kind: 'query', callId: 'a b@c' }, CLIENT);
    expect(reply).toMatchObject({ statistics: { recording: true, parties: [{ unrecorded: true }, {}] } });
  });

  test('of a call the data plane has refused is none', async () => {
    dataPlane.refusals.apply.push({
      code: 'portRangeFull',
      interface: 'default',
      address: '10.0.0.5',
      inUse: 9,
    });
    expect(await offer()).toMatchObject({ kind: 'failure' });
    expect(node.counters.recordings.started).toBe(0);
    expect(await textOf('tmp')).toBe('there is none');
  });

  test('of an unknown call is refused', async () => {
    expect(await record('start')).toMatchObject({ kind: 'failure', message: 'Unknown call-id' });
  });
});

describe('a recording that was asked for and cannot be', () => {
  test('is told once for each call, and keeps no call from working', async () => {
    node = await started({ recordingFiles: null, defaults: FACTS.defaults });
    expect(await offer()).not.toHaveProperty('recordings');
    expect(await answer({ recordCall: 'on' })).toMatchObject({ kind: 'sdp' });
    expect(await record('start')).toEqual({ kind: 'done' });
    expect(await record('stop')).toEqual({ kind: 'done' });
    expect(node.counters.recordingsImpossible).toBe(1);
  });
});

describe('a destination', () => {
  test('that is taken gets a longer name', async () => {
    await writeFile(join(directory, 'one.pcap'), 'of yesterday');
    const recordingDestination = { file: 'one.pcap' };
    const [first, second] = [
      await offer({ recordCall: 'on', recordingDestination }),
      await offer({ recordCall: 'on', recordingDestination }, 'other'),
    ];
    const paths = [first, second].map((reply) => (reply.kind === 'sdp' ? reply.recordings?.[0] : undefined));
    for (const one of paths) expect(one).toMatch(/\/one-[0-9a-f]{16}\.pcap$/);
    expect(new Set(paths).size).toBe(2);
    expect(await readFile(join(directory, 'one.pcap'), 'latin1')).toBe('of yesterday');
  });

  test('gets its directories', async () => {
    await offer({ recordCall: 'on', recordingDestination: { file: 'deep/down/one' } });
    expect(await readdir(join(directory, 'deep'))).toEqual(['down']);
  });

  test('behind a link that leads out is refused', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'tandem-outside-'));
    await symlink(outside, join(directory, 'away'));
    const reply = await offer({ recordCall: 'on', recordingDestination: { file: 'away/deep/one' } });
    expect(reply).toMatchObject({ kind: 'failure', message: 'recording destination cannot be used' });
    expect(await readdir(outside)).toEqual([]);
    await rm(outside, { recursive: true });
  });
});

describe('a disk that stands still', () => {
  class StandingStill extends RecordingFiles {
    override makeRoom = (): Promise<boolean> => new Promise(() => {});
    override isTaken = (): Promise<boolean> => new Promise(() => {});
  }

  beforeEach(async () => {
    node = await started({ recordingFiles: new StandingStill({ directory, failed: () => {} }) });
  });

  test('holds up no offer, and no recording under a name of ours', async () => {
    expect(await offer()).toMatchObject({ kind: 'sdp', recordings: [expect.stringMatching(/pcap$/)] });
    expect(await answer()).toMatchObject({ kind: 'sdp' });
  });

  test('is not waited for beyond a second to see whether a name is taken', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const reply = offer({ recordCall: 'on', recordingDestination: { file: 'one.pcap' } });
    await vi.advanceTimersByTimeAsync(1000);
    expect(await reply).toMatchObject({ kind: 'failure', message: 'recording destination cannot be used' });
    expect(node.counters.recordings.running).toBe(0);
  });
});

describe('after a crash of the control plane', () => {
  test('a recording goes on in its files and is accounted for', async () => {
    await offer();
    await answer();
    await files.settled();
    node = await started();
    expect(node.counters.recordings.running).toBe(1);
    await end();
    expect(node.counters.recordings).toMatchObject({ running: 0, ended: { complete: 1 } });
    const text = await textOf('metadata');
    expect(text).toContain('SDP mode: answer');
    expect(text).toContain('call end time');
  });

  test('what nobody knows any more is finished, once', async () => {
    const pcap = join(directory, 'pcaps', 'x-00.pcap');
    await mkdir(join(directory, 'pcaps'), { recursive: true });
    await writeFile(pcap, 'packets');
    const text = join(directory, 'tmp', 'rtpengine-meta-x-00.tmp');
    await writeFile(text, `${pcap}\n\n\n`);
    for (const file of [pcap, text]) await utimes(file, 1_700_000_060, 1_700_000_060);
    node = await started();
    node.service.agreed();
    node.service.agreed();
    await expect.poll(() => node.counters.recordings.ended.interrupted).toBe(1);
    expect(await textOf('metadata')).toContain('call end time: 2023-11-14T22:14:20\n');
    expect(node.counters.recordings.running).toBe(0);
  });
});

test('a leftover that cannot be read keeps no other one from being finished', async () => {
  await mkdir(join(directory, 'tmp', 'rtpengine-meta-a.tmp'));
  await writeFile(join(directory, 'tmp', 'rtpengine-meta-b.tmp'), `${directory}/pcaps/b.pcap\n\n\n`);
  node.service.agreed();
  await expect.poll(() => node.counters.recordings.ended.interrupted).toBe(1);
  await files.settled();
  expect(await readdir(join(directory, 'metadata'))).toEqual(['rtpengine-meta-b.txt']);
  expect(log.join('\n')).toContain('rtpengine-meta-a.tmp');
});

test('what begins while leftovers are looked for is none of them', async () => {
  node.service.agreed();
  await offer();
  await files.settled();
  expect(await readdir(join(directory, 'tmp'))).toHaveLength(1);
  await end();
  expect(node.counters.recordings.ended).toMatchObject({ interrupted: 0, complete: 1 });
});

describe('after a crash of the data plane', () => {
  test('a recording goes on, and is said to lack something', async () => {
    await offer();
    await answer();
    dataPlane.plans.clear();
    node.attachment.disconnected('it is gone');
    node.attachment.connected('another', 0);
    await node.attachment.ready(30_000);
    expect(dataPlane.plans.get('a b@c')?.taps).toMatchObject([{ paused: false }]);
    await end();
    expect(node.counters.recordings.ended).toMatchObject({ incomplete: 1, complete: 0 });
  });
});

describe('calls answered by patterns', () => {
  test('are not taken for others when they are to be recorded', async () => {
    for (const callId of ['1', '2', '3', '4']) {
      const reply = await offer({ recordCall: 'on' }, callId);
      expect(reply.kind === 'sdp' && reply.recordings?.[0]).toContain(`/pcaps/${callId}-`);
    }
    const paths = [...dataPlane.plans.values()].map(({ taps }) => taps?.[0]?.target);
    expect(new Set(paths.map((target) => JSON.stringify(target))).size).toBe(4);
  });
});

test('two calls never share a file', async () => {
  await offer();
  await offer({ recordCall: 'on' }, 'other');
  const targets = [...dataPlane.plans.values()].map(({ taps }) => JSON.stringify(taps?.[0]?.target));
  expect(new Set(targets).size).toBe(2);
  expect(targets).not.toContain(path(0));
});
