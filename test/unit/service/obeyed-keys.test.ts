import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { liveRecording } from '../../../src/call/taps.js';
import { DEFAULT_FLAGS, KEYPAD, type MediaFlags } from '../../../src/command/flags.js';
import { RecordingFiles } from '../../../src/service/recording-files.js';
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
  const offer = { kind: 'offer', ...CALL, sdp: audio(7, 4000), supportsLoadLimit: false } as const;
  await node.service.handle({ ...offer, flags: { ...DEFAULT_FLAGS, ...flags } }, CLIENT);
  const answer = { kind: 'answer', ...CALL, toTag: 'b', sdp: audio(8, 5000) } as const;
  await node.service.handle({ ...answer, flags: DEFAULT_FLAGS }, CLIENT);
  return node;
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

test('a control plane that takes over goes on where a trigger was half pressed', async () => {
  const former = await call({ blockDtmf: true, keys: { trigger: '*12' } });
  await press(former, '*1');
  const onto = dataPlanes.get(former);
  if (onto === undefined) throw new Error('there is no data plane');
  const node = await startFakeNode({ onto });
  dataPlanes.set(node, onto);
  await press(node, '2');
  expect(keysOf(node)).toBe('drop');
});

test('codes start, interrupt and stop the recording of the call', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tandem-codes-'));
  const files = new RecordingFiles({ directory, failed: () => {} });
  await files.prepare();
  onTestFinished(() => files.settled().then(() => rm(directory, { recursive: true })));
  const recording = { directory, link: 'rawIp', side: 'arriving', rtcp: true, everyCall: false } as const;
  const recordingCodes = { 'start-pause-resume': '*1', 'start-stop': '*2' };
  const parts = { recordingFiles: files, defaults: { ...FACTS.defaults, recording, recordingCodes } };
  const node = await call({ recordingCodesCount: true }, { parts });
  const state = () => {
    const present = node.registry.find('call');
    return present && liveRecording(present)?.state;
  };
  const states = [];
  for (const code of ['*1', '*1', '*1', '*2', '*2']) {
    await press(node, code);
    states.push(state());
  }
  expect(states).toEqual(['on', 'paused', 'on', undefined, 'on']);
});
