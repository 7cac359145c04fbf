import { describe, expect, test } from 'vitest';
import type { Call } from '../../../src/call/call.js';
import type { SessionPlan } from '../../../src/dataplane/protocol.gen.js';
import { reconcile } from '../../../src/dataplane/reconcile.js';
import { newCall } from '../../../src/negotiation/call-flags.js';
import { CLIENT, FACTS } from '../negotiation/sample.js';

function call(callId: string, revision: number): Call {
  return { ...newCall({ callId }, CLIENT, FACTS), revision };
}

function plan(session: string, revision: number, memo = 'readable'): SessionPlan {
  return {
    session,
    revision,
    memo,
    tos: 0,
    timeouts: { mediaMs: 1, silentMs: 1, offerMs: 1, firstPacketMs: null },
    streams: [],
    reportTelephoneEvents: false,
    routes: [],
  };
}

const read = ({ session, revision, memo }: SessionPlan) =>
  memo === 'readable' ? call(session, revision) : undefined;

function known(...calls: Call[]): ReadonlyMap<string, Call> {
  return new Map(calls.map((each) => [each.callId, each]));
}

describe('after a start of the control plane', () => {
  test('sessions are adopted as the calls their memos tell of', () => {
    const result = reconcile([plan('a', 3)], known(), read, false);
    expect(result).toEqual({ adopt: [call('a', 3)], reapply: [], release: [], unreadable: [] });
  });

  test('a session with an unreadable memo is left alone', () => {
    const result = reconcile([plan('a', 3, '?')], known(), read, false);
    expect(result).toEqual({ adopt: [], reapply: [], release: [], unreadable: ['a'] });
  });
});

describe('after a loss of the connection', () => {
  test('a call the data plane holds as it should needs nothing', () => {
    const result = reconcile([plan('a', 3)], known(call('a', 3)), read, true);
    expect(result).toEqual({ adopt: [], reapply: [], release: [], unreadable: [] });
  });

  test('a call the data plane has lost is applied again', () => {
    expect(reconcile([], known(call('a', 3)), read, true).reapply).toEqual([call('a', 3)]);
  });

  test('a call the data plane has an older state of is applied again', () => {
    expect(reconcile([plan('a', 2)], known(call('a', 3)), read, true).reapply).toEqual([call('a', 3)]);
  });

  test('a plan that was given up here is overruled', () => {
    expect(reconcile([plan('a', 4)], known(call('a', 3)), read, true).reapply).toEqual([call('a', 5)]);
  });

  test('a session that nobody knows any more is released', () => {
    expect(reconcile([plan('a', 3)], known(), read, true).release).toEqual(['a']);
  });

  test('a session that was unreadable before still is', () => {
    const result = reconcile([plan('a', 3, '?')], known(), read, true);
    expect(result).toMatchObject({ release: [], unreadable: ['a'] });
  });
});
