import { beforeEach, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { replaceTap, type Tap, tapsOf } from '../../../src/call/taps.js';
import type { Client } from '../../../src/command/command.js';
import { decodeRequest } from '../../../src/control/rtpproxy/decode.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { withPairTap } from '../../../src/negotiation/pair-taps.js';
import { completePair, updatePair } from '../../../src/negotiation/pairs.js';
import { Conversation, FACTS } from './sample.js';

const CLIENT: Client = { address: '192.0.2.250', port: 5060, protocol: 'rtpproxy' };
const RULES = { bridge: null, asymmetricBridge: false };
const recording = {
  directory: '/spool',
  link: 'rawIp',
  side: 'arriving',
  rtcp: true,
  everyCall: false,
} as const;
const RECORDING: Facts = { ...FACTS, defaults: { ...FACTS.defaults, recording } };

let call: Call;
const binder = new Conversation();

/** The answer to a command line. */
function run(line: string): string {
  const request = decodeRequest(line, { bridged: false, notifies: true });
  if (request.kind !== 'command') throw new Error(line);
  const { command } = request;
  if (command.kind !== 'pair media') throw new Error(line);
  const { action } = command;
  if (action.kind === 'play' || action.kind === 'stopPlaying') throw new Error(line);
  const result = withPairTap(call, command, action, RECORDING);
  if (result.kind === 'failure') return result.message;
  call = result.call;
  return 'done';
}

function files(): readonly string[] {
  return tapsOf(call).map(({ target }) => (target.kind === 'pcap' ? target.path : target.rtp));
}

/** As if there was such a file already. */
function withDigits(tap: Tap): Call {
  if (tap.target.kind !== 'pcap') throw new Error('that is no file');
  const path = tap.target.path.replace(/\.pcap$/, `-${FACTS.now}-${tap.id}.pcap`);
  return replaceTap(call, { ...tap, target: { ...tap.target, path } });
}

beforeEach(() => {
  const request = decodeRequest('U c 192.0.2.1 4000 f;1', { bridged: false, notifies: true });
  if (request.kind !== 'command' || request.command.kind !== 'update pair') throw new Error('no update');
  const step = updatePair(undefined, request.command, CLIENT, RECORDING, RULES);
  if (step.kind !== 'step') throw new Error(step.kind);
  call = completePair(step, binder.bind(step.plan), RECORDING).call;
});

test('what is recorded already is not recorded again', () => {
  expect([run('R c f'), run('R c f')]).toEqual(['done', 'done']);
  expect(files()).toEqual(['/spool/c=f.o.pcap']);
});

test.each(['R c f', 'Rs c f'])('%s records once, also into a file whose name was taken', (line) => {
  run(line);
  for (const tap of tapsOf(call)) call = withDigits(tap);
  const before = files();
  run(line);
  expect(files()).toEqual(before);
});

test('a copy into a file is no recording', () => {
  expect(run('C c mine f;1')).toBe('done');
  run('R c f');
  expect(files()).toEqual(['/spool/mine.pcap', '/spool/c=f.o.pcap']);
});
