import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { liveRecording } from '../../../src/call/taps.js';
import { DEFAULT_FLAGS, KEYPAD, type MediaFlags } from '../../../src/command/flags.js';
import { planOf } from '../../../src/negotiation/plan.js';
import { RecordingFiles } from '../../../src/service/recording-files.js';
import { fitsMemo } from '../../../src/store/call-codec.js';
import { FakeDataPlane } from '../../support/fake-data-plane.js';
import { audio, CLIENT, FACTS } from '../negotiation/sample.js';
import { type FakeNode, startFakeNode } from './fake-node.js';

const CALL = { callId: 'call', fromTag: 'a' };
const dataPlanes = new WeakMap<FakeNode, FakeDataPlane>();

/** A call whose offerer's flags say something of keys. */
async function call(
  flags: Partial<MediaFlags>,
  parts: Parameters<typeof startFakeNode>[0] = {},
): Promise<FakeNode> {
  const onto = new FakeDataPlane();
  const node = await startFakeNode({ onto, ...parts });
  dataPlanes.set(node, onto);
  await negotiate(node, flags);
  return node;
}

async function negotiate(node: FakeNode, flags: Partial<MediaFlags>): Promise<void> {
  const offer = { kind: 'offer', ...CALL, sdp: audio(7, 4000), supportsLoadLimit: false } as const;
  await node.service.handle({ ...offer, flags: { ...DEFAULT_FLAGS, ...flags } }, CLIENT);
  const answer = { kind: 'answer', ...CALL, toTag: 'b', sdp: audio(8, 5000) } as const;
  await node.service.handle({ ...answer, flags: DEFAULT_FLAGS }, CLIENT);
}

/** The offerer presses keys. */
async function press({ service, registry }: FakeNode, keys: string): Promise<void> {
  const stream = registry.find('call')?.legs[0]?.streams[0]?.id ?? 0;
  for (const key of keys)
    service.handleEvent({
      ...{ kind: 'telephoneEvent', session: 'call', revision: 2, stream, event: KEYPAD.indexOf(key) },
      ...{ duration: 800, clockRate: 8000, volume: 10, payloadType: 101, source: '198.51.100.7:4000' },
    });
  await registry.run('call', async () => {});
}

/** What the data plane was told last of the offerer's keys. */
function keysOf(node: FakeNode): unknown {
  return dataPlanes
    .get(node)
    ?.applied.at(-1)
    ?.routes.find(({ to }) => to !== undefined && isOfferers(node, to))?.telephoneEvents;
}

function isOfferers({ registry }: FakeNode, to: number): boolean {
  return registry.find('call')?.legs[1]?.streams.some(({ id }) => id === to) ?? false;
}

test('a trigger has the data plane hide keys, and its end has them pass again', async () => {
  const node = await call({ blockDtmf: true, keys: { trigger: '*1', endTrigger: '#' } });
  expect(keysOf(node)).toBe('forward');
  await press(node, '*1');
  expect(keysOf(node)).toBe('drop');
  await press(node, '47#');
  expect(keysOf(node)).toBe('forward');
});

test('what a trigger has brought outlives a message that refreshes the session', async () => {
  const flags = { blockDtmf: true, keys: { trigger: '*1', endTrigger: '#' } };
  const node = await call(flags);
  await press(node, '*147');
  await negotiate(node, flags);
  expect(keysOf(node)).toBe('drop');
  await press(node, '#');
  expect(keysOf(node)).toBe('forward');
});

test('the data plane gets no new plan for keys that change no way of a packet', async () => {
  const node = await call({ blockDtmf: true, keys: { trigger: '1111112', endTrigger: '##' } });
  const plans = () => dataPlanes.get(node)?.applied.length ?? 0;
  const before = plans();
  await press(node, '1'.repeat(200));
  expect(plans()).toBe(before);
  await press(node, '2#1#');
  expect(plans()).toBe(before + 1);
  await press(node, '#');
  expect(plans()).toBe(before + 2);
});

test('what a trigger brings is told to the data plane without what only listeners need, if there is too much', async () => {
  const node = await call({ blockDtmf: true, keys: { trigger: '*1' } });
  const present = node.registry.find('call');
  const [leg, ...others] = present?.legs ?? [];
  if (present === undefined || leg === undefined) throw new Error('there is no call');
  const parameters = 'x'.repeat(15_980 - planOf(present).memo.length);
  const streams = leg.streams.map(({ inForce, ...stream }) => ({
    ...stream,
    inForce: inForce && { ...inForce, parameters },
  }));
  const full = { ...present, legs: [{ ...leg, streams }, ...others] };
  expect(fitsMemo(planOf(full).memo)).toBe(true);
  node.registry.set(full);
  await press(node, '*1');
  expect(keysOf(node)).toBe('drop');
  expect(fitsMemo(dataPlanes.get(node)?.applied.at(-1)?.memo ?? '')).toBe(true);
});

test('what a trigger has brought ends when its time is over', async () => {
  vi.useFakeTimers({ now: FACTS.now });
  onTestFinished(() => void vi.useRealTimers());
  const keys = { trigger: '*1', endAfterMs: 5000 };
  const node = await call({ blockDtmf: true, keys }, { parts: { clock: { now: () => Date.now() } } });
  await press(node, '*1');
  expect(keysOf(node)).toBe('drop');
  await vi.advanceTimersByTimeAsync(5100);
  expect(keysOf(node)).toBe('forward');
});

test('a control plane that takes over goes on with what a trigger has brought', async () => {
  const former = await call({ blockDtmf: true, keys: { trigger: '*1', endTrigger: '#' } });
  await press(former, '*147');
  const onto = dataPlanes.get(former);
  if (onto === undefined) throw new Error('there is no data plane');
  const node = await startFakeNode({ onto });
  dataPlanes.set(node, onto);
  await press(node, '11');
  expect(keysOf(node)).toBe('drop');
  await press(node, '#');
  expect(keysOf(node)).toBe('forward');
});

test.each([
  ['tone', 9, 'DTMF-security=tone is not supported for G722: nothing goes out for keys'],
  ['silence', 3, 'DTMF-security=silence is not supported for GSM: nothing goes out for keys'],
  ['silence', 9, undefined],
] as const)(
  'a message that wants %s for keys of a party that only has format %i is warned of: %s',
  async (mode, format, warning) => {
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const node = await startFakeNode({ log });
    const sdp = audio(7, 4000).replace(/^m=audio .*\r\n/m, `m=audio 4000 RTP/AVP ${format} 101\r\n`);
    const flags = { ...DEFAULT_FLAGS, blockDtmf: true, keys: { mode } };
    await node.service.handle({ kind: 'offer', ...CALL, sdp, supportsLoadLimit: false, flags }, CLIENT);
    const warned = lines.filter((line) => line.includes('goes out for keys'));
    expect(warned).toHaveLength(warning === undefined ? 0 : 1);
    expect(warned.join()).toContain(warning ?? '');
  },
);

test('codes start, interrupt and stop the recording of the call, once a second', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tandem-codes-'));
  const files = new RecordingFiles({ directory, failed: () => {} });
  await files.prepare();
  onTestFinished(() => files.settled().then(() => rm(directory, { recursive: true })));
  const recording = { directory, link: 'rawIp', side: 'arriving', rtcp: true, everyCall: false } as const;
  const recordingCodes = { 'start-pause-resume': '*1', 'start-stop': '*2' };
  const time = { now: FACTS.now };
  const clock = { now: () => time.now };
  const parts = { clock, recordingFiles: files, defaults: { ...FACTS.defaults, recording, recordingCodes } };
  const node = await call({ recordingCodesCount: true }, { parts });
  const state = () => {
    const present = node.registry.find('call');
    return present && liveRecording(present)?.state;
  };
  const states = [];
  for (const code of ['*1', '*1', '*1', '*2', '*2']) {
    await press(node, code);
    states.push(state());
    time.now += 1_000;
  }
  await press(node, '*1*1*1');
  states.push(state());
  expect(states).toEqual(['on', 'paused', 'on', undefined, 'on', 'paused']);
});
