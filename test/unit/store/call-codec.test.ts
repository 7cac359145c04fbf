import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import { decodeCall, encodeCall, memoOf, withPorts } from '../../../src/store/call-codec.js';
import { audio, Conversation } from '../negotiation/sample.js';

function sample(): Conversation {
  const conversation = new Conversation();
  conversation.offer(
    audio(10, 4000, 'a=rtcp-mux'),
    { label: 'caller', aliasKey: 'SDP', replace: new Set(['origin-full']) },
    { branch: 'br' },
  );
  conversation.answer(audio(20, 5000, 'a=rtcp-mux'), { sipCode: 200 }, { branch: 'br' });
  conversation.offer(audio(10, 4444, 'a=sendonly'), { blockDtmf: true }, { to: 'bob' });
  return conversation;
}

function callOf(conversation: Conversation): Call {
  if (conversation.call === undefined) throw new Error('there is no call');
  return conversation.call;
}

function browserAudio(): string {
  return audio(
    10,
    4000,
    'a=ice-ufrag:abcd',
    'a=ice-pwd:abcdefghijklmnopqrstuv',
    'a=candidate:1 1 udp 2113937151 198.51.100.10 4000 typ host',
    'a=candidate:2 1 udp 1677729535 192.0.2.10 4002 typ srflx raddr 0.0.0.0 rport 0',
  );
}

describe('the record of a call', () => {
  test('brings the call back as it was', () => {
    const call = callOf(sample());
    expect(decodeCall(encodeCall(call))).toEqual(call);
  });

  test('gets its ports from the plan it lies in', () => {
    const conversation = sample();
    const { plan } = conversation;
    if (plan === undefined) throw new Error('there is no plan');
    const ports = new Map(conversation.bind(plan).map(({ local, port }) => [local, port]));
    const streams = plan.streams.map((stream) => ({
      ...stream,
      locals: stream.locals.map((local) => ({ ...local, port: ports.get(local.id) ?? null })),
    }));
    const read = decodeCall(plan.memo);
    expect(read && withPorts(read, { ...plan, streams })).toEqual(callOf(conversation));
  });

  test.each([
    ['silenced as a whole', { restrictions: ['silence media'] }],
    ['copied', { taps: [] }],
  ] as const)('of a call that is %s, from before it told so, says that keys are read', (_, kept) => {
    const call = { ...callOf(sample()), ...kept };
    expect(decodeCall(encodeCall({ ...call, readsKeys: undefined }))?.readsKeys).toBe(true);
  });

  test('of a call with one party silenced says that keys are read', () => {
    const call = callOf(sample());
    const legs = call.legs.map((leg) => ({ ...leg, restrictions: ['silence media'] as const }));
    const dialogues = call.dialogues.map((each) => ({
      ...each,
      restrictionsToB: ['silence media'] as const,
    }));
    expect(decodeCall(encodeCall({ ...call, legs }))?.readsKeys).toBe(true);
    expect(decodeCall(encodeCall({ ...call, dialogues }))?.readsKeys).toBe(true);
    expect(decodeCall(encodeCall(call))?.readsKeys).toBeUndefined();
  });

  test('comes back from a memo, whatever quotation marks are in it', () => {
    const call = callOf(sample());
    for (const callId of ['plain', 'til~de', 'quo"te', 'back\\slash "~"']) {
      const memo = memoOf({ ...call, callId });
      expect(decodeCall(memo)).toEqual({ ...call, callId });
    }
    expect(JSON.stringify(memoOf(call))).toBe(`"${memoOf(call)}"`);
  });

  test('is JSON in any memo, whatever bytes clients name things with', () => {
    const call = callOf(sample());
    const bytes = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(bytes, bytes, (callId, metadata) => {
        const named = { ...call, callId, metadata };
        expect(decodeCall(memoOf(named))).toEqual(named);
        expect(decodeCall(encodeCall(named))).toEqual(named);
      }),
    );
  });

  test('is read where candidates are one text, as before version 1.1', () => {
    const conversation = new Conversation();
    conversation.offer(browserAudio());
    const call = callOf(conversation);
    const record = JSON.parse(encodeCall(call));
    const said = record.legs[0].st[0].f;
    expect(said.cd).toHaveLength(2);
    said.ic[3] = said.cd.join('\n');
    delete said.cd;
    expect(decodeCall(JSON.stringify({ ...record, v: '1.0' }))).toEqual(call);
  });

  test('has the usual interval of reports where it tells none, as older ones', () => {
    const call = { ...callOf(sample()), rtcpIntervalMs: 2500 };
    const record = JSON.parse(encodeCall(call));
    expect(decodeCall(JSON.stringify(record))?.rtcpIntervalMs).toBe(2500);
    delete record.ri;
    expect(decodeCall(JSON.stringify(record))?.rtcpIntervalMs).toBe(5000);
  });

  test('needs nothing written in another way in a plan, candidates and keys of a browser included', () => {
    const conversation = new Conversation();
    conversation.offer(browserAudio());
    const memo = memoOf(callOf(conversation));
    expect(memo).toContain('typ srflx');
    expect(JSON.stringify(memo)).toBe(`"${memo}"`);
  });

  test('may have fields this build does not know', () => {
    const call = callOf(sample());
    const record: { legs: object[] } = JSON.parse(encodeCall(call));
    const newer = {
      ...record,
      v: '1.7',
      future: { x: 1 },
      legs: record.legs.map((leg) => ({ ...leg, more: true })),
    };
    expect(decodeCall(JSON.stringify(newer))).toEqual(call);
  });

  test.each(['', 'null', '7', '[]', '{}', '{"v":1}', '{"v":"1.0"}'])('is not %j', (text) => {
    expect(decodeCall(text)).toBeUndefined();
  });

  test('of another major version is not read', () => {
    const record: object = JSON.parse(encodeCall(callOf(sample())));
    expect(decodeCall(JSON.stringify({ ...record, v: '2.0' }))).toBeUndefined();
  });

  test('that is damaged is refused or read, but never breaks the reader', () => {
    const text = encodeCall(callOf(sample()));
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('0', '"', '}', 'x', 'null'), (at, junk) => {
        const damaged = text.slice(0, at) + junk + text.slice(at + 1);
        expect(() => decodeCall(damaged)).not.toThrow();
      }),
    );
  });
});
