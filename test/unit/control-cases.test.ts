import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Command, SubscribeCommand } from '../../src/command/command.js';
import { failure, type Reply } from '../../src/command/reply.js';
import { ControlCounts } from '../../src/control/ng/control-counts.js';
import { NgResponder } from '../../src/control/ng/responder.js';
import { ReplyCache } from '../../src/control/reply-cache.js';
import { type ControlStep, parseControlCase } from '../support/control-case.js';

const ROOT = new URL('../cases/control/ng/', import.meta.url).pathname;

describe('control cases of ng', () => {
  for (const file of readdirSync(ROOT)
    .filter((name) => name.endsWith('.case'))
    .sort()) {
    const { title, steps } = parseControlCase(readFileSync(ROOT + file, 'latin1'));
    test(`${file}: ${title}`, () => play(steps));
  }
});

async function play(steps: readonly ControlStep[]): Promise<void> {
  let nowMs = 0;
  let executed = 0;
  const handler = async (command: Command) => {
    executed += 1;
    return answer(command, executed);
  };
  const responder = new NgResponder({
    handler,
    cache: new ReplyCache(),
    counts: new ControlCounts(),
    logger: { debug() {}, warn() {}, error() {} },
    templates: new Map(),
    clock: () => nowMs,
  });
  let reply: Promise<Buffer | undefined> = Promise.resolve(undefined);
  for (const step of steps) {
    switch (step.kind) {
      case 'datagram': {
        const { address, port, bytes } = step;
        reply = responder.answer(Buffer.from(bytes, 'latin1'), { address, port, protocol: 'ng' }, 65_507);
        break;
      }
      case 'reply':
        expect((await reply)?.toString('latin1')).toBe(step.bytes);
        break;
      case 'no reply':
        expect(await reply).toBeUndefined();
        break;
      case 'wait':
        await reply;
        nowMs += step.seconds * 1000;
        break;
      case 'executed':
        await reply;
        expect(executed).toBe(step.count);
        break;
    }
  }
}

/** One media of each party, as labels where they are asked for. */
function subscription({ fromTags, toTag = 'drawn', wishes }: SubscribeCommand): Reply {
  const media = { index: 1, type: 'audio', mode: 'sendrecv' } as const;
  const parties = fromTags.map((tag, at) => ({ tag, medias: [{ ...media, label: String(at) }] }));
  return { kind: 'subscription', sdp: 'v=0', toTag, fromTags, ...(wishes.siprec && { parties }) };
}

/** A service that echoes: the SDP says how many commands there were, call-ids choose other outcomes. */
function answer(command: Command, executed: number): Reply {
  switch (command.kind) {
    case 'ping':
      return { kind: 'pong' };
    case 'offer':
    case 'answer':
      if (command.callId === 'throws') throw new Error('as asked');
      if (command.callId === 'no-ports') return failure('outOfPorts', 'Ran out of ports');
      if (command.callId === 'load') return { kind: 'loadLimit', message: 'Load limit exceeded' };
      return { kind: 'sdp', sdp: `command ${executed}: ${command.sdp}` };
    case 'delete':
      return { kind: 'deleted', warning: "Call-ID not found or tags didn't match" };
    case 'query':
      return failure('unknownCall', 'Unknown call-id');
    case 'list':
      return { kind: 'calls', callIds: Array.from({ length: command.limit }, (_, index) => `call${index}`) };
    case 'media control':
    case 'recording':
    case 'subscribe answer':
    case 'unsubscribe':
      return { kind: 'done' };
    case 'create answer':
    case 'connect':
    case 'mesh':
      return { kind: 'done' };
    case 'publish':
    case 'create': {
      const { callId = 'drawn', fromTag = 'drawn too' } = command;
      return { kind: 'party', callId, fromTag, sdp: 'v=0' };
    }
    case 'subscribe request':
      return subscription(command);
    case 'cli':
      return { kind: 'cli', response: `printed: ${command.line}` };
    case 'statistics':
    case 'unsupported':
      return failure('unsupported', 'unsupported');
  }
}
