import { describe, expect, test } from 'vitest';
import type { CertificateFacts } from '../../../src/negotiation/facts.js';
import { Conversation, FACTS, sdp } from './sample.js';

/** RFC 8842 §5: another fingerprint or tls-id asks for a new association. */
const ALICE = ['m=audio 4000 UDP/TLS/RTP/SAVP 0', 'a=rtcp-mux', 'a=setup:actpass'];
const HEAD = ['v=0', 'o=a 1 1 IN IP4 198.51.100.9', 's=-', 'c=IN IP4 198.51.100.9', 't=0 0'];
const OFFER = sdp(...HEAD, ...ALICE, `a=fingerprint:sha-256 ${Array(32).fill('B2').join(':')}`);
const ANSWER = sdp(
  ...HEAD,
  ...['m=audio 5000 UDP/TLS/RTP/SAVP 0', 'a=rtcp-mux', 'a=setup:active'],
  `a=fingerprint:sha-256 ${Array(32).fill('C3').join(':')}`,
);

const named = (id: string) => ({
  id,
  fingerprints: [{ hash: 'sha-256', value: Array(32).fill(id).join(':') }],
});
const FIRST: CertificateFacts = { ...named('A1'), former: [] };
const SECOND: CertificateFacts = { ...named('D4'), former: [named('A1')] };
const FORGOTTEN: CertificateFacts = { ...named('E5'), former: [] };

function conversation(certificate: CertificateFacts): Conversation {
  return new Conversation({ ...FACTS, capabilities: new Set(['srtp', 'ice']), certificate });
}

const fingerprint = (body: string): string | undefined => /^a=fingerprint:sha-256 (..)/m.exec(body)?.[1];
const tlsId = (body: string): string | undefined => /^a=tls-id:(\S+)/m.exec(body)?.[1];

function certificates({ plan }: Conversation): readonly (string | null)[] {
  return (plan?.streams ?? []).map(({ security }) =>
    security.kind === 'dtls' ? security.certificate : null,
  );
}

describe('a certificate that is renewed during a call', () => {
  test('changes neither fingerprints nor names of associations in that call', () => {
    const call = conversation(FIRST);
    const [offered, answered] = [call.offer(OFFER), call.answer(ANSWER)];
    const associations = call.plan?.streams.map(({ security }) => security);
    call.facts = { ...call.facts, certificate: SECOND };
    const [offeredAgain, answeredAgain] = [call.offer(OFFER, {}, { to: 'bob' }), call.answer(ANSWER)];
    expect([offered, answered, offeredAgain, answeredAgain].map(fingerprint)).toEqual([
      'A1',
      'A1',
      'A1',
      'A1',
    ]);
    expect([tlsId(offeredAgain), tlsId(answeredAgain)]).toEqual([tlsId(offered), tlsId(answered)]);
    expect(certificates(call)).toEqual(['A1', 'A1']);
    expect(call.plan?.streams.map(({ security }) => security)).toEqual(associations);
  });

  test('is that of the next call', () => {
    const call = conversation(SECOND);
    expect([call.offer(OFFER), call.answer(ANSWER)].map(fingerprint)).toEqual(['D4', 'D4']);
    expect(certificates(call)).toEqual(['D4', 'D4']);
  });

  test('between offer and answer is told to the caller; the callee keeps the one it was offered', () => {
    const call = conversation(FIRST);
    const offered = call.offer(OFFER);
    call.facts = { ...call.facts, certificate: SECOND };
    const answered = call.answer(ANSWER);
    expect([offered, answered].map(fingerprint)).toEqual(['A1', 'D4']);
    expect(certificates(call)).toEqual(['D4', 'A1']);
  });

  test('replaces one this node has not any more', () => {
    const call = conversation(FIRST);
    call.offer(OFFER);
    call.answer(ANSWER);
    call.facts = { ...call.facts, certificate: FORGOTTEN };
    expect(fingerprint(call.offer(OFFER, {}, { to: 'bob' }))).toBe('E5');
    call.answer(ANSWER);
    expect(certificates(call)).toEqual(['E5', 'E5']);
  });
});
