import { expect, test } from 'vitest';
import { DEFAULT_FLAGS } from '../../../src/command/flags.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import { Conversation, FACTS, sdp } from './sample.js';

const FACTS_OF_A_WHOLE_NODE: Facts = {
  ...FACTS,
  capabilities: new Set(['srtp', 'ice']),
  certificate: {
    id: 'A1',
    former: [],
    fingerprints: [{ hash: 'sha-256', value: Array(32).fill('A1').join(':') }],
  },
};

/** A browser with four streams and more candidates than any has. */
function browser(host: number, setup: string): string {
  const lines = ['v=0', `o=- 1 1 IN IP4 127.0.0.1`, 's=-', 'c=IN IP4 0.0.0.0', 't=0 0'];
  for (let media = 0; media < 4; media += 1) {
    lines.push('m=audio 9 UDP/TLS/RTP/SAVPF 0', `a=setup:${setup}`, 'a=rtcp-mux', `a=mid:${media}`);
    lines.push(`a=fingerprint:sha-256 ${Array(32).fill('0F').join(':')}`);
    lines.push('a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuvwx');
    for (let index = 0; index < 100; index += 1) {
      const address = `2001:db8:ffff:ffff:ffff:ffff:${host}:${index}`;
      lines.push(
        `a=candidate:${1_000_000_000 + index} 1 udp 2130706431 ${address} 50000 typ host generation 0`,
      );
    }
  }
  return sdp(...lines);
}

test('a call between browsers with four streams and a hundred candidates each can be remembered', () => {
  const conversation = new Conversation(FACTS_OF_A_WHOLE_NODE);
  const sdes = { ...DEFAULT_FLAGS.sdes, off: true };
  conversation.offer(browser(10, 'actpass'), { rtcpMux: new Set(['require']), sdes });
  conversation.answer(browser(20, 'active'));
  expect(conversation.plan?.memo.length).toBeLessThan(14_000);
});
